package nodetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// rough loses and reorders in both directions.
func rough(loss float64) nodetest.Link {
	return nodetest.Link{Loss: loss, Reorder: 0.05, Late: 20 * time.Millisecond, Delay: 10 * time.Millisecond}
}

// withoutRTX leaves NACK in an offer and takes the retransmission format out of it.
func withoutRTX(offer string) string {
	var types []string
	for line := range strings.Lines(offer) {
		if pt, ok := strings.CutPrefix(line, "a=rtpmap:"); ok && strings.Contains(line, " rtx/") {
			pt, _, _ = strings.Cut(pt, " ")
			types = append(types, pt)
		}
	}
	var b strings.Builder
	for line := range strings.Lines(offer) {
		if !describes(line, types) && !strings.HasPrefix(line, "a=ssrc-group:FID") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// describes tells whether an attribute is of one of the payload types; of an m= line
// they are taken off.
func describes(line string, types []string) bool {
	for _, pt := range types {
		for _, name := range []string{"a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"} {
			if strings.HasPrefix(line, name+pt+" ") {
				return true
			}
		}
	}
	return false
}

func TestLossIsRepaired(t *testing.T) {
	for name, edit := range map[string]func(string) string{"rtx": nil, "same number": withoutRTX} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				testRepair(t, w, edit)
			}, nodetest.Seed(7))
		})
	}
}

func testRepair(t *testing.T, w *nodetest.World, edit func(string) string) {
	from, to := w.Host(rough(0.05)), w.Host(rough(0.05))
	from.Publish("studio", func(o *client.PublishOptions) { o.EditOffer = edit })
	w.Run(time.Second)
	sub := to.Subscribe("studio", func(o *client.PlayOptions) { o.EditOffer = edit })
	w.Run(2 * time.Second)
	before := sub.Pictures()
	w.Run(30 * time.Second)
	for _, h := range []*nodetest.Host{from, to} {
		h.Set(nodetest.Link{})
	}
	w.Run(time.Second) // longer than the player waits
	wantRepaired(t, sub, before, 31*time.Second)
	sub.WantMissing(codec.Video, 0)
	sub.WantLive(100 * time.Millisecond)
	if up, down := to.Traffic(); up.Lost == 0 || down.Lost == 0 || down.Late == 0 {
		t.Errorf("the path was not rough: %+v, %+v", up, down)
	}
}

// wantRepaired fails the test unless the pictures of some half a minute were shown. Of 6,000
// packets on both ways 300 are lost, and the player asks for each once in 100 ms, with 0.0975
// in vain. It waits for 500 ms, in which an answer to four requests at least is there: one run
// of forty has a packet that comes later, one of three thousand has two. The node sends it all
// the same, for which WantMissing asks, and the picture is whole from the next keyframe on.
func wantRepaired(t *testing.T, sub *nodetest.Subscriber, before nodetest.Pictures, d time.Duration) {
	t.Helper()
	const late, group, underWay = 1, 60, 250 * time.Millisecond // group: pictures between keyframes
	p, given := sub.Pictures(), int(sub.Stats().Video.DamagedFrames)
	if given > late || p.Broken > given*group {
		t.Errorf("given up %d times, %d of %d pictures broken", given, p.Broken, p.Shown+p.Broken)
	}
	whole := p.Shown + p.Broken - before.Shown - before.Broken
	if least := int((d-underWay)*30/time.Second) - given; whole < least {
		t.Errorf("%d pictures in %v, want %d", whole, d, least)
	}
	if pause := sub.Pause(codec.Video); pause > freeze {
		t.Errorf("a pause of %v in the video", pause)
	}
}

// TestLossWithoutRepair: what is lost is lost, and a keyframe mends the picture. There are 15
// keyframes in half a minute at least, of some ten packets; three of four are whole. Those
// that are not are asked for again, within a second and a half. So some 15 are shown, with a
// deviation of 2 as of a binomial count: fewer than 9 are a fault.
func TestLossWithoutRepair(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		from, to := w.Host(rough(0.01)), w.Host(rough(0.02))
		from.Publish("studio", func(o *client.PublishOptions) { o.NoRepair = true })
		w.Run(time.Second)
		sub := to.Subscribe("studio", func(o *client.PlayOptions) { o.NoRepair = true })
		w.Run(30 * time.Second)
		lossy := sub.Pictures()
		if lossy.Shown < 200 || lossy.Keyframes < 9 {
			t.Errorf("%d pictures shown, %d keyframes", lossy.Shown, lossy.Keyframes)
		}
		from.Set(nodetest.Link{})
		to.Set(nodetest.Link{})
		w.Run(5 * time.Second)
		sub.WantMedia(10 * time.Second)
		sub.WantLive(100 * time.Millisecond)
	})
}

// TestLossOfOneSubscriberIsItsOwn: another one's path is clean, and so is its picture.
func TestLossOfOneSubscriberIsItsOwn(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio")
		w.Run(time.Second)
		bad := w.Host(nodetest.Link{Loss: 0.3, Delay: 50 * time.Millisecond})
		if _, err := bad.TrySubscribe("studio"); err != nil {
			t.Fatal(err)
		}
		good := w.Subscribe("studio")
		w.Run(time.Second)
		good.WantMedia(20 * time.Second)
		good.WantLive(100 * time.Millisecond)
		good.WantMissing(codec.Video, 0)
	})
}
