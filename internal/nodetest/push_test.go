package nodetest_test

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/outbound"
)

// TestPush: what is published here is published at the far node too, and looks there as it
// does here: every picture, in sync, one SSRC.
func TestPush(t *testing.T) {
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		far := w.Far(&web, "far.example")
		pub := w.Publish("studio")
		w.Run(3 * time.Second)
		sub := far.Subscribe("studio")
		sub.WantMedia(time.Minute)
		sub.WantLive(300 * time.Millisecond)
		sub.WantSync(20 * time.Millisecond)
		if p := w.Node.Pushes(); len(p) != 1 || p[0].State != outbound.Connected || p[0].Far != "far.example" || p[0].Opened != 1 {
			t.Errorf("pushes %+v", p)
		}
		m := scrapeNode(t, w)
		if n := m.value(t, "whippet_far_streams", "way=push", "state=connected"); n != 1 {
			t.Errorf("%v connected", n)
		}
		if n := m.value(t, "whippet_far_sessions_total", "way=push", "result=opened"); n != 1 {
			t.Errorf("%v opened", n)
		}
		sub.Leave()
		pub.Leave()
		w.Run(outbound.PushLinger + 2*time.Second)
		if p := w.Node.Pushes(); len(p) != 0 {
			t.Errorf("pushes %+v", p)
		}
		w.WantEmpty()
		if all, _ := far.Sessions(); all != 0 {
			t.Errorf("%d sessions at the far node", all)
		}
	}, nodetest.On(&web), nodetest.Settings([]config.Push{pushTo("")}, nil))
}

// pushing runs f with a node that pushes all streams to a far node. settings are more of the
// former.
func pushing(t *testing.T, f func(t *testing.T, w *nodetest.World, far *nodetest.Far), options ...nodetest.Option) {
	t.Helper()
	var web nodetest.Web
	options = append(options, nodetest.On(&web), nodetest.Settings([]config.Push{pushTo("")}, nil))
	run(t, func(t *testing.T, w *nodetest.World) { f(t, w, w.Far(&web, "far.example")) }, options...)
}

// TestPushPublisherComesBack: a publisher that is away for less than the linger goes on in the
// same session, also where another one takes its place; subscribers of the far node keep theirs.
func TestPushPublisherComesBack(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		pub := w.Publish("studio")
		w.Run(3 * time.Second)
		sub := far.Subscribe("studio")
		sub.WantMedia(5 * time.Second)
		pub.Leave()
		w.Run(outbound.PushLinger - 2*time.Second)
		w.Publish("studio")
		w.Run(2 * time.Second)
		sub.WantMedia(10 * time.Second)
		if p := w.Node.Pushes(); len(p) != 1 || p[0].Opened != 1 {
			t.Errorf("pushes %+v", p)
		}
	})
}

// TestPushFormatChanges: another codec needs another session, which comes by itself.
func TestPushFormatChanges(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		pub := w.Publish("studio")
		w.Run(3 * time.Second)
		pub.Leave()
		w.Publish("studio", func(o *client.PublishOptions) {
			o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{Codec: codec.H264})
		})
		w.Run(5 * time.Second)
		far.Subscribe("studio").WantMedia(10 * time.Second)
		p := w.Node.Pushes()
		if len(p) != 1 || p[0].Opened != 2 || p[0].Reason != outbound.Misfit {
			t.Errorf("pushes %+v", p)
		}
		if all, _ := far.Sessions(); all != 2 {
			t.Errorf("%d sessions at the far node", all)
		}
	})
}

// TestPushSoundAlone: a stream without picture is pushed after a moment, and sound that a
// publisher begins later gets a session that has it.
func TestPushSoundAlone(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		w.Publish("studio", func(o *client.PublishOptions) { o.Video = nil })
		late := func(o *client.PublishOptions) {
			o.Audio = &pausing{Source: o.Audio, pause: 20 * time.Second} // before the first one
		}
		w.Publish("other", late)
		w.Run(5 * time.Second)
		info, _ := far.Streams().Lookup("studio")
		other, _ := far.Streams().Lookup("other")
		if info.Audio == nil || info.Video != nil || other.Audio != nil || other.Video == nil {
			t.Errorf("studio %+v, other %+v", info, other)
		}
		w.Run(25 * time.Second)
		if other, _ := far.Streams().Lookup("other"); other.Audio == nil || other.Video == nil {
			t.Errorf("other %+v", other)
		}
	})
}

