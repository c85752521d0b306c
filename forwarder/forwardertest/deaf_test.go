package forwardertest

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

const (
	deafInterval = 2 * time.Second
	young        = 500 * time.Millisecond // a keyframe of at most this age may be begun with

	// onItsWay is what a packet, and what comes up to a frame's end, may take.
	onItsWay = 100 * time.Millisecond
)

// TestADeafEncoderIsWaitedFor: an encoder of several encodings that ignores requests, as OBS
// does, makes nobody's picture stand still. Who selects another encoding stays where it is
// until that one's next keyframe comes by itself, and goes over there.
func TestADeafEncoderIsWaitedFor(t *testing.T) {
	for name, o := range map[string]Options{
		"vp8":         {Encodings: 3},
		"vp8 layered": {Encodings: 3, Layers: Layers{Temporal: 3}},
		"h264":        {Codec: codec.H264, Encodings: 3, Layers: Layers{Temporal: 2}, Descriptor: true, StripParameters: true},
		"vp9":         {Codec: codec.VP9, Encodings: 3, Flexible: true},
		"av1":         {Codec: codec.AV1, Encodings: 3, Descriptor: true},
		"h265":        {Codec: codec.H265, Encodings: 3},
	} {
		t.Run(name, func(t *testing.T) {
			o := smooth(o)
			o.Interval, o.IgnoreRequests, o.Subscribers, o.RTX = deafInterval, true, 1, true
			w := New(7, o)
			w.Run(5 * time.Second)
			waited := 0
			for range 20 {
				w.Run(w.upTo(3 * time.Second))
				if w.selectAnother(t) {
					waited++
				}
			}
			if waited < 5 {
				t.Errorf("waited for a keyframe only %d times", waited)
			}
			w.checkEnd(onItsWay)
			if err := w.Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// selectAnother lets the only subscriber select another encoding than it gets, and watches it
// until it is there. It tells whether there was no keyframe young enough to begin with at once.
func (w *World) selectAnother(t *testing.T) bool {
	t.Helper()
	s := w.subs[0]
	from := s.newestLayer().encoding
	to := (from + 1 + uint8(w.rnd.IntN(w.opt.Encodings-1))) % uint8(w.opt.Encodings)
	u, at := w.pub.stream(to), w.now
	before := u.lastKey
	s.core.Select(forwarder.Selection{RID: u.rid})
	s.pull()
	for s.newestLayer().encoding != to {
		w.Run(5 * time.Millisecond)
		if got := s.newestLayer(); got.encoding != to && got.encoding != from || w.now.Sub(s.seen[got]) > onItsWay {
			t.Fatalf("after %v it gets %+v of %v ago, on the way from %d to %d", w.now.Sub(at), got, w.now.Sub(s.seen[got]), from, to)
		}
		if w.now.Sub(at) > deafInterval+onItsWay {
			t.Fatalf("not on encoding %d %v after it was selected", to, w.now.Sub(at))
		}
	}
	switch age := at.Sub(before); {
	case age <= young-onItsWay:
		if w.now.Sub(at) > onItsWay {
			t.Errorf("a keyframe of %v ago was not begun with for %v", age, w.now.Sub(at))
		}
	case age > young+onItsWay:
		if u.lastKey == before || w.now.Sub(u.lastKey) > onItsWay {
			t.Errorf("went over %v after the last keyframe of encoding %d", w.now.Sub(u.lastKey), to)
		}
		return true
	}
	return false
}

// newestLayer is the layer sent last.
func (s *subscriber) newestLayer() layer {
	var newest layer
	for l, at := range s.seen {
		if last := s.seen[newest]; at.After(last) {
			newest = l
		}
	}
	return newest
}
