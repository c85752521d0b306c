package forwarder

import (
	"slices"

	"github.com/pion/rtp"
)

// stream finds or makes the stream a packet belongs to: by an SSRC met before,
// by a declared SSRC, by RID and MID header extensions, and at last by a payload
// type that only one section has (RFC 9143 §9.2). It returns nil if none fits.
func (p *Publisher) stream(h *rtp.Header) *upStream {
	if s := p.ssrcs[h.SSRC]; s != nil {
		if s.repair && s.media == nil {
			s.media = p.pairOf(s, h)
		}
		return s
	}
	t, repair := p.track(h)
	if t == nil || len(p.ssrcs) >= maxStreams {
		return nil
	}
	s := &upStream{track: t, ssrc: h.SSRC, repair: repair}
	if repair {
		s.media = p.pairOf(s, h)
	} else if s.rid = p.rid(t, h); !p.admit(s) {
		return nil
	}
	p.ssrcs[h.SSRC] = s
	p.order = append(p.order, s)
	return s
}

// admit adds a media stream to its track. A stream that comes with the RID of
// another one takes its place.
func (p *Publisher) admit(s *upStream) bool {
	t := s.track
	if len(t.RIDs) > 0 && s.rid != "" && !slices.Contains(t.RIDs, s.rid) {
		return false
	}
	if len(t.RIDs) > 0 && s.rid == "" && !slices.Contains(t.SSRCs, s.ssrc) {
		return false // simulcast: wait for a packet that names its RID
	}
	for i, old := range t.encodings {
		if s.rid != "" && old.rid == s.rid {
			p.forget(old)
			t.encodings[i] = s
			return true
		}
	}
	t.encodings = append(t.encodings, s)
	return true
}

// forget ends a stream whose place another one took.
func (p *Publisher) forget(old *upStream) {
	if old.enc != nil {
		old.enc.end()
	}
	delete(p.ssrcs, old.ssrc)
	p.order = slices.DeleteFunc(p.order, func(s *upStream) bool { return s == old })
	for _, s := range p.order {
		if s.media == old {
			s.media = nil // to be paired anew
		}
	}
}

func (p *Publisher) rid(t *upTrack, h *rtp.Header) string {
	if known, ok := t.Known[h.SSRC]; ok {
		return known.RID
	}
	if p.byID.rid == 0 {
		return ""
	}
	return string(h.GetExtension(p.byID.rid))
}

// track tells which section a packet of a new SSRC belongs to and whether it is
// a retransmission.
func (p *Publisher) track(h *rtp.Header) (*upTrack, bool) {
	for _, t := range p.tracks {
		if slices.Contains(t.SSRCs, h.SSRC) {
			return t, false
		}
		if _, ok := t.RepairSSRCs[h.SSRC]; ok {
			return t, true
		}
	}
	mid := ""
	if p.byID.mid != 0 {
		mid = string(h.GetExtension(p.byID.mid))
	}
	var found *upTrack
	var repair bool
	for _, t := range p.tracks {
		if mid != "" && t.MID != mid {
			continue
		}
		_, media := t.Formats[h.PayloadType]
		_, rtx := t.Repair[h.PayloadType]
		if !media && !rtx {
			continue
		}
		if found != nil {
			return nil, false // two sections share the payload type
		}
		found, repair = t, rtx
	}
	return found, repair
}

// pairOf finds the media stream that a repair stream repairs.
func (p *Publisher) pairOf(s *upStream, h *rtp.Header) *upStream {
	t := s.track
	if ssrc, ok := t.RepairSSRCs[s.ssrc]; ok {
		return p.ssrcs[ssrc]
	}
	if p.byID.repaired != 0 && s.rid == "" {
		s.rid = string(h.GetExtension(p.byID.repaired))
	}
	for _, m := range t.encodings {
		if s.rid != "" && m.rid == s.rid {
			return m
		}
	}
	if len(t.encodings) == 1 && len(t.RIDs) == 0 {
		return t.encodings[0]
	}
	return nil
}
