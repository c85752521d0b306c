package bench

import (
	"time"

	"github.com/pion/rtcp"
)

// tick sends the feedback that is due, in one compound: receiver reports each second,
// transport-cc reports, NACKs for holes, and the wish for a keyframe while none came.
func (s *subscriber) tick(now time.Time) {
	s.mu.Lock()
	compound := s.due(now)
	s.mu.Unlock()
	if len(compound) == 0 {
		return
	}
	if b, err := rtcp.Marshal(compound); err == nil {
		_ = s.peer.sendRTCP(b) // lost as on any network
	}
}

// due is called with mu held.
func (s *subscriber) due(now time.Time) []rtcp.Packet {
	var all []rtcp.Packet
	video := &s.streams[kindVideo]
	if !s.nextReport.After(now) {
		s.nextReport = now.Add(reportInterval)
		all = append(all, s.report(now))
	}
	if !s.nextFeedback.After(now) {
		s.nextFeedback = now.Add(s.load.Feedback)
		if s.unreported > 0 {
			s.unreported = 0
			all = append(all, s.transport.BuildFeedbackPacket()...)
		}
	}
	if seqs := video.nacks(now); len(seqs) > 0 {
		s.nacks += uint64(len(seqs))
		all = append(all, &rtcp.TransportLayerNack{
			SenderSSRC: s.ssrc, MediaSSRC: video.ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
		})
	}
	if video.started && s.meter.firstKeyframe.IsZero() && !s.nextPLI.After(now) {
		if !s.nextPLI.IsZero() { // a keyframe may be on its way already
			all = append(all, &rtcp.PictureLossIndication{SenderSSRC: s.ssrc, MediaSSRC: video.ssrc})
		}
		s.nextPLI = now.Add(pliInterval)
	}
	return all
}

func (s *subscriber) report(now time.Time) rtcp.Packet {
	r := &rtcp.ReceiverReport{SSRC: s.ssrc}
	for _, k := range []kind{kindAudio, kindVideo} {
		if s.streams[k].started {
			r.Reports = append(r.Reports, s.streams[k].report(now))
		}
	}
	return r
}
