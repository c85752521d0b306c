package forwardertest

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// A change is a planted defect of one packet of video that is sent for the first time; it
// returns false to drop it. from is the packet as its publisher sent it.
type change func(p *rtp.Packet, c *content, from *original) bool

// always returns a change that drops nothing.
func always(do func(p *rtp.Packet, c *content, from *original)) change {
	return func(p *rtp.Packet, c *content, from *original) bool {
		do(p, c, from)
		return true
	}
}

// at changes the packets of one picture.
func at(picture uint32, do change) change {
	return func(p *rtp.Packet, c *content, from *original) bool {
		return c.picture != picture || do(p, c, from)
	}
}

// atKeyframe changes the keyframes that come later.
func atKeyframe(do change) change {
	return func(p *rtp.Packet, c *content, from *original) bool {
		return !c.key || c.picture == 0 || do(p, c, from)
	}
}

// addID adds to a picture id of 15 bits.
func addID(n uint16) change {
	return always(func(p *rtp.Packet, _ *content, from *original) {
		id := from.id(p.Payload) + n
		p.Payload[from.idAt], p.Payload[from.idAt+1] = 0x80|byte(id>>8)&0x7f, byte(id)
	})
}

// descriptor changes the Dependency Descriptor.
func descriptor(edit func(value []byte, c *content) []byte) change {
	return always(func(p *rtp.Packet, c *content, _ *original) {
		value := edit(append([]byte(nil), p.GetExtension(subDescriptorID)...), c)
		if err := p.SetExtension(subDescriptorID, value); err != nil {
			panic(err)
		}
	})
}

func addFrames(n uint16) change {
	return descriptor(func(value []byte, _ *content) []byte {
		h, _ := codec.ParseDependencyHeader(value)
		codec.PutFrameNumber(value, h.FrameNumber+n)
		return value
	})
}

// tell says which of nine decode targets are active.
func tell(active uint32) change {
	return descriptor(func(value []byte, _ *content) []byte {
		h, _ := codec.ParseDependencyHeader(value)
		return codec.AppendDescriptor(nil, value, h.FrameNumber, active, 9)
	})
}

// leaveOut drops what match chooses, once, and closes the gap.
func leaveOut(match func(c *content) bool) change {
	closed := uint16(0)
	return func(p *rtp.Packet, c *content, _ *original) bool {
		if closed == 0 && c.picture > 100 && !c.key && match(c) {
			closed = 1
			return false
		}
		p.SequenceNumber -= closed
		return true
	}
}

// exchange gives two packets each other's numbers, the first of them of picture 160.
func exchange() change {
	done, other := false, uint16(0)
	return always(func(p *rtp.Packet, c *content, _ *original) {
		switch {
		case !done && c.picture == 160:
			done, other = true, p.SequenceNumber
			p.SequenceNumber++
		case done && p.SequenceNumber == other+1:
			p.SequenceNumber = other
		}
	})
}

func hide(match func(c *content) bool) change {
	return func(_ *rtp.Packet, c *content, _ *original) bool { return !match(c) }
}

