package nodetest_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// likeOBS has a keyframe every ten seconds and ignores requests for more.
func likeOBS(t *testing.T) func(*client.PublishOptions) {
	return func(o *client.PublishOptions) {
		o.IgnoreKeyframeRequests = true
		o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{KeyframeInterval: 10 * time.Second})
	}
}

// wantFastStart wants a keyframe soon after the POST, and the picture to be live after
// a catch-up.
func wantFastStart(t *testing.T, sub *nodetest.Subscriber, first time.Duration) {
	t.Helper()
	stats := sub.Stats().Video
	if stats.FirstKeyframe == 0 || stats.FirstKeyframe > first || stats.FirstRTP > first {
		t.Errorf("first packet after %v, keyframe after %v", stats.FirstRTP, stats.FirstKeyframe)
	}
	sub.WantMedia(2 * time.Second)
	sub.WantLive(150 * time.Millisecond)
	if p := sub.Pictures(); p.Broken > 0 || p.First == 0 {
		t.Errorf("a join with %d broken pictures; the first came after %v", p.Broken, p.First)
	}
}

func TestE27_JoinsAtAnyPhaseOfALongGOP(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(11 * time.Second)
		phases := rand.New(rand.NewPCG(4, 2))
		for range 6 {
			w.Run(time.Duration(phases.Int64N(int64(5 * time.Second))))
			sub := w.Subscribe("studio")
			w.Run(3 * time.Second)
			wantFastStart(t, sub, 200*time.Millisecond)
			sub.WantSync(10 * time.Millisecond)
			sub.WantMissing(codec.Video, 0)
			sub.WantMissing(codec.Audio, 0)
			sub.Leave()
		}
	})
}

func TestE27_JoinsOverABadPath(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(16 * time.Second)
		sub := w.Host(nodetest.Link{Delay: 40 * time.Millisecond, Loss: 0.02, Reorder: 0.02}).Subscribe("studio")
		w.Run(9 * time.Second)
		sub.WantPictures(5 * time.Second)
		sub.WantLive(time.Second)
		sub.WantSync(20 * time.Millisecond)
	})
}

// TestE27_FirstPacketLost: a player cannot ask for what came before the first packet it
// got, only for a keyframe, which such an encoder does not make. What it gets then is the
// last keyframe again, once the encoder is known to ignore requests. (Browsers can use
// the first packets, which are repeated at once; this player cannot.)
func TestE27_FirstPacketLost(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(12 * time.Second)
		h := w.Host(nodetest.Link{})
		lost := 0
		h.Miss(func(b []byte) bool { // RTP of the size of a keyframe's packets
			if len(b) < 1000 || b[0]>>6 != 2 || lost == 1 {
				return false
			}
			lost++
			return true
		})
		sub := h.Subscribe("studio")
		w.Run(6 * time.Second)
		if p := sub.Pictures(); lost != 1 || p.Shown == 0 || p.First > 5*time.Second {
			t.Errorf("%d lost, %d pictures, the first after %v", lost, p.Shown, p.First)
		}
		sub.WantMedia(5 * time.Second)
		sub.WantLive(100 * time.Millisecond)
	})
}

func TestE41_WaitsForThePublisher(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		sub := w.Subscribe("studio")
		w.Run(time.Minute)
		if s := sub.Stats(); s.Video.Packets != 0 || sub.Err() != nil {
			t.Fatalf("%d packets, %v", s.Video.Packets, sub.Err())
		}
		w.Publish("studio", likeOBS(t))
		start := time.Now()
		for sub.Pictures().Shown == 0 && time.Since(start) < 5*time.Second {
			w.Run(10 * time.Millisecond)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("the first picture came %v after the publisher", d)
		}
		sub.WantMedia(20 * time.Second)
		sub.WantMissing(codec.Video, 0)
	})
}

// TestJoinStorm lets many come at once, while the publisher is in the middle of a GOP.
func TestJoinStorm(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", likeOBS(t))
		w.Run(17 * time.Second)
		var subs []*nodetest.Subscriber
		for range 10 {
			s, err := w.Host(nodetest.Link{Delay: 10 * time.Millisecond}).TrySubscribe("studio")
			if err != nil {
				t.Fatal(err)
			}
			subs = append(subs, s)
		}
		w.Run(2 * time.Second)
		for _, s := range subs {
			if d := s.Stats().Video.FirstKeyframe; d == 0 || d > 300*time.Millisecond {
				t.Errorf("first keyframe after %v", d)
			}
			s.WantLive(150 * time.Millisecond)
			if p := s.Pictures(); p.Broken > 0 {
				t.Errorf("%d broken pictures", p.Broken)
			}
			s.WantMissing(codec.Video, 0)
		}
	})
}
