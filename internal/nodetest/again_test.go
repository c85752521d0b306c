package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

func h264(t *testing.T) func(*client.PublishOptions) {
	return func(o *client.PublishOptions) {
		o.Video[0].Source = nodetest.Video(t, client.SyntheticOptions{Codec: codec.H264})
	}
}

func plain(*client.PublishOptions) {}

// comesBack plays over a change of publisher: the subscriber's session goes on, with the
// same SSRCs, continuous numbers and rising timestamps, and shows the new one's pictures
// after at most a short freeze.
type comesBack struct {
	end     func(w *nodetest.World, p *nodetest.Publisher)
	pause   time.Duration // between the end of one and the POST of the next
	next    func(t *testing.T) func(*client.PublishOptions)
	missing int           // packets that may be missing: an unfinished frame shows as a gap
	freeze  time.Duration // at most, beyond the pause
}

func (c comesBack) run(t *testing.T, w *nodetest.World) {
	first := w.Publish("studio")
	w.Run(time.Second)
	sub := w.Subscribe("studio")
	sub.WantMedia(5 * time.Second)
	url, shown := sub.URL(), sub.Pictures().Shown
	c.end(w, first)
	w.Run(c.pause)
	next := plain
	if c.next != nil {
		next = c.next(t)
	}
	second := w.Publish("studio", next)
	for start := time.Now(); sub.Pictures().Shown <= shown+1; {
		w.Run(10 * time.Millisecond)
		if time.Since(start) > c.freeze {
			t.Fatalf("nothing is shown %v after the new publisher", time.Since(start))
		}
	}
	sub.WantMedia(10 * time.Second)
	sub.WantLive(100 * time.Millisecond)
	sub.WantSync(10 * time.Millisecond)
	sub.WantMissing(codec.Video, c.missing)
	sub.WantMissing(codec.Audio, c.missing)
	w.WantAlive(url)
	if p := sub.Pictures(); p.Broken > 0 {
		t.Errorf("%d broken pictures", p.Broken)
	}
	second.Leave()
	sub.Leave()
	first.Kill()
	w.Run(40 * time.Second) // of a killed one nothing is left by then
	w.WantEmpty()
}

const freeze = 500 * time.Millisecond

func deletes(_ *nodetest.World, p *nodetest.Publisher) { p.Leave() }
func kills(_ *nodetest.World, p *nodetest.Publisher)   { p.Kill() }
func stays(*nodetest.World, *nodetest.Publisher)       {}

func TestE24_E52_PublisherLeavesAndComesBack(t *testing.T) {
	run(t, comesBack{end: deletes, pause: 20 * time.Second, freeze: freeze}.run)
}

func TestW78_PublisherLeavesAndComesBackAtOnce(t *testing.T) {
	run(t, comesBack{end: deletes, freeze: freeze}.run)
}

func TestW16_KilledPublisherComesBack(t *testing.T) {
	run(t, comesBack{end: kills, pause: 3 * time.Second, missing: 1, freeze: freeze}.run)
}

func TestE52_AnotherCodecComesBack(t *testing.T) {
	run(t, comesBack{end: deletes, pause: time.Second, next: h264, freeze: freeze}.run)
}

func TestE24_AnOBSComesBack(t *testing.T) {
	run(t, comesBack{end: kills, pause: 5 * time.Second, next: likeOBS, missing: 1, freeze: freeze}.run)
}

func TestW15_Takeover(t *testing.T) {
	run(t, comesBack{end: stays, missing: 1, freeze: freeze}.run, nodetest.Takeover())
}

func TestW15_TakeoverWithAnotherCodec(t *testing.T) {
	run(t, comesBack{end: stays, next: h264, missing: 1, freeze: freeze}.run, nodetest.Takeover())
}

func TestW69_ClosedPublisherComesBack(t *testing.T) {
	closes := func(_ *nodetest.World, p *nodetest.Publisher) { _ = p.PeerConnection().Close() }
	run(t, comesBack{end: closes, pause: 100 * time.Millisecond, missing: 1, freeze: freeze}.run)
}

// TestE24_ManyRestarts changes the publisher again and again, in all ways.
func TestE24_ManyRestarts(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		sub := w.Subscribe("studio")
		kinds := []func(*testing.T) func(*client.PublishOptions){
			func(*testing.T) func(*client.PublishOptions) { return plain }, h264, likeOBS,
		}
		for i := range 9 {
			p := w.Publish("studio", kinds[i%len(kinds)](t))
			w.Run(time.Second)
			sub.WantMedia(2 * time.Second)
			if i%2 == 0 {
				p.Kill()
				w.Run(2100 * time.Millisecond)
			} else {
				p.Leave()
			}
		}
		sub.WantMissing(codec.Video, 5)
		if p := sub.Pictures(); p.Broken > 0 {
			t.Errorf("%d broken pictures", p.Broken)
		}
	})
}