// planted are defects of video, what is sent while they are there, and what must be said.
func planted() map[string]struct {
	opt  Options
	do   change
	want string
} {
	vp8 := Options{Layers: Layers{Temporal: 3}, Interval: 2 * time.Second}
	vp9 := Options{Codec: codec.VP9, Layers: Layers{Spatial: 3, Temporal: 3}, Flexible: true, Interval: 2 * time.Second}
	av1 := Options{Codec: codec.AV1, Layers: Layers{Spatial: 3, Temporal: 3}, Descriptor: true, Interval: 2 * time.Second}
	groups := Options{Codec: codec.VP9, Layers: Layers{Spatial: 2, Temporal: 3}, Interval: 2 * time.Second}
	keyed := Options{Codec: codec.VP9, Layers: Layers{Spatial: 3, KeyOnly: true}, Flexible: true, VanishLayers: 2 * time.Second}
	small := vp8
	small.Bitrate = 100_000 // pictures of one packet
	fewer := av1
	fewer.VanishLayers = 2 * time.Second
	choosing := av1
	choosing.Select = time.Second
	simulcast := Options{Encodings: 3, Interval: 2 * time.Second, Select: time.Second}
	vanishing := Options{Encodings: 2, Interval: 2 * time.Second, Vanish: 2 * time.Second}
	calm := vp8
	calm.Select, calm.Calm = time.Second, 2*time.Second
	return map[string]struct {
		opt  Options
		do   change
		want string
	}{
		"vp8: a picture id that jumps":           {vp8, at(160, addID(5)), "wire: picture id"},
		"vp8: two picture ids of one picture":    {vp8, at(160, hideFirst(addID(1))), "amid picture"},
		"vp8: a TL0PICIDX that jumps":            {vp8, at(160, addTL0(9)), "wire: TL0PICIDX"},
		"vp9: a TL0PICIDX that jumps":            {groups, at(160, addTL0(9)), "wire: TL0PICIDX"},
		"vp9: two TL0PICIDX of one picture":      {groups, at(160, hideFirst(addTL0(1))), "wire: TL0PICIDX"},
		"vp9: a picture id of another picture":   {vp9, at(161, addID(3)), "does not keep its distance"},
		"vp9: a keyframe's picture id goes back": {vp9, atKeyframe(addID(0x7f00)), "at a keyframe"},
		"a frame number of another frame":        {av1, at(161, addFrames(3)), "does not keep its distance"},
		"a keyframe's frame number goes back":    {av1, atKeyframe(addFrames(0xf000)), "does not rise"},
		"a frame that does not begin":            {av1, at(160, descriptor(flip(0x80))), "frame start"},
		"another template":                       {av1, at(160, descriptor(flip(0x01))), "descriptor is not what the publisher sent"},
		"active targets without what is sent":    {av1, at(160, tell(0)), "have no use for"},
		"active targets nobody makes":            {fewer, tell(1<<9 - 1), "the publisher makes"},
		"a descriptor cut short":                 {av1, at(160, cutShort), "wire: dependency descriptor: codec"},
		"active targets of what is left out":     {choosing, tell(1<<9 - 1), "which is left out"},
		"another payload":                        {vp8, at(160, flipPayload), "wire: payload of"},
		"another capture time":                   {vp8, at(160, always(eightBytes(subClockID))), "capture time"},
		"a header extension nobody asked for":    {vp8, at(160, always(eightBytes(11))), "header extension 11"},
		"a marker amid a picture":                {vp8, always(func(p *rtp.Packet, _ *content, _ *original) { p.Marker = true }), "a marker amid"},
		"no markers":                             {vp8, always(func(p *rtp.Packet, _ *content, _ *original) { p.Marker = false }), "without a marker"},
		"a frame without its end":                {vp8, leaveOut(func(c *content) bool { return c.parts > 1 && c.ends() }), "an unfinished frame"},
		"a frame without its beginning":          {vp8, leaveOut(func(c *content) bool { return c.parts > 1 && c.part == 0 }), "a frame begins with part"},
		"spatial layers in the wrong order":      {smooth(vp9), exchange(), "wire: spatial layer"},
		"pictures in the wrong order":            {small, exchange(), "follows picture"},
		"numbers left out": {vp8, always(func(p *rtp.Packet, c *content, _ *original) {
			if c.picture > 160 {
				p.SequenceNumber += 3
			}
		}), "numbers left out"},
		"numbers left out before a keyframe": {
			vp8, hide(func(c *content) bool { return c.picture > 110 && c.picture < 122 }), "left out before picture 1/0/122",
		},
		"a beginning that is no keyframe":        {vp8, withoutKeyframes(false), "decoder: begins with"},
		"another encoding without its keyframe":  {simulcast, withoutKeyframes(true), "decoder: goes from encoding"},
		"nothing else when an encoding vanishes": {vanishing, hide(func(c *content) bool { return c.encoding != 0 }), "got nothing else"},
		"nothing else when spatial layers vanish": {keyed, func(_ *rtp.Packet, _ *content, from *original) bool {
			return from.frame.dependency.active == 1<<3-1
		}, "got nothing else"},
		"nothing of a later publisher": {
			Options{Interval: 2 * time.Second, Restart: 3 * time.Second},
			hide(func(c *content) bool { return c.publisher > 1 }), "got nothing of publisher",
		},
		"no video in a calm":            {calm, hide(func(c *content) bool { return c.picture > 60 }), "is sent nothing in a calm"},
		"a picture that stands still":   {vp8, hide(func(c *content) bool { return c.picture > 60 }), "stood still"},
		"a picture without its parents": {small, leaveOut(func(c *content) bool { return c.temporal == 0 }), "is not decodable without"},
	}
}

// withoutKeyframes hides the keyframe each encoding begins with; with begun, not that of
// the first encoding that comes.
func withoutKeyframes(begun bool) change {
	on := -1
	return func(_ *rtp.Packet, c *content, _ *original) bool {
		if on < 0 && begun {
			on = int(c.encoding)
		}
		if !c.key {
			on = int(c.encoding)
		}
		return on == int(c.encoding)
	}
}

