package forwarder

import (
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// says is what RTCP packets a tap sends at a moment, by their types; subtypes of APP are added.
func (x *tapped) says(at time.Duration) (all []int) {
	x.t.Helper()
	x.out.Reset()
	x.Pull(x.now.Add(at), &x.out)
	r := rtcpReader{rest: x.out.RTCP}
	for r.next() {
		kind := int(r.kind)
		if r.kind == rtcpApp {
			kind += 1000 * int(r.count)
		}
		all = append(all, kind)
	}
	if len(r.rest) > 0 {
		x.t.Errorf("%v: malformed", at)
	}
	return all
}

func (x *tapped) saysAt(at time.Duration, want ...int) {
	x.t.Helper()
	if got := x.says(at); !slices.Equal(got, want) {
		x.t.Errorf("after %v it says %v, want %v", at, got, want)
	}
}

// saysWhole is the message that goes with each report.
const saysWhole = 1000*linkWhole + rtcpApp

// TestWhatATapSays: that it is there, each linkProbe; the publisher's clock each second, of an encoding that is
// new as soon as it is known; and that one has ended, at once and once.
func TestWhatATapSays(t *testing.T) {
	x := newTapped(t, 3)
	e := x.up.Best(codec.Video)
	x.saysAt(0, rtcpRR, saysWhole)
	x.saysAt(linkProbe - 1)
	if want := x.now.Add(linkProbe); !x.out.Deadline.Equal(want) {
		t.Errorf("it speaks next at %v, want %v", x.out.Deadline, want)
	}
	x.saysAt(linkProbe, rtcpRR, saysWhole)
	if want := x.now.Add(2 * linkProbe); !x.out.Deadline.Equal(want) {
		t.Errorf("it speaks next at %v, want %v", x.out.Deadline, want)
	}
	e.clock.Store(&clockPoint{at: x.now, timestamp: 5})
	x.saysAt(2*linkProbe, rtcpRR, saysWhole, rtcpSR) // it is new
	x.saysAt(3*linkProbe, rtcpRR, saysWhole)
	x.saysAt(reportInterval, rtcpRR, saysWhole, rtcpSR)
	x.saysAt(reportInterval+linkProbe, rtcpRR, saysWhole)
	x.stream(e.id).pos = 0 // nothing was sent
	x.pub = &Publisher{}
	x.streams[0].asleep = true
	x.tellAt = x.now.Add(time.Hour)
	x.saysAt(2*reportInterval, rtcpRR, saysWhole)
	x.streams[0].asleep = false
	e.end()
	x.saysAt(2*reportInterval+1, rtcpRR, saysWhole, rtcpBye)
	x.saysAt(2*reportInterval + 2)
	x.saysAt(3*reportInterval, rtcpRR, saysWhole)
	if len(x.streams) != 0 {
		t.Error("it is kept")
	}
}

// TestWhatIsNotSentIsToldOf at once, and each asleepInterval.
func TestWhatIsNotSentIsToldOf(t *testing.T) {
	x := newTapped(t, 3)
	e, asleep := x.up.Best(codec.Video), 1000*linkAsleep+rtcpApp
	x.saysAt(0, rtcpRR, saysWhole)
	x.sleep([]byte{byte(e.id >> 24), byte(e.id >> 16), byte(e.id >> 8), byte(e.id)})
	x.saysAt(1, rtcpRR, asleep)
	x.saysAt(2)
	x.saysAt(linkProbe, rtcpRR, saysWhole)
	x.saysAt(1+asleepInterval-1, rtcpRR, saysWhole)
	if !x.out.Deadline.Equal(x.now.Add(1 + asleepInterval)) {
		t.Errorf("it tells next at %v", x.out.Deadline)
	}
	x.saysAt(1+asleepInterval, rtcpRR, asleep)
	x.sleep(nil)
	x.saysAt(1+3*asleepInterval, rtcpRR, saysWhole)
}

// TestFindingsHavePacketsOfTheirOwn: one each, soon after what else is due, and all again each findingInterval.
func TestFindingsHavePacketsOfTheirOwn(t *testing.T) {
	x := newTapped(t, 3)
	finding := 1000*linkFinding + rtcpApp
	x.up.found.Store(newFoundList([]Finding{{"a", "x"}, {"b", "x"}}))
	x.saysAt(0, rtcpRR, saysWhole)
	if !x.out.Deadline.Equal(x.now.Add(findingSpacing)) {
		t.Errorf("it tells them at %v", x.out.Deadline)
	}
	x.saysAt(findingSpacing - 1)
	x.saysAt(findingSpacing, rtcpRR, saysWhole, finding)
	x.saysAt(2*findingSpacing - 1)
	x.saysAt(2*findingSpacing, rtcpRR, saysWhole, finding)
	x.saysAt(linkProbe, rtcpRR, saysWhole)
	x.saysAt(2*findingSpacing+findingInterval-1, rtcpRR, saysWhole)
	x.saysAt(2*findingSpacing+findingInterval, rtcpRR, saysWhole, finding)
	x.up.found.Store(nil)
	x.saysAt(4*findingSpacing + findingInterval)
}

// TestAnEncodingThatFellAsleepAboveGoesOn: another one takes its place, which is the same to the far end.
func TestAnEncodingThatFellAsleepAboveGoesOn(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*tapped, *Encoding, *Encoding)
		replaced bool
		pos      uint64
	}{
		"it fell asleep":           {func(*tapped, *Encoding, *Encoding) {}, true, 5},
		"nobody wants it below":    {func(x *tapped, _, _ *Encoding) { x.streams[0].asleep = true }, true, 0},
		"it goes on":               {func(_ *tapped, old, _ *Encoding) { old.ended.Store(false) }, false, 6},
		"this node is the origin":  {func(_ *tapped, old, _ *Encoding) { old.relayed = false }, false, 6},
		"the publisher has gone":   {func(x *tapped, _, _ *Encoding) { x.leaving = true }, false, 6},
		"there is another one":     {func(_ *tapped, _, next *Encoding) { next.id = 8 }, false, 6},
		"that one has ended, too":  {func(_ *tapped, _, next *Encoding) { next.end() }, false, 6},
		"after one that has ended": {func(x *tapped, old, next *Encoding) { x.shows(old, next) }, true, 5},
	} {
		x := &tapped{t: t, Tap: &Tap{}, up: &Publisher{}}
		x.pub = x.up
		old, next := filled(codec.VP8, 100, 101, 102), filled(codec.VP8, 200, 201, 202)
		old.id, next.id = 7, 7
		next.keyframe.Store(&Keyframe{Index: 5, early: 5})
		old.end()
		s := newTapStream(old)
		s.pos, s.reported, s.highest, s.begun = 6, true, 102, true
		x.streams = []*tapStream{s}
		x.shows(next)
		c.change(x, old, next)
		x.replace(s)
		if (s.enc == next) != c.replaced || s.pos != c.pos || s.reported == c.replaced || s.floor != map[bool]uint64{true: 102}[c.replaced] {
			t.Errorf("%s: replaced %v at %d, floor %d, reported %v", name, s.enc == next, s.pos, s.floor, s.reported)
		}
	}
}

