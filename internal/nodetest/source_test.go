package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// pausing is a source that makes nothing for a while, once.
type pausing struct {
	client.Source
	at, pause time.Duration
	last      time.Duration
	shift     time.Duration
}

func (p *pausing) Next() (client.Frame, error) {
	if p.last >= p.at && p.shift == 0 {
		p.shift = p.pause
		time.Sleep(p.pause)
	}
	f, err := p.Source.Next()
	p.last = f.At
	f.At += p.shift
	return f, err
}

// TestPausingPublisher: an encoder that hangs and goes on is the same publisher.
func TestPausingPublisher(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 4 * time.Second, 70 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				_, sub := studio(w, func(o *client.PublishOptions) {
					likeOBS(t)(o)
					o.Video[0].Source = &pausing{Source: o.Video[0].Source, at: 5 * time.Second, pause: pause}
				})
				w.Run(5*time.Second + pause)
				sub.WantMedia(15 * time.Second)
				sub.WantLive(100 * time.Millisecond)
				sub.WantMissing(codec.Video, 0)
			})
		})
	}
}

// TestE27_OlderKeyframeThanTheHistory: a still at once, then live from the next one.
func TestE27_OlderKeyframeThanTheHistory(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) {
			o.IgnoreKeyframeRequests = true
			o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{KeyframeInterval: time.Minute})
		})
		w.Run(40 * time.Second)
		sub := w.Subscribe("studio")
		w.Run(2 * time.Second)
		if p := sub.Pictures(); p.Shown == 0 || p.Broken > 0 || p.First > 300*time.Millisecond {
			t.Errorf("%d pictures, %d broken, the first after %v", p.Shown, p.Broken, p.First)
		}
		if sub.Stats().Audio.Packets < 90 {
			t.Error("no sound beside the still")
		}
		w.Run(20 * time.Second)
		sub.WantMedia(10 * time.Second)
		sub.WantLive(100 * time.Millisecond)
		sub.WantMissing(codec.Video, 0)
		sub.WantSync(10 * time.Millisecond)
		if p := sub.Pictures(); p.Broken > 0 {
			t.Errorf("%d broken pictures", p.Broken)
		}
	})
}

// TestE27_HeavyStream: 8 Mbit/s, so that a catch-up is thousands of packets.
func TestE27_HeavyStream(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) {
			o.IgnoreKeyframeRequests = true
			o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{
				KeyframeInterval: 10 * time.Second, Bitrate: 8_000_000, Width: 1920, Height: 1080,
			})
		})
		w.Run(8 * time.Second)
		sub := w.Host(nodetest.Link{Delay: 20 * time.Millisecond}).Subscribe("studio")
		w.Run(4 * time.Second)
		wantFastStart(t, sub, 300*time.Millisecond)
		sub.WantMissing(codec.Video, 0)
	})
}