func hideFirst(do change) change {
	return func(p *rtp.Packet, c *content, from *original) bool { return c.part == 0 || do(p, c, from) }
}

func addTL0(n byte) change {
	return always(func(p *rtp.Packet, _ *content, from *original) { p.Payload[from.tl0At] += n })
}

func flip(bit byte) func([]byte, *content) []byte {
	return func(value []byte, _ *content) []byte {
		value[0] ^= bit
		return value
	}
}

func cutShort(p *rtp.Packet, _ *content, _ *original) bool {
	if err := p.SetExtension(subDescriptorID, []byte{0x80, 0}); err != nil {
		panic(err)
	}
	return true
}

func flipPayload(p *rtp.Packet, _ *content, _ *original) bool {
	p.Payload[len(p.Payload)-contentSize-1] ^= 1
	return true
}

func eightBytes(id uint8) func(*rtp.Packet, *content, *original) {
	return func(p *rtp.Packet, _ *content, _ *original) {
		if err := p.SetExtension(id, []byte{1, 2, 3, 4, 5, 6, 7, 8}); err != nil {
			panic(err)
		}
	}
}

// TestOraclesOfVideoSeePlantedFaults breaks video of each kind as it leaves the core: what
// watches running numbers, descriptors, markers, layers and liveness must say so.
func TestOraclesOfVideoSeePlantedFaults(t *testing.T) {
	for name, tt := range planted() {
		t.Run(name, func(t *testing.T) {
			o := tt.opt
			o.Subscribers = 1
			var w *World
			hidden := map[uint16]bool{} // and not sent again either
			o.Fault = func(_ int, p *rtp.Packet, first bool) bool {
				c, ok := parseContent(p.Payload)
				if !ok || !first || p.SSRC != 2000 {
					return !hidden[p.SequenceNumber]
				}
				from, number := w.original(&c), p.SequenceNumber
				hidden[number] = from != nil && !tt.do(p, &c, from)
				return !hidden[number]
			}
			w = New(3, o)
			w.Run(15 * time.Second)
			w.checkEnd(5 * time.Second)
			if err := w.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the oracles did not say %q: %v", tt.want, err)
			}
		})
	}
}

// TestOracleOfRetransmissionsSeesPlantedFaults breaks what is sent again.
func TestOracleOfRetransmissionsSeesPlantedFaults(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(p *rtp.Packet)
		want string
	}{
		"of another number":       {func(p *rtp.Packet) { p.Payload[1]++ }, "is not what was sent"},
		"of another time":         {func(p *rtp.Packet) { p.Timestamp++ }, "is not what was sent"},
		"with another marker":     {func(p *rtp.Packet) { p.Marker = !p.Marker }, "is not what was sent"},
		"without number":          {func(p *rtp.Packet) { p.Payload = p.Payload[:1] }, "without an original number"},
		"all under one number":    {func(p *rtp.Packet) { p.SequenceNumber = 7 }, "is used twice"},
		"with another descriptor": {func(p *rtp.Packet) { eightBytes(subDescriptorID)(p, nil, nil) }, "is not what was sent"},
	} {
		t.Run(name, func(t *testing.T) {
			w := New(3, Options{
				Subscribers: 1, Interval: 2 * time.Second, RTX: true,
				Down: Network{Loss: 0.02, Delay: 10 * time.Millisecond},
				Fault: func(_ int, p *rtp.Packet, _ bool) bool {
					if p.SSRC == 3000 && len(p.Payload) > 2 {
						tt.do(p)
					}
					return true
				},
			})
			w.Run(10 * time.Second)
			if err := w.Err(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("the oracle did not say %q: %v", tt.want, err)
			}
		})
	}
}

// TestOracleOfSelectionsSeesPlantedFaults: a core that stays on the lowest layer whatever
// is selected.
func TestOracleOfSelectionsSeesPlantedFaults(t *testing.T) {
	w := New(3, Options{Layers: Layers{Temporal: 3}, Subscribers: 1, Select: time.Second, Calm: 2 * time.Second})
	lowest := uint8(0)
	for range 200 {
		w.Run(50 * time.Millisecond)
		for _, s := range w.subs {
			s.core.Select(forwarder.Selection{Exact: true, RID: rid(0), Spatial: &lowest, Temporal: &lowest})
		}
	}
	if err := w.Err(); err == nil || !strings.Contains(err.Error(), "selected is") {
		t.Errorf("the oracle did not say so: %v", err)
	}
}