// TestWantedLayersAreOfLate: what nobody wanted for one to two windows is wanted no more, what somebody wants at
// once. All are while nobody has said anything, and where there are no layers.
func TestWantedLayersAreOfLate(t *testing.T) {
	now := time.Unix(1000, 0)
	e := newEncoding()
	e.status.Store(&[]LayerStatus{{}})
	e.wantLayer(0)
	if got := e.wantedLayers(now); got != codec.AllLayers {
		t.Errorf("of one layer %x", got)
	}
	e.status.Store(&[]LayerStatus{{}, {Temporal: 1}})
	for i, c := range []struct {
		at    time.Duration // in windows and less
		wants uint32
		want  uint32
	}{
		{0, 1, codec.AllLayers},
		{wantLayerTime - 1, 1, codec.AllLayers},
		{wantLayerTime, 0, 1},
		{wantLayerTime + 1, 2, 3},
		{2 * wantLayerTime, 0, 2},
		{3*wantLayerTime - 1, 0, 2},
		{3 * wantLayerTime, 0, codec.AllLayers},
	} {
		if c.wants != 0 {
			e.wantLayers(c.wants)
		}
		if got := e.wantedLayers(now.Add(c.at)); got != c.want {
			t.Errorf("step %d: %x, want %x", i, got, c.want)
		}
	}
	own := newEncoding()
	own.relayed = false
	own.wantLayers(1)
	own.want(now)
	if own.wantedOf[0].Load() != 0 || own.wantedAt.Load() != 0 {
		t.Error("what is wanted of this node's own publisher is noted")
	}
}

