package nodetest_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

type restarter interface {
	Restart(ctx context.Context) error
	ETag() string
	URL() string
}

// studio is a stream with one publisher and one subscriber that plays.
func studio(w *nodetest.World, change ...func(*client.PublishOptions)) (*nodetest.Publisher, *nodetest.Subscriber) {
	pub := w.Publish("studio", change...)
	w.Run(time.Second)
	sub := w.Subscribe("studio")
	w.Run(time.Second)
	return pub, sub
}

// wantRestart restarts ICE and wants a new entity tag.
func wantRestart(t *testing.T, r restarter) {
	t.Helper()
	was := r.ETag()
	if err := r.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r.ETag() == was {
		t.Error("the entity tag did not change")
	}
}

func TestW90_E47_RestartIsSeamless(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, r := range []restarter{pub, sub, pub, sub} {
			wantRestart(t, r)
			sub.WantMedia(5 * time.Second)
		}
		sub.WantMissing(codec.Video, 0)
		sub.WantLive(100 * time.Millisecond)
	})
}

func TestW90_RestartFromAnotherAddress(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for range 3 {
			pub.Host.Move()
			w.Run(500 * time.Millisecond)
			wantRestart(t, pub)
			w.Run(3 * time.Second)
			sub.WantMedia(5 * time.Second)
			sub.WantLive(100 * time.Millisecond)
		}
	})
}

func TestE47_RestartFromAnotherAddress(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		_, sub := studio(w)
		for range 3 {
			sub.Host.Move()
			w.Run(500 * time.Millisecond)
			wantRestart(t, sub)
			w.Run(3 * time.Second)
			sub.WantMedia(5 * time.Second)
			sub.WantLive(100 * time.Millisecond)
		}
	})
}

// TestW90_RestartAfterDisconnected: the client notices late, as browsers do.
func TestW90_RestartAfterDisconnected(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		pub.Host.Move()
		sub.Host.Move()
		w.Run(12 * time.Second)
		wantRestart(t, pub)
		wantRestart(t, sub)
		w.Run(4 * time.Second)
		sub.WantMedia(10 * time.Second)
		sub.WantLive(100 * time.Millisecond)
	})
}

func TestW95_RefusedRestartsLeaveMedia(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, url := range []string{pub.URL(), sub.URL()} {
			for _, fragment := range []string{
				credentials("abc", strings.Repeat("p", 22)), credentials("abcd", strings.Repeat("p", 21)),
				credentials("ab cd", strings.Repeat("p", 22)), "a=ice-ufrag:abcd\r\n", "garbage", "",
			} {
				r := restart(w, url, fragment)
				if r.Status < 400 || r.Status > 499 {
					t.Errorf("%q: %d", fragment, r.Status)
				}
			}
		}
		sub.WantMedia(10 * time.Second)
		wantTrickle(t, w, pub)
	})
}

// wantTrickle wants the entity tag the client holds to be the one in force.
func wantTrickle(t *testing.T, w *nodetest.World, pub *nodetest.Publisher) {
	t.Helper()
	r := w.Do(http.MethodPatch, pub.URL(), "a=end-of-candidates\r\n",
		"Content-Type", "application/trickle-ice-sdpfrag", "If-Match", pub.ETag())
	if r.Status != http.StatusNoContent {
		t.Errorf("trickle with the old tag: %d %s", r.Status, r.Body)
	}
}

func credentials(ufrag, pwd string) string {
	return fmt.Sprintf("a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=end-of-candidates\r\n", ufrag, pwd)
}

func restart(w *nodetest.World, url, fragment string) nodetest.Reply {
	return w.Do(http.MethodPatch, url, fragment, "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*")
}

// TestW95_RestartThatNeverConnects is begun and then forgotten: media goes on over the
// old pair.
func TestW95_RestartThatNeverConnects(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		pub, sub := studio(w)
		for _, url := range []string{pub.URL(), sub.URL()} {
			if r := restart(w, url, credentials("newufrag", strings.Repeat("n", 24))); r.Status != http.StatusOK {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
		}
		sub.WantMedia(10 * time.Second)
		w.WantAlive(pub.URL())
		w.WantAlive(sub.URL())
		wantRestart(t, pub)
		wantRestart(t, sub)
		w.Run(time.Second)
		sub.WantMedia(30 * time.Second)
	})
}

// TestRestartOverARoughPath: requests come through, packets do not all.
func TestRestartOverARoughPath(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		from, to := w.Host(rough(0.05)), w.Host(rough(0.05))
		pub := from.Publish("studio")
		w.Run(time.Second)
		sub := to.Subscribe("studio")
		w.Run(time.Second)
		for _, r := range []restarter{pub, sub, pub, sub} {
			wantRestart(t, r)
			w.Run(3 * time.Second)
			sub.WantPictures(5 * time.Second)
		}
	})
}
