package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/nodetest"
)

// consent is how long a session may outlive its path (RFC 7675 §5.1, and some).
const consent = 35 * time.Second

func TestCutThatHeals(t *testing.T) {
	for name, of := range map[string]func(w *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) *nodetest.Host{
		"publisher":  func(_ *nodetest.World, p *nodetest.Publisher, _ *nodetest.Subscriber) *nodetest.Host { return p.Host },
		"subscriber": func(_ *nodetest.World, _ *nodetest.Publisher, s *nodetest.Subscriber) *nodetest.Host { return s.Host },
		"node": func(w *nodetest.World, _ *nodetest.Publisher, _ *nodetest.Subscriber) *nodetest.Host {
			return w.Server()
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				pub, sub := studio(w)
				for _, d := range []time.Duration{time.Second, 5 * time.Second, 15 * time.Second} {
					h := of(w, pub, sub)
					h.Cut()
					w.Run(d)
					h.Heal()
					w.Run(3 * time.Second)
					sub.WantMedia(5 * time.Second)
					sub.WantLive(100 * time.Millisecond)
					sub.WantSync(10 * time.Millisecond)
				}
				w.WantAlive(pub.URL())
				w.WantAlive(sub.URL())
			})
		})
	}
}

// TestOneWayCuts: only one direction is dead, for a while.
func TestOneWayCuts(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, cut := range []func(){pub.Host.CutUp, pub.Host.CutDown, sub.Host.CutUp, sub.Host.CutDown} {
			cut()
			w.Run(8 * time.Second)
			pub.Host.Heal()
			sub.Host.Heal()
			w.Run(3 * time.Second)
			sub.WantMedia(5 * time.Second)
			sub.WantLive(100 * time.Millisecond)
		}
	})
}

func TestW67_CutPublisherEnds(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		pub.Host.Cut()
		if d := w.Gone(pub.URL(), consent); d < 10*time.Second {
			t.Errorf("gone after %v already", d)
		}
		w.WantAlive(sub.URL())
		if info, ok := w.Node.Streams().Lookup("studio"); !ok || info.Live() {
			t.Error("the stream is still live")
		}
		w.Publish("studio")
		w.Run(time.Second)
		sub.WantMedia(5 * time.Second)
	})
}

func TestE51_CutSubscriberEnds(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		_, sub := studio(w)
		other := w.Subscribe("studio")
		w.Run(time.Second)
		sub.Host.Cut()
		w.Gone(sub.URL(), consent)
		if info, _ := w.Node.Streams().Lookup("studio"); info.Subscribers != 1 {
			t.Errorf("%d subscribers", info.Subscribers)
		}
		other.WantMedia(5 * time.Second)
	})
}

// TestE51_MuteSubscriberEnds: it still gets everything, but its consent does not come.
func TestE51_MuteSubscriberEnds(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		_, sub := studio(w)
		sub.Host.CutUp()
		w.Gone(sub.URL(), consent)
		w.Run(time.Second)
		_, down := sub.Host.Traffic()
		w.Run(10 * time.Second)
		if _, now := sub.Host.Traffic(); now.Sent != down.Sent {
			t.Errorf("%d packets sent without consent", now.Sent-down.Sent)
		}
	})
}

func TestW69_E51_CloseNotify(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		_ = sub.PeerConnection().Close()
		w.Gone(sub.URL(), time.Second)
		_ = pub.PeerConnection().Close()
		w.Gone(pub.URL(), time.Second)
		w.Run(10 * time.Second) // graves
		w.WantEmpty()
	})
}

func TestW68_E49_DeleteRevokesConsent(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, s := range []interface {
			URL() string
			Done() <-chan struct{}
		}{sub, pub} {
			if r := w.Do("DELETE", s.URL(), ""); r.Status != 200 {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			w.Run(time.Second)
			select {
			case <-s.Done():
			default:
				t.Error("the far end is still connected after a second")
			}
			w.Gone(s.URL(), 0)
		}
		_, pubDown := pub.Host.Traffic()
		w.Run(5 * time.Second)
		if _, now := pub.Host.Traffic(); now.Sent != pubDown.Sent {
			t.Errorf("%d packets to a session that was deleted", now.Sent-pubDown.Sent)
		}
		w.WantEmpty()
	})
}

func TestW70_NeverConnectedIsReaped(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		mute := w.Host(nodetest.Link{})
		mute.Cut()
		pub, err := mute.TryPublish("studio")
		if err != nil {
			t.Fatal(err)
		}
		sub, err := mute.TrySubscribe("studio")
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{pub.URL(), sub.URL()} {
			w.WantAlive(url)
		}
		if d := w.Gone(pub.URL(), 17*time.Second); d < 14*time.Second {
			t.Errorf("reaped after %v already", d)
		}
		w.Gone(sub.URL(), 2*time.Second)
		w.Run(time.Second)
		w.WantEmpty()
		w.Publish("studio")
	})
}

// TestW70_HalfConnectedIsReaped: ICE comes up, DTLS never does.
func TestW70_HalfConnectedIsReaped(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		h := w.Host(nodetest.Link{})
		h.Refuse(func(b []byte) bool { return len(b) > 0 && b[0] >= 20 && b[0] <= 63 }) // RFC 7983
		pub, err := h.TryPublish("studio")
		if err != nil {
			t.Fatal(err)
		}
		w.Gone(pub.URL(), 22*time.Second)
		w.Run(time.Second)
		w.WantEmpty()
	})
}

// TestW67_MediaIsLiveness: FFmpeg 8.0 answers and sends no STUN once it is connected.
func TestW67_MediaIsLiveness(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		pub.Host.Refuse(func(b []byte) bool { return len(b) > 0 && b[0] < 2 })
		w.Run(time.Minute)
		w.WantAlive(pub.URL())
		sub.WantMedia(30 * time.Second)
	})
}
