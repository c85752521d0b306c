package forwardertest

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// captureLayersID is the id of the Video Layers Allocation in captures, captureClockID of the
// capture time, captureDescriptorID of the Dependency Descriptor.
const captureLayersID, captureClockID, captureDescriptorID = 12, 13, 14

// A capture is what Chromium sent of one encoding, from a keyframe on.
type capture struct {
	name              string
	packets           []*captured
	spatial, temporal int // numbers of layers
}

// captured is a packet of a capture, and what its publisher says of its layer frame.
type captured struct {
	*rtp.Packet
	frame             int   // the layer frame, in decoding order; -1: padding
	part, parts       int   // of the frame
	needs             []int // layer frames that this one cannot be decoded without
	spatial, temporal uint8
	key               bool // of a picture decodable alone
	marked            bool // some packet of the picture has a marker
	numbers           running
}

// readCapture reads a fixture of the codecs' tests.
func readCapture(t testing.TB, name string) *capture {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("..", "codec", "testdata", name+".rtp"))
	if err != nil {
		t.Fatal(err)
	}
	c := &capture{name: name}
	for len(file) >= 2 {
		size := int(binary.BigEndian.Uint16(file))
		p := &captured{Packet: new(rtp.Packet), frame: -1}
		if err := p.Unmarshal(file[2 : 2+size]); err != nil {
			t.Fatal(err)
		}
		c.packets = append(c.packets, p)
		file = file[2+size:]
	}
	if err := c.read(); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return c
}

func (c *capture) codec() codec.Name {
	short, _, _ := strings.Cut(c.name, "-")
	name, _ := codec.ParseName(short)
	return name
}

// read finds out what the packets are, by their descriptors, else by VP8's own words.
func (c *capture) read() error {
	described := describedFrames{frames: map[uint16]int{}}
	var plain plainFrames
	parts, marked := map[int]int{}, map[uint32]bool{}
	for _, p := range c.packets {
		marked[p.Timestamp] = marked[p.Timestamp] || p.Marker
		if len(p.Payload) == 0 {
			continue
		}
		p.numbers = runningOf(c.codec(), p.Packet)
		if value := p.GetExtension(captureDescriptorID); value == nil {
			plain.read(p)
		} else if err := described.read(p, value); err != nil {
			return err
		}
		p.part = parts[p.frame]
		parts[p.frame]++
		c.spatial, c.temporal = max(c.spatial, int(p.spatial)+1), max(c.temporal, int(p.temporal)+1)
	}
	for _, p := range c.packets {
		p.parts, p.marked = parts[p.frame], marked[p.Timestamp]
	}
	return nil
}

// describedFrames are those that Dependency Descriptors tell of.
type describedFrames struct {
	structure codec.DependencyStructure
	frames    map[uint16]int // by number
	key       uint32         // timestamp of the last keyframe
}

func (f *describedFrames) read(p *captured, value []byte) error {
	d, err := f.structure.Parse(value)
	if err != nil {
		return err
	}
	if _, ok := f.frames[d.FrameNumber]; !ok {
		f.frames[d.FrameNumber] = len(f.frames)
	}
	p.frame, p.spatial, p.temporal = f.frames[d.FrameNumber], d.Spatial, d.Temporal
	for _, diff := range d.References[:d.ReferenceCount] {
		need, ok := f.frames[d.FrameNumber-diff]
		if !ok {
			return fmt.Errorf("frame %d refers to %d, which is not there", d.FrameNumber, d.FrameNumber-diff)
		}
		p.needs = append(p.needs, need)
	}
	if d.ReferenceCount == 0 {
		f.key = p.Timestamp
	}
	p.key = p.Timestamp == f.key
	return nil
}

// plainFrames are those of VP8 that no descriptor tells of. What a picture may need is derived
// from RFC 7741 §4.2: the last picture of layer 0; and of an upper layer, unless its Y bit is
// set, the last one of each layer up to its own. Pictures with the N bit are needed by none.
type plainFrames struct {
	frames int
	now    uint32
	last   [4]int // the last picture needed of each temporal layer, and one; 0: none
	bases  map[uint8]int
}

func (f *plainFrames) read(p *captured) {
	d, _ := codec.ParseVP8(p.Payload)
	p.temporal = d.TID
	if f.frames > 0 && p.Timestamp == f.now {
		p.frame = f.frames - 1
		return
	}
	p.frame, f.now = f.frames, p.Timestamp
	f.frames++
	if p.key = codec.Inspect(codec.Format{Name: codec.VP8}, p.Payload).Keyframe; p.key {
		f.last, f.bases = [4]int{}, map[uint8]int{}
	}
	for layer, last := range f.last[:d.TID+1] {
		if last > 0 && (layer == 0 || !d.LayerSync) {
			p.needs = append(p.needs, last-1)
		}
	}
	if d.TID == 0 {
		f.bases[d.TL0PicIdx] = p.frame
	} else if base, ok := f.bases[d.TL0PicIdx]; !ok || base != p.needs[0] {
		p.needs[0] = -1 // of a base layer picture that is not there: nothing has it
	}
	if !d.NonReference {
		f.last[d.TID] = p.frame + 1
	}
}

// running are the running numbers in a packet.
type running struct {
	id, number       uint16
	tl0              uint8
	idBits           uint8 // 0: no picture id
	hasTL0, hasFrame bool
}

// rewriter is a payload descriptor with picture ids.
type rewriter interface {
	Rewrite(payload []byte, id uint16, tl0 uint8)
}

// idsOf reads a payload descriptor; nil if its codec has no picture ids.
func idsOf(name codec.Name, payload []byte) (rewriter, running) {
	switch name {
	case codec.VP8:
		d, _ := codec.ParseVP8(payload)
		return &d, running{id: d.PictureID, idBits: d.PictureIDBits, tl0: d.TL0PicIdx, hasTL0: d.HasTL0PicIdx}
	case codec.VP9:
		d, _ := codec.ParseVP9(payload)
		return &d, running{id: d.PictureID, idBits: d.PictureIDBits, tl0: d.TL0PicIdx, hasTL0: d.HasLayers && !d.Flexible}
	}
	return nil, running{}
}

// runningOf reads a packet of a capture.
func runningOf(name codec.Name, p *rtp.Packet) running {
	_, r := idsOf(name, p.Payload)
	if h, ok := codec.ParseDependencyHeader(p.GetExtension(captureDescriptorID)); ok {
		r.number, r.hasFrame = h.FrameNumber, true
	}
	return r
}

// renumber writes other numbers into a packet of a capture, where it has them.
func (r *running) renumber(name codec.Name, p *rtp.Packet) {
	if d, _ := idsOf(name, p.Payload); d != nil {
		d.Rewrite(p.Payload, r.id, r.tl0)
	}
	if value := p.GetExtension(captureDescriptorID); value != nil {
		codec.PutFrameNumber(value, r.number)
	}
}

// plus adds to those that are there.
func (r *running) plus(o *running) running {
	sum := *r
	sum.id, sum.tl0, sum.number = r.id+o.id, r.tl0+o.tl0, r.number+o.number
	return sum
}