// TestPushDeclined: a far end that does not take the picture gets the sound, and the operator is told.
func TestPushDeclined(t *testing.T) {
	var log logbook
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		video := func(s string) string { return strings.Replace(s, "m=video 9 ", "m=video 0 ", 1) }
		far.Serve(foreign(far.Handler(), [2]func(string) string{video, video}, http.StatusCreated))
		w.Publish("studio")
		w.Run(5 * time.Second)
		if p := w.Node.Pushes(); len(p) != 1 || p[0].State != outbound.Connected || p[0].Declined != "video" {
			t.Errorf("pushes %+v", p)
		}
		if info, _ := far.Streams().Lookup("studio"); info.Audio == nil || info.Video != nil {
			t.Errorf("studio %+v", info)
		}
	}, nodetest.Logs(node.NewLogs(&log, config.Log{Level: slog.LevelInfo})))
	if !strings.Contains(log.String(), "level=WARN msg=push pkg=relay event=declined stream=studio far=far.example kind=video") {
		t.Error(log.String())
	}
}

// TestPushStartsAnew: after a session that lasted the first pause is short again, however many
// attempts had failed before it.
func TestPushStartsAnew(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		far.Stop()
		w.Publish("studio")
		w.Run(2 * time.Minute)
		far.Start()
		w.Run(time.Minute) // a pause of at most 45 s, and a session of 10 s at least
		far.Kill()
		before := w.Node.Pushes()[0]
		for range 150 {
			if w.Node.Pushes()[0].State != outbound.Connected {
				break
			}
			w.Run(100 * time.Millisecond)
		}
		w.Run(5 * time.Second) // a pause that is not short lasts 15 s at least
		if after := w.Node.Pushes()[0]; before.Opened != 1 || after.Failed == before.Failed {
			t.Errorf("pushes %+v, then %+v", before, after)
		}
	})
}

// TestPushFarRestarts: a far end that ends, and one that dies without a word, is found again when
// it is back.
func TestPushFarRestarts(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		w.Publish("studio")
		w.Run(15 * time.Second)
		far.Stop()
		w.Run(20 * time.Second)
		if p := w.Node.Pushes(); p[0].State != outbound.Waiting && p[0].State != outbound.Connecting || p[0].Reason != outbound.Unreachable {
			t.Errorf("pushes %+v", p)
		}
		far.Start()
		w.Run(30 * time.Second)
		sub := far.Subscribe("studio")
		sub.WantMedia(10 * time.Second)
	})
}

func TestPushFarDies(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		w.Publish("studio")
		w.Run(15 * time.Second)
		far.Kill()
		w.Run(6 * time.Second)
		if p := w.Node.Pushes(); p[0].State != outbound.Connected {
			t.Errorf("given up too soon: %+v", p)
		}
		w.Run(8 * time.Second)
		if p := w.Node.Pushes(); p[0].State == outbound.Connected || p[0].Opened != 1 {
			t.Errorf("not given up: %+v", p)
		}
		far.Start()
		w.Run(30 * time.Second)
		far.Subscribe("studio").WantMedia(10 * time.Second)
	})
}

