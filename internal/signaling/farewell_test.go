package signaling_test

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A door is closed once.
type door struct{ times atomic.Int32 }

func (d *door) closed() int { return int(d.times.Load()) }

// Close implements [io.Closer].
func (d *door) Close() error {
	d.times.Add(1)
	return nil
}

// TestPeersOfReplaced: the peer of a session that was replaced before it was connected stays until
// that is so, or cannot be any more; all others are closed with their sessions.
func TestPeersOfReplaced(t *testing.T) {
	for name, c := range map[string]struct {
		connected bool // before
		reason    signaling.Reason
		then      func(x *signaling.Service, s *signaling.Session)
		stays     bool
	}{
		"connects":          {false, signaling.Replaced, func(_ *signaling.Service, s *signaling.Session) { s.OnState(rtc.Connected) }, true},
		"on another node":   {false, signaling.Elsewhere, func(_ *signaling.Service, s *signaling.Session) { s.OnState(rtc.Connected) }, true},
		"fails":             {false, signaling.Replaced, func(_ *signaling.Service, s *signaling.Session) { s.OnState(rtc.Failed) }, true},
		"never":             {false, signaling.Replaced, func(*signaling.Service, *signaling.Session) { time.Sleep(signaling.DefaultConnectTimeout) }, true},
		"the node closes":   {false, signaling.Replaced, func(x *signaling.Service, _ *signaling.Session) { x.Close() }, true},
		"was connected":     {true, signaling.Replaced, nil, false},
		"for other reasons": {false, signaling.Kicked, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o, d := &fakeOpener{}, &door{}
				var mu sync.Mutex
				var told []signaling.Reason
				graves := map[signaling.Reason]int{signaling.Kicked: 2} // its URL and when it is forgotten
				x := newTarget(t, signaling.WHIP, o, signaling.Config{Observe: func(n signaling.News) {
					if n.Event == signaling.Ended {
						mu.Lock()
						told = append(told, n.Reason)
						mu.Unlock()
					}
				}})
				ended := func() []signaling.Reason {
					mu.Lock()
					defer mu.Unlock()
					return slices.Clone(told)
				}
				path := x.Create(t, "live", "").Path
				s := o.last().session
				s.OwnsPeer(d)
				if c.connected {
					s.OnState(rtc.Connected)
				}
				s.End(c.reason)
				synctest.Wait()
				if stays := d.closed() == 0; stays != c.stays || !slices.Equal(ended(), []signaling.Reason{c.reason}) {
					t.Errorf("its peer stays: %t; told %v", stays, ended())
				}
				x.Do(t, get(path)).Want(t, 404)
				if c.then != nil {
					c.then(x.Service, s)
				}
				synctest.Wait()
				if d.closed() != 1 || len(ended()) != 1 || x.Service.Entries() != graves[c.reason] {
					t.Errorf("closed %d times; told %v; %d entries", d.closed(), ended(), x.Service.Entries())
				}
			})
		})
	}
}

// TestPeersOfReplacedAreBounded: together with half-open sessions they are as many as those may be.
func TestPeersOfReplacedAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, doors := &fakeOpener{}, make([]door, 3)
		x := newTarget(t, signaling.WHIP, o, signaling.Config{Limits: signaling.Limits{HalfOpen: 2}})
		for i := range doors {
			x.Create(t, "live", "")
			s := o.last().session
			s.OwnsPeer(&doors[i])
			s.End(signaling.Replaced)
			synctest.Wait()
		}
		if doors[0].closed()+doors[1].closed() != 0 || doors[2].closed() != 1 {
			t.Errorf("closed: %d, %d, %d", doors[0].closed(), doors[1].closed(), doors[2].closed())
		}
		time.Sleep(signaling.DefaultConnectTimeout)
		synctest.Wait()
		if doors[0].closed() != 1 || doors[1].closed() != 1 {
			t.Errorf("closed: %d, %d", doors[0].closed(), doors[1].closed())
		}
	})
}
