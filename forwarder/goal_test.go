package forwarder

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

func newEncoding() *Encoding {
	return &Encoding{relayed: true, hist: NewHistory(nil), format: codec.Format{Name: codec.VP8}}
}

// TestATargetIsOfThePublisherOfNow: one of another publisher, or that has ended, is none.
func TestATargetIsOfThePublisherOfNow(t *testing.T) {
	pub, best, goal, ended := &Publisher{}, newEncoding(), newEncoding(), newEncoding()
	pub.best[codec.Video].Store(best)
	ended.end()
	for name, c := range map[string]struct {
		goal *Encoding
		of   *Publisher
		want *Encoding
	}{
		"none":              {nil, pub, best},
		"of this publisher": {goal, pub, goal},
		"of another one":    {goal, &Publisher{}, best},
		"ended":             {ended, pub, best},
	} {
		d := &DownTrack{kind: codec.Video, pub: pub, goal: target{enc: c.goal}, goalOf: c.of}
		if d.wantedEncoding() != c.want {
			t.Errorf("%s: another encoding is wanted", name)
		}
	}
}

// TestWhatIsWantedOfALink: the layer that is sent and the one of the target; of an encoding that is no
// target all. Nothing is wanted of what is neither.
func TestWhatIsWantedOfALink(t *testing.T) {
	now, low, high := time.Unix(100, 0), layerOf(0, 0), layerOf(1, 1)
	on, goal, other := newEncoding(), newEncoding(), newEncoding()
	for name, c := range map[string]struct {
		enc, best *Encoding
		on, goal  uint32
		other     uint32
	}{
		"it stays":             {goal, goal, 0, low.bit() | high.bit(), 0},
		"it goes there":        {on, goal, low.bit(), high.bit(), 0},
		"it goes elsewhere":    {on, other, low.bit(), 0, topLayer.bit()},
		"it begins":            {nil, goal, 0, high.bit(), 0},
		"it begins elsewhere":  {nil, other, 0, 0, topLayer.bit()},
		"there is nothing yet": {on, nil, low.bit(), 0, 0},
	} {
		d := &DownTrack{kind: codec.Video, enc: c.enc, goal: target{enc: goal, layer: high}}
		d.seg.id = low
		d.want(now, c.best)
		for i, w := range []struct {
			e      *Encoding
			layers uint32
		}{{on, c.on}, {goal, c.goal}, {other, c.other}} {
			if got := w.e.wantedOf[0].Swap(0); got != w.layers {
				t.Errorf("%s: layers %x of encoding %d are wanted, want %x", name, got, i, w.layers)
			}
			if wanted := w.e.wantedAt.Swap(0) != 0; wanted != (w.layers != 0) {
				t.Errorf("%s: encoding %d is wanted: %v", name, i, wanted)
			}
		}
	}
}

// TestAStepToFewerPicturesWaitsWhereTheyAreNoneOfWhatIsSent: a structure may have pictures of a lower
// temporal layer that who gets the higher one has not got. Without a structure lower ones are part.
func TestAStepToFewerPicturesWaitsWhereTheyAreNoneOfWhatIsSent(t *testing.T) {
	nested, apart := &codec.LayerMasks{}, &codec.LayerMasks{}
	nested.Within[1][2] = layerOf(1, 0).bit()
	apart.Within[1][2] = layerOf(1, 1).bit() | layerOf(0, 0).bit()
	for name, c := range map[string]struct {
		masks *codec.LayerMasks
		to    uint8
		want  layerID
	}{
		"no structure":           {nil, 0, layerOf(1, 0)},
		"part":                   {nested, 0, layerOf(1, 0)},
		"no part":                {apart, 0, layerOf(1, 2)},
		"not down":               {nested, 3, layerOf(1, 2)},
		"not down, no structure": {nil, 3, layerOf(1, 2)},
	} {
		d := &DownTrack{}
		d.seg.id, d.seg.masks = layerOf(1, 2), c.masks
		d.stepPictures(c.to)
		if d.seg.id != c.want {
			t.Errorf("%s: layer %d, want %d", name, d.seg.id, c.want)
		}
	}
}

