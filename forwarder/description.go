package forwarder

import (
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Description says how a link carries one publisher's media: what the node at its far
// end must know to have the same histories. SSRCs, sequence numbers and timestamps on a
// link are those of the histories; payload types and ids of header extensions are the
// link's own, the same for every publisher.
type Description struct {
	ID     uint64 // of the publisher's session, see PublisherConfig
	Tracks []DescribedTrack
}

// A DescribedTrack is one track of a publisher on a link.
type DescribedTrack struct {
	Kind      codec.Kind
	MID       string
	Types     []DescribedType // one for each format the publisher may send
	RIDs      []string        // declared ones
	Encodings []DescribedEncoding
}

// A DescribedType says what a payload type of a link stands for.
type DescribedType struct {
	PT         uint8
	Format     codec.Format
	Parameters [][]byte // NAL units that SDP gave out of band
}

// A DescribedEncoding is an encoding there is already. Further ones show by themselves.
type DescribedEncoding struct {
	SSRC   uint32 // on the link
	PT     uint8
	RID    string   // "" without simulcast
	Number uint64   // the highest extended sequence number there was
	Sets   [][]byte // the parameter sets that came last, as NAL units
}

// A KnownEncoding is what a publisher knows of an encoding before its first packet came.
type KnownEncoding struct {
	RID    string
	Number uint64   // an extended sequence number not far from the first; 0: unknown
	Sets   [][]byte // parameter sets, as NAL units
}

// linkIDs gives the ids of header extensions on links, in the one order there is.
func linkIDs() ExtensionIDs {
	var ids ExtensionIDs
	ids[codec.RID], ids[codec.Age], ids[codec.Travels], ids[codec.Still] = 1, 2, 3, 4
	id := uint8(5)
	for e := range codec.NumExtensions {
		if codec.Extension(e).Kept() {
			ids[e] = id
			id++
		}
	}
	return ids
}

// linkTypes gives each format of the tracks a payload type of its own, as long as there
// are dynamic ones (RFC 3551 §3, RFC 5761 §4): 61 formats. What came over a link keeps the
// types it came with: a node that goes on below another parent knows them.
func linkTypes(tracks []*upTrack, relayed bool) {
	next := uint8(96)
	for _, t := range tracks {
		t.types = map[codec.Format]uint8{}
		for _, pt := range slices.Sorted(maps.Keys(t.Formats)) {
			format := t.Formats[pt]
			_, ok := t.types[format]
			switch {
			case ok:
				continue
			case relayed:
				t.types[format] = pt
				continue
			case next == 64:
				continue
			}
			t.types[format] = next
			if next++; next == 128 {
				next = 35
			}
		}
	}
}

// Describe says how a link carries the publisher's media from now on.
func (p *Publisher) Describe() Description {
	d := Description{ID: p.cfg.ID}
	for _, t := range p.tracks {
		d.Tracks = append(d.Tracks, p.describe(t))
	}
	return d
}

func (p *Publisher) describe(t *upTrack) DescribedTrack {
	d := DescribedTrack{Kind: t.Kind, MID: t.MID, RIDs: t.RIDs}
	for _, pt := range slices.Sorted(maps.Keys(t.Formats)) {
		format := t.Formats[pt]
		link := t.types[format]
		known := func(d DescribedType) bool { return d.PT == link }
		if link != 0 && !slices.ContainsFunc(d.Types, known) {
			d.Types = append(d.Types, DescribedType{link, format, t.ParameterSets[pt]})
		}
	}
	for _, s := range t.encodings {
		if s.enc != nil && s.enc.pt != 0 {
			d.Encodings = append(d.Encodings, s.enc.describe())
		}
	}
	return d
}

func (e *Encoding) describe() DescribedEncoding {
	d := DescribedEncoding{SSRC: e.id, PT: e.pt, RID: e.rid, Number: e.ext.highest}
	if !e.ext.started {
		d.Number = e.ext.near // as it came over a link
	}
	for i := range e.sets.Len() {
		d.Sets = append(d.Sets, slices.Clone(e.sets.NAL(i)))
	}
	return d
}

// PublisherConfig returns what the far end of the link makes its Publisher of. SSRC and
// Budget are the caller's to set.
func (d *Description) PublisherConfig() PublisherConfig {
	cfg := PublisherConfig{ID: d.ID, Relayed: true}
	ids := map[uint8]codec.Extension{}
	for e, id := range linkIDs() {
		if id != 0 {
			ids[id] = codec.Extension(e)
		}
	}
	for _, t := range d.Tracks {
		track := PublisherTrack{
			Kind: t.Kind, MID: t.MID, RIDs: t.RIDs, Extensions: ids, NACK: true, PLI: true,
			Formats: map[uint8]codec.Format{}, ParameterSets: map[uint8][][]byte{}, Known: map[uint32]KnownEncoding{},
		}
		for _, f := range t.Types {
			track.Formats[f.PT], track.ParameterSets[f.PT] = f.Format, f.Parameters
		}
		for _, e := range t.Encodings {
			track.SSRCs = append(track.SSRCs, e.SSRC)
			track.Known[e.SSRC] = KnownEncoding{e.RID, e.Number, e.Sets}
		}
		cfg.Tracks = append(cfg.Tracks, track)
	}
	return cfg
}

// Formats returns what the encodings there are send, sound first.
func (d *Description) Formats() []codec.Format {
	var all []codec.Format
	for _, kind := range []codec.Kind{codec.Audio, codec.Video} {
		for _, t := range d.Tracks {
			for _, e := range t.Encodings {
				all = t.appendFormat(all, kind, e.PT)
			}
		}
	}
	return all
}

func (t *DescribedTrack) appendFormat(all []codec.Format, kind codec.Kind, pt uint8) []codec.Format {
	for _, f := range t.Types {
		if t.Kind == kind && f.PT == pt && !slices.Contains(all, f.Format) {
			all = append(all, f.Format)
		}
	}
	return all
}

// Held returns what the publisher has of each of its encodings, for another link to go
// on from there.
func (p *Publisher) Held() []Held {
	var all []Held
	for _, s := range p.order {
		if s.enc != nil && s.enc.ext.started && !s.repair {
			all = append(all, Held{s.ssrc, s.enc.ext.highest})
		}
	}
	return all
}

// Resume says that packets come again over another link: what the last one did not answer
// says nothing of this one.
func (p *Publisher) Resume() {
	for _, s := range p.order {
		s.nack.revive()
	}
}

// know takes what is known of an encoding before its first packet.
func (e *Encoding) know(k KnownEncoding) {
	e.ext.near = k.Number
	for _, nal := range k.Sets {
		e.sets.KeepNAL(e.format, nal)
	}
}

// encodingID names a new encoding of a stream: by its SSRC, unless another one had that.
func (p *Publisher) encodingID(ssrc uint32) uint32 {
	id := ssrc
	for p.begun[id] {
		id = id*747796405 + 2891336453 // any walk through all numbers will do
	}
	if len(p.begun) == maxBegun {
		clear(p.begun)
	}
	p.begun[id] = true
	return id
}

// age returns how old a packet that came over a link was when it left; 0 for others.
func (p *Publisher) age(h *rtp.Header) time.Duration {
	if p.byID.age == 0 {
		return 0
	}
	b := h.GetExtension(p.byID.age)
	if len(b) != 2 {
		return 0
	}
	return time.Duration(uint16(b[0])<<8|uint16(b[1])) * time.Millisecond
}

// travels takes what a link says of the layers of a packet.
func (p *Publisher) travels(h *rtp.Header, pkt *Packet) {
	if p.byID.travels == 0 || !h.Extension {
		return
	}
	if b := h.GetExtension(p.byID.travels); len(b) == 6 {
		pkt.Travels, pkt.Left = binary.BigEndian.Uint32(b), binary.BigEndian.Uint16(b[4:])
	}
}
