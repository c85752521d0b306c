package forwarder

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An encoding that comes over a link does so as long as somebody wants it:
//
//	awake ── nobody wants it: the origin is told ──→ asleep, once the origin says so
//	  ↑                                                 │ somebody wants it: the origin
//	  └── it comes from the last keyframe on ───────────┘ is told so
//
// An encoding that falls asleep ends, and another one takes its place without any media:
// what the origin tells of it is enough for subscribers to choose it. Until its first
// keyframe has come it counts as decodable.

// want notes that a subscriber is on the encoding, or on its way there.
func (e *Encoding) want(now time.Time) {
	if !e.relayed {
		return
	}
	if d := int64(now.Sub(e.since)); d-e.wantedAt.Load() > int64(wantStep) {
		e.wantedAt.Store(d)
	}
}

// wantLayer notes that a subscriber is on a layer of the encoding, or on its way there.
func (e *Encoding) wantLayer(l layerID) {
	e.wantLayers(l.bit())
}

// wantLayers notes that somebody wants some layers.
func (e *Encoding) wantLayers(layers uint32) {
	if e.relayed && e.wantedOf[0].Load()&layers != layers {
		e.wantedOf[0].Or(layers)
	}
}

// wantedLayers are the layers that somebody wanted of late; all while that is not known.
func (e *Encoding) wantedLayers(now time.Time) uint32 {
	if len(e.Layers()) < 2 {
		return codec.AllLayers
	}
	if now.Before(e.turnAt) {
		return everything(e.wantedOf[0].Load() | e.wantedOf[1].Load())
	}
	first := e.turnAt.IsZero()
	e.turnAt = now.Add(wantLayerTime)
	before := e.wantedOf[0].Swap(0)
	e.wantedOf[1].Store(before)
	if first {
		e.wantedOf[1].Store(codec.AllLayers)
	}
	return everything(e.wantedOf[1].Load())
}

// wanted tells whether anybody did of late.
func (e *Encoding) wanted(now time.Time) bool {
	return now.Sub(e.since)-time.Duration(e.wantedAt.Load()) < wantHold
}

// told tells whether the origin says that an encoding it does not send is active there.
func (e *Encoding) told(now time.Time) bool {
	at := e.toldAt.Load()
	return at != 0 && now.Sub(e.since)-time.Duration(at) < activeWindow
}

// wants appends what the origin must know of whom nobody wants, and of whose layers: at once
// when that changes, and each linkProbe, by which it also knows that we are there.
func (p *Publisher) wants(now time.Time, c *compound) {
	if !p.cfg.Relayed {
		return
	}
	all := p.appendUnwanted(now, p.unwantedNow[:0])
	sleeping := len(all)
	all = p.appendWantedLayers(now, all)
	p.unwantedNow = all
	if now.Before(p.nextWants) && slices.Equal(all, p.unwanted) {
		return
	}
	p.nextWants = now.Add(linkProbe)
	p.unwanted = append(p.unwanted[:0], all...)
	c.begin()
	c.b = appendAudience(c.b, c.ssrc, p.audienceHere())
	c.b = appendLinkMessage(c.b, linkUnwanted, c.ssrc, sleeping)
	for _, ssrc := range all[:sleeping] {
		c.b = binary.BigEndian.AppendUint32(c.b, ssrc)
	}
	c.b = appendLinkMessage(c.b, linkLayers, c.ssrc, len(all)-sleeping)
	for _, word := range all[sleeping:] {
		c.b = binary.BigEndian.AppendUint32(c.b, word)
	}
}

// appendWantedLayers appends the SSRCs of encodings of which not all layers are wanted, and
// those that are.
func (p *Publisher) appendWantedLayers(now time.Time, all []uint32) []uint32 {
	for _, s := range p.order {
		if s.enc == nil || s.track.Kind != codec.Video || s.enc.sleeps || !s.enc.wanted(now) {
			continue
		}
		if layers := s.enc.wantedLayers(now); layers != codec.AllLayers {
			all = append(all, s.ssrc, layers)
		}
	}
	return all
}

func (p *Publisher) appendUnwanted(now time.Time, all []uint32) []uint32 {
	for _, s := range p.order {
		if s.enc != nil && s.track.Kind == codec.Video && !s.enc.wanted(now) {
			all = append(all, s.ssrc)
		}
	}
	return all
}

// asleep takes what the origin tells of an encoding that it does not send.
func (p *Publisher) asleep(now time.Time, b []byte) {
	a, ok := readAsleep(b)
	if !ok {
		p.counts.Malformed++
		return
	}
	s := p.ssrcs[a.ssrc]
	if s == nil || s.enc == nil || s.track.Kind != codec.Video {
		return
	}
	if !s.enc.sleeps {
		p.sleep(now, s, a.number)
	}
	e := s.enc
	e.ext.near = a.number
	e.toldOf.Store(a.number)
	e.size.Store(a.size)
	e.bitrate.Store(a.bitrate)
	e.interval.Store(int64(a.interval))
	e.status.Store(&a.layers)
	e.ignores.Store(a.ignores)
	e.toldAt.Store(0)
	if a.active {
		e.toldAt.Store(int64(max(now.Sub(e.since), 1)))
	}
	p.choose(now, codec.Video)
}

// sleep puts an encoding without media in the place of one that the origin does not send.
func (p *Publisher) sleep(now time.Time, s *upStream, number uint64) {
	old := s.enc
	wanted := old.wanted(now)
	old.end()
	s.enc = &Encoding{
		id: old.id, pt: old.pt, format: old.format, rid: old.rid, relayed: true, sleeps: true,
		hist: NewHistory(p.cfg.Budget), bad: noNumber, since: now,
	}
	s.enc.layers.target, s.enc.layers.stream = old.layers.target, old.layers.stream
	s.enc.know(KnownEncoding{Number: number, Sets: old.describe().Sets})
	if !wanted {
		s.enc.wantedAt.Store(-int64(wantHold))
	}
	s.rec, s.nack, s.still = reception{}, nacker{}, nil
	p.publish(codec.Video)
}

// wake tells whether a packet of an encoding that sleeps counts: the origin sends it from
// the last keyframe on because somebody wants it again. What was still on its way when it
// fell asleep does not.
func (p *Publisher) wake(now time.Time, e *Encoding) bool {
	if !e.sleeps {
		return true
	}
	if !e.wanted(now) {
		return false
	}
	e.sleeps = false
	return true
}
