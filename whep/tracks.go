package whep

import (
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
)

// A plan says how the accepted sections of an offer are sent: to the client in the
// answer, and to the stream. Both must say the same.
type plan struct {
	answer []sdp.AnswerTrack // by index of the offer's sections
	down   []forwarder.SubscriberTrack
}

// newPlan gives each accepted section a track. id is public and names the session's one
// MediaStream: browsers group tracks by it and show none for "-".
func newPlan(id string, o *sdp.Offer, ssrcs []rtc.TrackSSRC, source []codec.Format) plan {
	p := plan{answer: make([]sdp.AnswerTrack, len(o.Sections))}
	bySection := map[string]rtc.TrackSSRC{}
	for _, s := range ssrcs {
		bySection[s.MID] = s
	}
	for i := range o.Sections {
		s := &o.Sections[i]
		if !s.Accepted {
			continue
		}
		a := sdp.AnswerTrack{
			SSRC:     bySection[s.MID].SSRC,
			StreamID: id,
			TrackID:  id + "-" + s.Kind.String(),
			CNAME:    id,
			Source:   formatOf(s.Kind, source),
		}
		if hasRTX(s) {
			a.RTXSSRC = bySection[s.MID].RTX
		}
		p.answer[i] = a
		p.down = append(p.down, signaling.SubscriberTrack(s, a))
	}
	return p
}

func formatOf(k codec.Kind, source []codec.Format) codec.Format {
	for _, f := range source {
		if f.Name.Kind() == k {
			return f
		}
	}
	return codec.Format{}
}

func hasRTX(s *sdp.Section) bool {
	for i := range s.Codecs {
		if s.Codecs[i].RTX != 0 {
			return true
		}
	}
	return false
}
