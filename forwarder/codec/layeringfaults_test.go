package codec_test

import (
	"strings"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// TestWatchersOfCapturesSeePlantedFaults changes the layering of one packet after the other:
// what watches the layers of captures must say so wherever it matters.
func TestWatchersOfCapturesSeePlantedFaults(t *testing.T) {
	lowest := codec.LayerBit(0, 0)
	all := codec.LayerBit(0, 2)
	faults := map[string]struct {
		plant func(p *layered) bool // false: none of this packet
		watch func(packets []layered) error
		three bool // only where there are three temporal layers
	}{
		"a packet of the lowest layer left out": {
			func(p *layered) bool { p.Needed &^= lowest; return true },
			func(packets []layered) error { return closed(packets, 0, 0) }, false,
		},
		"a packet of a higher layer for the lowest": {
			func(p *layered) bool { p.Needed |= lowest; return p.Temporal > 0 },
			func(packets []layered) error { return closed(packets, 0, 0) }, true,
		},
		"a packet of a higher layer left out": {
			func(p *layered) bool { p.Needed &^= all; return p.Temporal == 1 },
			func(packets []layered) error { return closed(packets, 0, 2) }, true,
		},
		"an end left out": {
			func(p *layered) bool { p.Last &^= lowest; return true },
			func(packets []layered) error { return checkMarkers(packets, lowest) }, false,
		},
		"an end for who does not get it": {
			func(p *layered) bool { p.Last |= lowest; return p.Needed&lowest == 0 },
			func(packets []layered) error { return checkMarkers(packets, lowest) }, false,
		},
	}
	for _, name := range layeredFixtures(t) {
		packets := readLayers(t, name, true)
		for what, fault := range faults {
			seen := 0
			for i := range packets {
				was := packets[i].Layering
				if fault.plant(&packets[i]) && fault.watch(packets) != nil {
					seen++
				}
				packets[i].Layering = was
			}
			if seen == 0 && (!fault.three || strings.Contains(name, "t3") || strings.HasSuffix(name, "simulcast")) {
				t.Errorf("%s: nothing was said of %s", name, what)
			}
		}
	}
}

// TestAnEndTooEarlyIsSeen: where a picture is of several packets.
func TestAnEndTooEarlyIsSeen(t *testing.T) {
	bit, seen := codec.LayerBit(2, 2), 0
	packets := readLayers(t, "av1-chromium-l3t3", true)
	for i := range packets {
		was := packets[i].Last
		packets[i].Last |= bit
		if packets[i].Last != was && packets[i].Needed&bit != 0 && checkMarkers(packets, bit) != nil {
			seen++
		}
		packets[i].Last = was
	}
	if seen == 0 {
		t.Error("nothing was said")
	}
}

// TestStepsUpAnywhereAreSeen: a receiver that steps up where Entry does not let it lacks what
// pictures need.
func TestStepsUpAnywhereAreSeen(t *testing.T) {
	for _, name := range []string{"vp8-chromium-l1t3", "vp8-chromium-l1t3-plain", "vp8-chromium-simulcast"} {
		packets, seen := readLayers(t, name, true), 0
		for i := range packets {
			p := &packets[i]
			if p.Temporal > 0 && p.Flags&codec.LayerStart != 0 && p.Entry&codec.LayerBit(0, p.Temporal) == 0 && stepUp(packets, i, 0, p.Temporal) != nil {
				seen++
			}
		}
		if seen == 0 {
			t.Errorf("%s: nothing was said", name)
		}
	}
}
