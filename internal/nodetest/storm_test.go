package nodetest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

// tiny is a stream that costs little.
func tiny(t *testing.T) func(*client.PublishOptions) {
	return func(o *client.PublishOptions) {
		o.Audio = nil
		o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{FPS: 10, Bitrate: 30_000, Width: 64, Height: 64})
	}
}

// ways are how a session can end: DELETE, close_notify, nothing.
var ways = []func(w *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber){
	func(_ *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) { s.Leave(); p.Leave() },
	func(_ *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) { p.Leave(); s.Leave() },
	func(_ *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) {
		_ = s.PeerConnection().Close()
		_ = p.PeerConnection().Close()
	},
	func(w *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) {
		w.Do(http.MethodDelete, p.URL(), "")
		w.Do(http.MethodDelete, s.URL(), "")
	},
	func(_ *nodetest.World, p *nodetest.Publisher, s *nodetest.Subscriber) { p.Kill(); s.Kill() },
}

// TestSessionCycles wants nothing to be left of any of many sessions. That no goroutine
// is left is the bubble's to find.
func TestSessionCycles(t *testing.T) {
	cycles := share(1000) // a publisher's and a subscriber's session each
	run(t, func(t *testing.T, w *nodetest.World) {
		from, to := w.Host(nodetest.Link{}), w.Host(nodetest.Link{})
		for i := range cycles {
			name := "s" + strconv.Itoa(i%7)
			pub := from.Publish(name, tiny(t))
			sub := to.Subscribe(name, func(o *client.PlayOptions) { o.Codecs = []codec.Name{codec.VP8} })
			w.Run(150 * time.Millisecond)
			if sub.Pictures().Shown == 0 {
				t.Fatalf("cycle %d: nothing was shown", i)
			}
			ways[i%len(ways)](w, pub, sub)
			pub.Kill() // what is left of it on the client's side
			sub.Kill()
			w.Run(2100 * time.Millisecond) // a dead publisher holds its name that long
		}
		w.Run(40 * time.Second)
		w.WantEmpty()
	})
}

// TestW133_HalfOpenSessionsAreCapped: a flood of POSTs takes the room of sessions that
// never connect and no more.
func TestW133_HalfOpenSessionsAreCapped(t *testing.T) {
	const posts, room = 10_000, 200
	run(t, func(t *testing.T, w *nodetest.World) {
		_, sub := studio(w)
		before := w.Left()
		status := map[int]int{}
		for i := range posts {
			status[flood(w, i)]++
			if i%100 == 0 {
				w.Run(10 * time.Millisecond)
			}
		}
		if status[201] != room || status[503] != posts-room {
			t.Errorf("answers %v", status)
		}
		if _, halfOpen := w.Node.Sessions(); halfOpen != room {
			t.Errorf("%d half-open sessions", halfOpen)
		}
		sub.WantMedia(5 * time.Second)
		w.Run(15 * time.Second)
		if after := w.Left(); stripHistory(after) != stripHistory(before) {
			t.Errorf("left: %s\nbefore: %s", after, before)
		}
		w.Subscribe("studio")
		sub.WantMissing(codec.Video, 0)
	}, nodetest.Limits(signaling.Limits{HalfOpen: room}))
}

// flood posts an offer whose client never connects.
func flood(w *nodetest.World, i int) int {
	if i%2 == 0 {
		return w.Post("/whip/flood"+strconv.Itoa(i), sdptest.Base()).Status
	}
	return w.Post("/whep/studio", sdptest.View()).Status
}

func stripHistory(left string) string {
	var kept []string
	for _, f := range strings.Fields(left) {
		if !strings.HasPrefix(f, "history=") {
			kept = append(kept, f)
		}
	}
	return strings.Join(kept, " ")
}