// TestPushOverABadNetwork: what is lost on the way is sent again, and what the way does not carry
// is not sent: of three encodings the far node has the one that fits.
func TestPushOverABadNetwork(t *testing.T) {
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		w.Publish("studio")
		w.Run(3 * time.Second)
		sub := far.Subscribe("studio")
		w.Server().Refuse(everyTenth())
		w.Run(5 * time.Second)
		before := far.Streams().Counts().Received.Repaired
		sub.WantPictures(20 * time.Second)
		if repaired := far.Streams().Counts().Received.Repaired - before; repaired < 50 {
			t.Errorf("%d packets repaired", repaired)
		}
	})
	pushing(t, func(t *testing.T, w *nodetest.World, far *nodetest.Far) {
		w.Publish("studio", func(o *client.PublishOptions) {
			o.Video = nil
			for i, rid := range []string{"q", "h", "f"} {
				o.Video = append(o.Video, client.Encoding{RID: rid, Source: nodetest.Video(t, client.SyntheticOptions{
					Width: 320 << i, Height: 180 << i, Bitrate: 200_000 << (2 * i),
				})})
			}
		})
		height := func() int {
			info, _ := far.Streams().Lookup("studio")
			if info.Video == nil {
				return 0
			}
			_, h := info.Video.Size()
			return h
		}
		w.Run(20 * time.Second)
		if h := height(); h != 720 {
			t.Errorf("%d lines over a good network", h)
		}
		far.Host.Set(nodetest.Link{Rate: 1_500_000})
		w.Run(20 * time.Second)
		if h := height(); h != 360 {
			t.Errorf("%d lines over 1.5 Mbit/s", h)
		}
		far.Host.Set(nodetest.Link{})
		w.Run(60 * time.Second)
		if h := height(); h != 720 {
			t.Errorf("%d lines over a good network again", h)
		}
	})
}

// everyTenth loses each tenth packet of media size.
func everyTenth() func([]byte) bool {
	var n atomic.Int32
	return func(b []byte) bool { return len(b) > 500 && n.Add(1)%10 == 0 }
}

// strict makes a node a server that takes another publisher once it was told the end of the first.
func strict(h http.Handler) http.Handler {
	var taken atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			taken.Store(false)
		case r.Method == http.MethodPost && taken.Swap(true):
			w.WriteHeader(http.StatusConflict)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// TestPushInACluster: the node that has the publisher pushes, and no other; one that lost it to
// another leaves the push to that, soon.
func TestPushInACluster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var web nodetest.Web
		c := nodetest.NewCluster(t, 2, nodetest.On(&web), nodetest.Settings([]config.Push{pushTo("")}, nil))
		far := c.Far(&web, "far.example")
		web.Serve("far.example", strict(far.Handler()))
		pub := c.Nodes[0].Publish("studio")
		c.Run(2 * time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		there := far.Subscribe("studio")
		c.Run(13 * time.Second)
		sub.WantMedia(5 * time.Second)
		there.WantMedia(5 * time.Second)
		if first, second := c.Nodes[0].Pushes(), c.Nodes[1].Pushes(); len(first) != 1 || first[0].Opened != 1 || len(second) != 0 {
			t.Errorf("pushes %+v and %+v", first, second)
		}
		pub.Leave()
		c.Nodes[1].Publish("studio")
		// The far end refuses the second node until the first has looked where the stream is, at
		// most 2 s later. Three attempts fit into that, and the pause after the third is 6 s at most.
		c.Run(10 * time.Second)
		there.WantMedia(5 * time.Second)
		if first, second := c.Nodes[0].Pushes(), c.Nodes[1].Pushes(); len(first) != 0 || len(second) != 1 || second[0].Opened != 1 {
			t.Errorf("pushes %+v and %+v", first, second)
		}
	})
}

// TestPushTakenBefore: a far end that took a stream before and refuses it now is asked again:
// some say 403 while they still have the session that was lost.
func TestPushTakenBefore(t *testing.T) {
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		far := w.Far(&web, "far.example")
		w.Publish("studio")
		w.Run(15 * time.Second)
		far.Kill()
		web.Serve("far.example", forbidden())
		w.Run(30 * time.Second)
		if p := w.Node.Pushes(); len(p) != 1 || p[0].Reason != outbound.Refused || p[0].State == outbound.Rejected {
			t.Errorf("pushes %+v", p)
		}
		far.Start()
		w.Run(35 * time.Second)
		far.Subscribe("studio").WantMedia(5 * time.Second)
	}, nodetest.On(&web), nodetest.Settings([]config.Push{pushTo("")}, nil))
}