// TestParameterSetsAreSuppliedAtTheBeginningOfAKeyframe, with a segment that begins there, and at no other
// time.
func TestParameterSetsAreSuppliedAtTheBeginningOfAKeyframe(t *testing.T) {
	sets := []*Packet{{}}
	for name, c := range map[string]struct {
		change func(*DownTrack, *Keyframe)
		want   bool
	}{
		"a keyframe is next":         {func(*DownTrack, *Keyframe) {}, true},
		"it was sent":                {func(d *DownTrack, key *Keyframe) { d.pos = key.early + 1 }, false},
		"it has its parameter sets":  {func(_ *DownTrack, key *Keyframe) { key.parameters = nil }, false},
		"there is none":              {func(d *DownTrack, _ *Keyframe) { d.enc.keyframe.Store(nil) }, false},
		"it waits":                   {func(d *DownTrack, _ *Keyframe) { d.state = held }, false},
		"a frame has no end yet":     {func(d *DownTrack, _ *Keyframe) { d.boundary = false }, false},
		"more of the frame is there": {func(d *DownTrack, _ *Keyframe) { d.lastTS = 3000 }, false},
	} {
		e := newEncoding()
		d := &DownTrack{kind: codec.Video, enc: e, state: running, boundary: true}
		e.hist.Append(&Packet{Seq: 1, Timestamp: 3000, Payload: []byte{0}})
		key := &Keyframe{early: 0, parameters: sets}
		e.keyframe.Store(key)
		c.change(d, key)
		if d.lacksParameters() != c.want {
			t.Errorf("%s: supplied %v", name, !c.want)
		}
	}
}

// TestASqueezedTrackGoesOnAtTheNextKeyframe where its target is a lower layer of what it is on, once the
// network's queue is shorter: not at the one it had.
func TestASqueezedTrackGoesOnAtTheNextKeyframe(t *testing.T) {
	now := time.Unix(1000, 0).Add(2 * historyAge)
	e, pub := filled(codec.VP8, 100, 101, 102), &Publisher{}
	pub.best[codec.Video].Store(e)
	e.status.Store(&[]LayerStatus{{}, {Spatial: 1}})
	had := &Keyframe{Index: 3, early: 3, Seq: 100, Start: 100, At: now}
	e.keyframe.Store(had)
	d := newDownTrack(SubscriberTrack{
		Kind: codec.Video, Formats: []SubscriberFormat{{Format: codec.Format{Name: codec.VP8}, PT: 100}},
	}, rand.New(rand.NewPCG(1, 2)))
	d.pub, d.encOf, d.goalOf, d.enc, d.state, d.heldAt = pub, pub, pub, e, held, had
	d.goal, d.seg.id = target{enc: e, squeezed: true}, layerOf(1, 0)
	d.rest = now.Add(time.Second)
	follow := func(when string, at time.Time, want trackState) *Output {
		t.Helper()
		out := &Output{}
		d.follow(at, out)
		if d.state != want {
			t.Errorf("%s: state %d, want %d", when, d.state, want)
		}
		return out
	}
	follow("at the keyframe it had", now.Add(2*time.Second), held)
	e.keyframe.Store(&Keyframe{Index: 5, early: 5, Seq: 102, Start: 102, At: now})
	d.wishAt = now.Add(time.Minute)
	if out := follow("while the queue is long", now, held); !out.Deadline.Equal(d.rest) {
		t.Errorf("it looks again at %v, want %v", out.Deadline, d.rest)
	}
	follow("at the next keyframe", d.rest, running)
	if d.pos != 5 || d.counts.Keyframes != 1 {
		t.Errorf("at %d, %d keyframes", d.pos, d.counts.Keyframes)
	}
}

// TestAPauseLastsWhileNoLadderIsKnown of the publisher: its best encoding is known a moment before.
func TestAPauseLastsWhileNoLadderIsKnown(t *testing.T) {
	for _, paused := range []bool{true, false} {
		s := NewSubscriber(SubscriberConfig{Tracks: []SubscriberTrack{{Kind: codec.Video}}})
		s.pub = &Publisher{}
		best := newEncoding()
		s.pub.best[codec.Video].Store(best)
		s.SetCap(1)
		s.alloc.paused = paused
		s.allocate(time.Unix(100, 0))
		if goal := s.tracks[0].goal; goal.paused != paused || goal.enc != best || !s.alloc.next.IsZero() {
			t.Errorf("paused %v: goal %+v, looks again at %v", paused, goal, s.alloc.next)
		}
	}
}
