//go:build !linux

package udp

// An inbox is what a system needs to receive many datagrams: nothing here.
type inbox struct{}

func (r *Reader) open() { r.openPlain(r.s.receive) }

func (r *Reader) receive() error { return r.receiveOne() } // not reached
