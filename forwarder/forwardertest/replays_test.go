package forwardertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// replayed are captures to be sent side by side, by what they are of, and how many layers the
// core tells apart: where nobody has the Dependency Descriptor, where only the publisher has,
// where both have.
func replayed() map[string]struct {
	captures []string
	layers   [3]int
} {
	return map[string]struct {
		captures []string
		layers   [3]int
	}{
		"vp8":       {[]string{"vp8-chromium-l1t3", "vp8-chromium-simulcast", "vp8-chromium-l1t3"}, [3]int{3, 9, 9}},
		"vp8 plain": {[]string{"vp8-chromium-l1t3-plain", "vp8-chromium-l1t3-plain"}, [3]int{6, 6, 6}},
		"h264":      {[]string{"h264-chromium-l1t2", "h264-chromium-l1t3"}, [3]int{2, 5, 5}},
		"vp9":       {[]string{"vp9-chromium-l1t3", "vp9-chromium-l3t3", "vp9-chromium-l3t3key"}, [3]int{21, 21, 21}},
		"vp9 fewer": {[]string{"vp9-chromium-l3t3-fewer", "vp9-chromium-l3t3key-fewer"}, [3]int{18, 18, 18}},
		"av1":       {[]string{"av1-chromium-l1t3", "av1-chromium-l2t2", "av1-chromium-l3t3", "av1-chromium-l3t3key"}, [3]int{11, 11, 25}},
	}
}

func newNamedReplay(t testing.TB, seed uint64, reach reach, names []string) *replay {
	t.Helper()
	var captures []*capture
	for _, name := range names {
		captures = append(captures, readCapture(t, name))
	}
	return newReplay(seed, reach, captures...)
}

// TestCapturesThroughTheCore: whoever switches among layers of what Chromium sent gets all that
// each picture needs, by Chromium's own words, whoever understands the Dependency Descriptor.
func TestCapturesThroughTheCore(t *testing.T) {
	for name, what := range replayed() {
		for _, reach := range []reach{nobody, publisherOnly, both} {
			t.Run(fmt.Sprint(name, " ", reach), func(t *testing.T) {
				t.Parallel()
				switches, checked, layers := 0, 0, 0
				for seed := range uint64(5) {
					r := newNamedReplay(t, seed, reach, what.captures)
					r.run(time.Minute)
					if err := r.err(); err != nil {
						t.Errorf("seed %d: %v", seed, err)
					}
					switches, checked, layers = switches+r.switches, checked+r.watch.checked, max(layers, len(r.layers))
				}
				if switches < 50 || checked == 0 && name != "vp9 fewer" || layers < what.layers[reach] {
					t.Errorf("only %d switches among %d layers of %d, %d times a picture that must be there", switches, layers, what.layers[reach], checked)
				}
			})
		}
	}
}

