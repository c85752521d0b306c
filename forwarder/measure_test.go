package forwarder_test

import (
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A viewer is one subscriber of one publisher, in steps of a frame.
type viewer struct {
	t   *testing.T
	pub *forwarder.Publisher
	sub *forwarder.Subscriber
	now time.Time
	n   int
}

func newViewer(t *testing.T) *viewer {
	v := &viewer{t: t, pub: newPublisher(), sub: newSubscriber(), now: start}
	v.sub.SetPublisher(v.pub)
	return v
}

// play sends frames for a while, the first a keyframe if key is set.
func (v *viewer) play(d time.Duration, key bool) {
	v.t.Helper()
	for end := v.now.Add(d); v.now.Before(end); v.n++ {
		v.pub.HandleRTP(v.now, packet(v.t, 7, upVideo, uint16(v.n), uint32(v.n*900), true, vp8Frame(key)))
		key = false
		pull(v.sub, v.now)
		v.now = v.now.Add(10 * time.Millisecond)
	}
}

func (v *viewer) request() {
	v.t.Helper()
	b, err := (&rtcp.PictureLossIndication{MediaSSRC: 2}).Marshal()
	if err != nil {
		v.t.Fatal(err)
	}
	var out forwarder.Output
	v.sub.HandleRTCP(v.now, b, &out)
}

func (v *viewer) want(watched, frozen time.Duration) {
	v.t.Helper()
	m := v.sub.Measure(v.now)
	if m.Watched != watched || m.Frozen != frozen || m.Best != watched-frozen || m.Lower != 0 {
		v.t.Errorf("%+v, want %v watched, %v frozen", m, watched, frozen)
	}
}

// TestFrozenFromTheRequestToTheKeyframe: what a player asks for it misses.
func TestFrozenFromTheRequestToTheKeyframe(t *testing.T) {
	v := newViewer(t)
	v.want(0, 0)
	v.play(time.Second, false) // nothing to begin with
	v.want(0, 0)
	v.play(100*time.Millisecond, true)
	v.request() // as players do that did not wait for what is on its way
	v.play(1900*time.Millisecond, false)
	v.want(2*time.Second, 0)
	v.request()
	v.play(400*time.Millisecond, false)
	v.want(2400*time.Millisecond, 400*time.Millisecond) // it still does
	v.request()
	v.play(100*time.Millisecond, false)
	v.play(time.Second, true)
	v.want(3500*time.Millisecond, 500*time.Millisecond)
}

// TestNothingIsMeasuredWithoutAPublisher: who waits watches nothing.
func TestNothingIsMeasuredWithoutAPublisher(t *testing.T) {
	v := newViewer(t)
	v.play(time.Second, true)
	v.pub.End()
	v.want(time.Second, 0)
	v.sub.SetPublisher(nil)
	pull(v.sub, v.now)
	v.now = v.now.Add(time.Hour)
	v.want(time.Second, 0)
	v.pub, v.n = newPublisher(), 0
	v.sub.SetPublisher(v.pub)
	v.play(time.Second, true)
	v.want(2*time.Second, 0)
}

// TestBlockedIsFrozen until the keyframe that it goes on with.
func TestBlockedIsFrozen(t *testing.T) {
	v := newViewer(t)
	v.play(time.Second, true)
	var out forwarder.Output
	v.sub.Blocked(&forwarder.OutPacket{SSRC: 2}, &out)
	v.play(300*time.Millisecond, false)
	v.play(time.Second, true)
	v.want(2300*time.Millisecond, 310*time.Millisecond) // since the last frame that was sent
	if c := v.sub.Track(codec.Video).Counts(); c.Skips != 1 {
		t.Errorf("%d skips", c.Skips)
	}
}

// TestSwitchesAreCountedByCause.
func TestSwitchesAreCountedByCause(t *testing.T) {
	a := forwarder.NewAimer(3)
	for i, step := range []struct {
		do   func()
		rung int
		want forwarder.Switches
	}{
		{func() {}, 1, forwarder.Switches{}}, // it begins
		{func() {}, 1, forwarder.Switches{}},
		{func() {}, 2, forwarder.Switches{Up: 1}},
		{func() {}, 0, forwarder.Switches{Up: 1, Down: 1}},
		{func() { a.Select("h") }, 2, forwarder.Switches{Up: 1, Down: 1, Selected: 1}},
		{func() {}, 1, forwarder.Switches{Up: 1, Down: 2, Selected: 1}},
		{func() { a.Select("l") }, 1, forwarder.Switches{Up: 1, Down: 2, Selected: 1}}, // it is there already
		{func() {}, 2, forwarder.Switches{Up: 2, Down: 2, Selected: 1}},
		{a.Drop, 1, forwarder.Switches{Up: 2, Down: 2, Selected: 1, Published: 1}},
		{func() { a.Publish(2) }, 0, forwarder.Switches{Up: 2, Down: 2, Selected: 1, Published: 2}},
	} {
		step.do()
		if got := a.Aim(step.rung); got != step.want {
			t.Errorf("step %d: %+v, want %+v", i, got, step.want)
		}
	}
}

// TestWishesThatJoinAreCounted as merged, those that are asked for are not.
func TestWishesThatJoinAreCounted(t *testing.T) {
	v := newViewer(t)
	v.play(time.Second, true)
	enc := v.pub.Best(codec.Video)
	for range 3 {
		v.pub.RequestKeyframe(enc)
	}
	v.pub.Tick(v.now, 0, nil)
	v.pub.RequestKeyframe(enc)
	if c := v.pub.Counts(); c.Merged != 2 || c.Requests != 1 {
		t.Errorf("%d merged, %d requests", c.Merged, c.Requests)
	}
}
