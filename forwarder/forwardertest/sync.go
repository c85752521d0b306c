package forwardertest

import (
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// syncTolerance is how far reports may put audio and video apart.
const syncTolerance = 15 * time.Millisecond

// checkSync holds lips against voices: both tracks' sender reports must put
// media the same time after its capture.
func (s *subscriber) checkSync(t *downstream, p *rtp.Packet) {
	c, ok := parseContent(p.Payload)
	if !ok || t.report == nil || p.SSRC != t.ssrc || s.w.opt.NoSenderReports || s.w.now.Sub(t.sentAt) > 200*time.Millisecond {
		return
	}
	if n := s.core.Track(codec.Video).Counts().Keyframes; n != s.segments {
		s.segments, s.segmentAt = n, s.w.now
	}
	if s.w.now.Sub(s.segmentAt) < 2500*time.Millisecond {
		return // catching up, or an encoding without a report yet
	}
	clock := time.Duration(90000)
	if t.kind == codec.Audio {
		clock = 48000
	}
	since := time.Duration(int32(p.Timestamp-t.report.RTPTime)) * time.Second / clock
	i := int(t.kind - codec.Audio)
	s.syncs[i] = sync{c.publisher, t.sentAt.Add(since).Sub(c.time()), t.sentAt}
	other := s.syncs[1-i]
	if other.publisher != c.publisher || s.w.now.Sub(other.at) > time.Second || s.w.now.Sub(s.w.pub.streams[0].start) < 3*time.Second {
		return
	}
	if d := s.syncs[i].offset - other.offset; d > syncTolerance || d < -syncTolerance {
		s.w.fail("subscriber %d: audio and video are %v apart by their reports", s.index, d)
	}
}
