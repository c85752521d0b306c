package udp

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Close may come while batches flush, a reader reads and single writes go out. All
// end, and every datagram was either sent or given back.
func TestCloseWhileBusy(t *testing.T) {
	for range 20 {
		s, port := open(t, ":0")
		to := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		var all sync.WaitGroup
		started := make(chan struct{}, 4)
		for range 2 {
			b := s.NewBatch()
			all.Go(func() { flushUntilClosed(t, b, to, started) })
		}
		r := s.NewReader()
		all.Go(func() {
			started <- struct{}{}
			for {
				if _, err := r.Read(); err != nil {
					if !errors.Is(err, net.ErrClosed) {
						t.Error(err)
					}
					return
				}
			}
		})
		all.Go(func() {
			started <- struct{}{}
			for {
				if _, err := s.WriteToAddrPort([]byte("x"), to); err != nil {
					return
				}
			}
		})
		for range cap(started) {
			<-started
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		all.Wait()
		st := s.Stats()
		if st.SendErrors[SendClosed] < 3 {
			t.Errorf("%+v", st)
		}
	}
}

func flushUntilClosed(t *testing.T, b *Batch, to netip.AddrPort, started chan<- struct{}) {
	for first := true; ; first = false {
		var o losses
		for range 10 {
			put(b, 1, 1200, to, netip.Addr{}, &o)
		}
		b.Flush()
		if first {
			started <- struct{}{}
		}
		if o.packets == 0 {
			continue
		}
		if o.packets != 10 || !errors.Is(o.err, net.ErrClosed) {
			t.Errorf("told %+v", o)
		}
		return
	}
}
