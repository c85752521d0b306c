//go:build !linux

package bench

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// A plainNetwork reads each socket in a goroutine.
type plainNetwork struct{}

// newNetwork returns the network of this system.
func newNetwork() (network, error) { return plainNetwork{}, nil }

func (plainNetwork) close() {}

// hurry has no meaning: each packet is read at once.
func (plainNetwork) hurry(int) {}

func (plainNetwork) open(local netip.Addr, receive receiver) (socket, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(receiveBuffer)
	s := &plainSocket{conn: c}
	s.wg.Go(func() {
		b := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			receive(b[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), time.Now())
		}
	})
	return s, nil
}

type plainSocket struct {
	conn *net.UDPConn
	wg   sync.WaitGroup
}

func (s *plainSocket) addr() netip.AddrPort {
	return s.conn.LocalAddr().(*net.UDPAddr).AddrPort() //nolint:forcetypeassert // of a UDP socket
}

// overflowed is not known.
func (s *plainSocket) overflowed() uint32 { return 0 }

func (s *plainSocket) send(b []byte, to netip.AddrPort) error {
	_, err := s.conn.WriteToUDPAddrPort(b, to)
	return err
}

func (s *plainSocket) close() {
	_ = s.conn.Close()
	s.wg.Wait()
}
