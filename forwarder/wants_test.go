package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// encoding returns the edge's encoding of a RID.
func (h *hop) encoding(rid string) *forwarder.Encoding {
	h.t.Helper()
	for _, e := range h.edge.Encodings(codec.Video) {
		if e.RID() == rid {
			return e
		}
	}
	h.t.Fatalf("no encoding %q", rid)
	return nil
}

// origins returns the origin's of the same RID.
func (h *hop) origins(rid string) *forwarder.Encoding {
	for _, e := range h.origin.Encodings(codec.Video) {
		if e.RID() == rid {
			return e
		}
	}
	return nil
}

func TestUnwantedEncodingsDoNotTravel(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	send := every20(s, &h.now)
	h.run(time.Second, send)
	h.unwanted = map[string]bool{"hi": true}
	h.run(forwarder.WantHold+200*time.Millisecond, send)
	before, packets := h.bytes, h.encoding("hi").History().Head()
	h.run(10*time.Second, send)
	lo := 10 * 50 * 2 * 430 // with headers; sound is small
	if n := h.bytes - before; n < lo || n > lo*5/4 {
		t.Errorf("%d bytes in 10 s, want %d and some more for one encoding", n, lo)
	}
	hi := h.encoding("hi")
	if n := hi.History().Head() - packets; n > 10 {
		t.Errorf("%d packets came of what nobody wants", n)
	}
	o := h.origins("hi")
	if hi.Bitrate() < o.Bitrate()*9/10 || hi.Bitrate() > o.Bitrate()*11/10 || !hi.Active(h.now) {
		t.Errorf("the edge takes it for %d bit/s, active %v; it has %d", hi.Bitrate(), hi.Active(h.now), o.Bitrate())
	}
	w, height := hi.Size()
	if ow, oh := o.Size(); w != ow || height != oh || w == 0 {
		t.Errorf("the edge takes it for %d×%d, it is %d×%d", w, height, ow, oh)
	}
	if len(hi.Layers()) != len(o.Layers()) || len(o.Layers()) == 0 {
		t.Errorf("%d layers, the origin has %d", len(hi.Layers()), len(o.Layers()))
	}
}

// TestWantedAgain: it comes from the last keyframe on, within a round trip, though the
// publisher makes no other.
func TestWantedAgain(t *testing.T) {
	for _, pause := range []time.Duration{3 * time.Second, time.Minute, 10 * time.Minute} { // numbers wrap
		s := newSimulcaster(t)
		h := newHop(t, s.up, s.during(start, time.Second))
		send := every20(s, &h.now)
		h.unwanted = map[string]bool{"hi": true}
		h.step = 20 * time.Millisecond
		h.run(forwarder.WantHold+pause, send)
		h.step = time.Millisecond
		h.unwanted = nil
		e := h.encoding("hi")
		h.edge.RequestKeyframe(e)
		h.run(4*h.delay, send)
		key, o := e.Keyframe(), h.origins("hi")
		if key == nil || key.Seq != o.Keyframe().Seq || key.Timestamp != o.Keyframe().Timestamp {
			t.Fatalf("after %v: keyframe %+v, the origin's is %+v", pause, key, o.Keyframe())
		}
		if first := e.History().At(e.History().Tail()); first.Timestamp != key.Timestamp {
			t.Errorf("after %v: it begins at %d, the keyframe is %d", pause, first.Timestamp, key.Timestamp)
		}
		h.run(time.Second, send)
		if e != h.encoding("hi") {
			t.Errorf("after %v: it began once more", pause)
		}
		delete(h.sent, e)
		h.wantSame()
	}
}

// TestPausedWhileAsleep: the edge knows what the publisher has stopped sending.
func TestPausedWhileAsleep(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	send := every20(s, &h.now)
	h.unwanted = map[string]bool{"hi": true}
	h.run(forwarder.WantHold+time.Second, send)
	s.rids = []string{"lo"}
	h.run(4*time.Second, send)
	if h.encoding("hi").Active(h.now) {
		t.Error("the edge takes it for active")
	}
	s.rids = []string{"hi", "lo"}
	h.run(time.Second, send)
	if !h.encoding("hi").Active(h.now) {
		t.Error("the edge does not know that it is back")
	}
}

// TestWantsOverALossyLink: what each end tells of encodings is told again.
func TestWantsOverALossyLink(t *testing.T) {
	s := newSimulcaster(t)
	h := newHop(t, s.up, s.during(start, time.Second))
	h.loss = 0.3
	send := every20(s, &h.now)
	for range 20 {
		h.unwanted = map[string]bool{"hi": true}
		h.run(5*time.Second, send)
		h.unwanted = nil
		h.run(5*time.Second, send)
	}
	h.loss = 0
	h.run(2*time.Second, send)
	hi, o := h.encoding("hi").History(), h.origins("hi").History()
	if a, b := hi.At(hi.Head()-1), o.At(o.Head()-1); a == nil || a.Seq+3 < b.Seq {
		t.Errorf("the edge is behind: %+v, %+v", a, b)
	}
}