// shows makes encodings those that the publisher has.
func (x *tapped) shows(all ...*Encoding) { x.pub.all[codec.Video].Store(&all) }

// TestATapWantsWhatItSends: this node may be fed by a link, too. It follows on what the far end has, or begins
// at the keyframe.
func TestATapWantsWhatItSends(t *testing.T) {
	for name, c := range map[string]struct {
		held   []Held
		asleep bool
		want   uint64 // the first number; 0: nothing
	}{
		"it begins":     {nil, false, 101},
		"it follows on": {[]Held{{7, 101}}, false, 102},
		"it is asleep":  {nil, true, 0},
		"of another":    {[]Held{{8, 101}}, false, 101},
	} {
		x := &tapped{t: t, Tap: NewTap(&Publisher{}, TapConfig{Held: c.held}), now: time.Unix(1000, 0).Add(2 * historyAge)}
		e := filled(codec.VP8, 100, 101, 102)
		e.id, e.pt = 7, 96
		e.keyframe.Store(&Keyframe{Index: 4, early: 4})
		x.shows(e)
		x.follow(x.now)
		x.streams[0].want, x.streams[0].asleep = 3, c.asleep
		n := x.pull()
		sent := c.want != 0
		if wanted := e.wantedAt.Load() != 0; wanted != sent || (e.wantedOf[0].Load() == 3) != sent || (n > 0) != sent {
			t.Errorf("%s: wanted %v, layers %x, %d packets", name, wanted, e.wantedOf[0].Load(), n)
		}
		if s := x.streams[0]; sent && (s.lowest != c.want || n != int(103-c.want) || s.highest != 102) {
			t.Errorf("%s: %d packets from %d to %d", name, n, s.lowest, s.highest)
		}
	}
}

// TestAnEncodingIsKeptUntilAllOfItWasSent, unless nobody wants it.
func TestAnEncodingIsKeptUntilAllOfItWasSent(t *testing.T) {
	for name, c := range map[string]struct {
		pos    uint64
		asleep bool
		ended  bool
		kept   int
	}{
		"it goes on": {6, false, false, 1}, "all was sent": {6, false, true, 0}, "some is left": {5, false, true, 1}, "nobody wants that": {5, true, true, 0},
	} {
		x := &tapped{t: t, Tap: NewTap(&Publisher{}, TapConfig{})}
		e := filled(codec.VP8, 100, 101, 102)
		if c.ended {
			e.end()
		}
		s := newTapStream(e)
		s.pos, s.asleep = c.pos, c.asleep
		x.streams = []*tapStream{s}
		if x.retire(); len(x.streams) != c.kept || len(x.goodbyes) != 1-c.kept {
			t.Errorf("%s: %d are kept, %d ended", name, len(x.streams), len(x.goodbyes))
		}
		x.leaving, x.pulled = true, true
		if x.Misfit() == (c.kept > 0) {
			t.Errorf("%s: the link ends %v", name, x.Misfit())
		}
	}
}