// TestOraclesOfCapturesSeePlantedFaults breaks what leaves the core.
func TestOraclesOfCapturesSeePlantedFaults(t *testing.T) {
	var r *replay
	closed := uint16(0)
	leaveOut := func(match func(from *played) bool) func(*rtp.Packet, *played) bool {
		return func(p *rtp.Packet, from *played) bool {
			if closed == 0 && from.loop > 1 && !from.key && match(from) {
				closed = 1
				return false
			}
			p.SequenceNumber -= closed
			return true
		}
	}
	later := func(do func(p *rtp.Packet, from *played)) func(*rtp.Packet, *played) bool {
		return func(p *rtp.Packet, from *played) bool {
			if from.loop > 1 && !from.key {
				do(p, from)
			}
			return true
		}
	}
	ids := func(id uint16, tl0 uint8) func(*rtp.Packet, *played) bool {
		return later(func(p *rtp.Packet, from *played) {
			d, now := idsOf(from.player.capture.codec(), p.Payload)
			d.Rewrite(p.Payload, now.id+id, now.tl0+tl0)
		})
	}
	descriptor := func(edit func(value []byte) []byte) func(*rtp.Packet, *played) bool {
		return later(func(p *rtp.Packet, from *played) {
			setExtension(&p.Header, subDescriptorID, edit(append([]byte(nil), p.GetExtension(subDescriptorID)...)))
		})
	}
	base := func(from *played) bool { return from.temporal == 0 && from.spatial == 0 && from.parts == 1 }
	for name, tt := range map[string]struct {
		of    string
		fault func(p *rtp.Packet, from *played) bool
		want  string
	}{
		"vp8: without a base layer picture":       {"vp8", leaveOut(base), "which was not sent"},
		"vp8 plain: without a base layer picture": {"vp8 plain", leaveOut(base), "which was not sent"},
		"vp8 plain: without one of layer 1":       {"vp8 plain", leaveOut(func(from *played) bool { return from.temporal == 1 }), "which was not sent"},
		"h264: without a base layer picture":      {"h264", leaveOut(base), "which was not sent"},
		"vp9: without a base layer picture":       {"vp9", leaveOut(base), "which was not sent"},
		"av1: without a base layer picture":       {"av1", leaveOut(base), "which was not sent"},
		"a picture of the layer chosen left out": {"h264", func(p *rtp.Packet, from *played) bool {
			if from.loop > 2 && from.temporal == 2 {
				closed++
			}
			p.SequenceNumber -= closed
			return from.loop <= 2 || from.temporal < 2
		}, "was not sent to who gets"},
		"a frame without its end":       {"av1", leaveOut(func(from *played) bool { return from.parts > 1 && from.part == from.parts-1 }), "without its end"},
		"a frame without its beginning": {"av1", leaveOut(func(from *played) bool { return from.parts > 1 && from.part == 0 }), "follows part"},
		"a number left out":             {"vp8", later(func(p *rtp.Packet, _ *played) { p.SequenceNumber++ }), "follows"},
		"no markers":                    {"vp9", later(func(p *rtp.Packet, _ *played) { p.Marker = false }), "has no end"},
		"markers everywhere":            {"vp9", later(func(p *rtp.Packet, _ *played) { p.Marker = true }), "follows the end"},
		"timestamps that stand still":   {"vp8", later(func(p *rtp.Packet, _ *played) { p.Timestamp = 0 }), "the timestamp goes on"},
		"another picture id":            {"vp8 plain", ids(1, 0), "picture id"},
		"another picture id of VP9":     {"vp9", ids(1, 0), "does not keep its distance"},
		"another TL0PICIDX":             {"vp8 plain", ids(0, 1), "TL0PICIDX"},
		"another payload":               {"h264", later(func(p *rtp.Packet, _ *played) { p.Payload[len(p.Payload)-1] ^= 1 }), "the payload of"},
		"another frame number": {"av1", descriptor(func(value []byte) []byte {
			h, _ := codec.ParseDependencyHeader(value)
			codec.PutFrameNumber(value, h.FrameNumber+1)
			return value
		}), "does not keep its distance"},
		"another template": {"av1", descriptor(func(value []byte) []byte { value[0] ^= 1; return value }), "descriptor"},
		"no active decode targets": {"av1", descriptor(func(value []byte) []byte {
			h, _ := codec.ParseDependencyHeader(value)
			return codec.AppendDescriptor(nil, value, h.FrameNumber, 0, 9)
		}), "have no use for"},
		"another encoding without its keyframe": {"h264", func(p *rtp.Packet, from *played) bool {
			out := from.key && r.watch.last != nil && r.watch.last.player != from.player
			if out {
				closed++
			}
			p.SequenceNumber -= closed
			return !out
		}, "without a keyframe"},
	} {
		t.Run(name, func(t *testing.T) {
			closed = 0
			r = newNamedReplay(t, 1, both, replayed()[tt.of].captures)
			r.fault = tt.fault
			r.run(time.Minute)
			if err := r.err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the oracle did not say %q: %v", tt.want, err)
			}
		})
	}
}
