package signaling

import (
	"math/rand/v2"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
)

// PublisherConfig describes what a far end sends to the forwarder: the sections of its offer that
// were accepted.
func PublisherConfig(o *sdp.Offer) forwarder.PublisherConfig {
	cfg := forwarder.PublisherConfig{ID: rand.Uint64(), SSRC: rand.Uint32()} //nolint:gosec // no secrets
	for i := range o.Sections {
		s := &o.Sections[i]
		if !s.Accepted {
			continue
		}
		t := PublisherTrack(s)
		cfg.Tracks = append(cfg.Tracks, t)
		if t.TransportCC && cfg.Recorder == nil {
			cfg.Recorder = rtc.NewTransportFeedback(cfg.SSRC)
		}
	}
	return cfg
}

// PublisherTrack describes a section that a far end sends to the forwarder.
func PublisherTrack(s *sdp.Section) forwarder.PublisherTrack {
	feedback := s.Feedback()
	t := forwarder.PublisherTrack{
		Kind:        s.Kind,
		MID:         s.MID,
		Formats:     s.Formats(),
		Repair:      s.RepairTypes(),
		SSRCs:       s.SSRCs,
		RepairSSRCs: s.Repairs,
		Extensions:  s.ExtensionsByID(),
		NACK:        feedback.NACK,
		PLI:         feedback.PLI,
		FIR:         feedback.FIR,
		TransportCC: feedback.TransportCC,
		REMB:        feedback.REMB,

		ParameterSets: s.ParameterSets(),
	}
	for _, r := range s.RIDs {
		t.RIDs = append(t.RIDs, r.ID)
	}
	return t
}

// SubscriberTrack describes a section that a far end receives to the forwarder. a is what it is
// told of it; the format it names comes first.
func SubscriberTrack(s *sdp.Section, a sdp.AnswerTrack) forwarder.SubscriberTrack {
	t := forwarder.SubscriberTrack{
		Kind:       s.Kind,
		MID:        s.MID,
		SSRC:       a.SSRC,
		RTXSSRC:    a.RTXSSRC,
		CNAME:      a.CNAME,
		Extensions: s.ExtensionIDs(),
		NACK:       s.Feedback().NACK,
	}
	for _, c := range s.Preferring(a.Source) {
		t.Formats = append(t.Formats, forwarder.SubscriberFormat{Format: c.Format, PT: c.PT, RTX: c.RTX})
	}
	return t
}
