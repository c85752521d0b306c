//go:build !linux

package udp

// An outbox is what a system needs to send a batch: nothing here.
type outbox struct{}

func (b *Batch) open() { b.plain = b.s.post }

func (b *Batch) transmit() { b.transmitSingly() } // not reached
