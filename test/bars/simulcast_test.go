//go:build bars

package bars

import (
	"fmt"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// simulcast measures how long Chromium takes to send three encodings of 2.5 Mbit/s together, from
// its start bitrate of 300 kbit/s, until the node reported on all of them.
func (b *bench) simulcast(t *testing.T) {
	const rounds = 5 // the browser's probes at the start succeed or fail: one round tells little
	var all []float64
	for i := range rounds {
		all = append(all, ms(b.threeEncodings(t, fmt.Sprint("simulcast-", i))))
	}
	b.add(t, bar{Name: "simulcast: POST to all three encodings", Unit: "ms", Samples: all, Quantile: 1, Limit: 10_000})
}

// mostBitrates returns the bitrate of each encoding by RID, in bits per second.
func mostBitrates() map[string]int64 {
	return map[string]int64{"h": 1_700_000, "m": 600_000, "l": 200_000}
}

// threeEncodings returns the time until the node reported on all three encodings of one session,
// after it has seen that each of them carries media.
func (b *bench) threeEncodings(t *testing.T, stream string) (took time.Duration) {
	t.Helper()
	page := b.browser.Open(t, b.page, harness.View{})
	defer page.Close()
	s := page.Publish(t, stream, harness.Publishing{
		URL: b.node.WHIP(stream), Codec: "VP8", Width: 1280, Height: 720, Noise: 0.3,
		Encodings: []harness.Encoding{
			{RID: "h", MaxBitrate: mostBitrates()["h"]},
			{RID: "m", MaxBitrate: mostBitrates()["m"], ScaleDownBy: 2},
			{RID: "l", MaxBitrate: mostBitrates()["l"], ScaleDownBy: 4},
		},
	})
	defer s.Stop(t)
	harness.Eventually(t, 2*waits, func() error {
		if n := reportedOn(s.Stats(t)); n < 3 {
			return fmt.Errorf("%d encodings are sent and reported on, want 3", n)
		}
		times := s.Times(t)
		took = time.Duration((times.Now - times.Post) * float64(time.Millisecond))
		return nil
	})
	harness.Eventually(t, waits, func() error { return carried(t, s) })
	return took
}

// carried returns nil if over the last seconds each encoding sent frames, about as many bits as it
// may, and the node missed none of its packets.
func carried(t *testing.T, s *harness.Session) error {
	t.Helper()
	const over = 3 * time.Second // of encoders that vary their bitrate
	before := encodings(s.Stats(t))
	time.Sleep(over) // the time measured over
	for rid, now := range encodings(s.Stats(t)) {
		frames := now.sent.FramesSent - before[rid].sent.FramesSent
		bitrate := float64(now.media()-before[rid].media()) * 8 / over.Seconds()
		lost := now.node.PacketsLost - before[rid].node.PacketsLost
		t.Logf("encoding %s: %d frames, %.0f kbit/s, %d packets lost", rid, frames, bitrate/1000, lost)
		if frames < 10 || bitrate < leastShare*float64(mostBitrates()[rid]) || lost > 0 {
			return fmt.Errorf("encoding %s: %d frames and %.0f bit/s in %v, %d packets lost", rid, frames, bitrate, over, lost)
		}
	}
	return nil
}

// leastShare is how much of its bitrate an encoding must use at least: encoders keep below it.
const leastShare = 0.3

// encoding is what the browser sent, and what the node reported to have received of it.
type encoding struct{ sent, node harness.RTPStats }

// media returns the bytes sent, without probes.
func (e encoding) media() int64 { return e.sent.BytesSent - e.sent.BytesResent }

func encodings(stats []harness.RTPStats) map[string]encoding {
	reports := map[uint32]harness.RTPStats{}
	for _, r := range stats {
		if r.Type == "remote-inbound-rtp" {
			reports[r.SSRC] = r
		}
	}
	all := map[string]encoding{}
	for _, r := range stats {
		if r.Type == "outbound-rtp" && r.Kind == "video" {
			all[r.RID] = encoding{r, reports[r.SSRC]}
		}
	}
	return all
}

// reportedOn counts the video encodings that are sent and that the node's receiver reports name.
func reportedOn(stats []harness.RTPStats) int {
	reported := map[uint32]bool{}
	for _, r := range stats {
		if r.Type == "remote-inbound-rtp" {
			reported[r.SSRC] = true
		}
	}
	n := 0
	for _, r := range stats {
		if r.Type == "outbound-rtp" && r.Kind == "video" && r.FramesSent > 0 && reported[r.SSRC] {
			n++
		}
	}
	return n
}
