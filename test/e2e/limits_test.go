//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// A browser is told what it may send and keeps to it, although it has more to say: it is
// not ended for it.
func TestChromiumKeepsToItsBitrate(t *testing.T) {
	const bound = 400_000
	for _, c := range []struct {
		name  string
		flags []string
		keeps bool
	}{{"bounded", []string{"--max-publish-bitrate=400k"}, true}, {"unbounded", nil, false}} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, c.flags...)
			publisher := l.open(t).Publish(t, "publish", harness.Publishing{
				URL: l.node.WHIP("noise"), Codec: "VP8", Width: 640, Height: 360, Noise: 1,
			})
			subscriber := l.watch(t, "noise")
			time.Sleep(20 * time.Second) // longer than the grace, and than a browser takes to find its bitrate
			before := bytesSent(t, publisher)
			time.Sleep(5 * time.Second)
			rate := float64(bytesSent(t, publisher)-before) * 8 / 5
			t.Logf("%.0f bits per second", rate)
			if (rate < bound) != c.keeps {
				t.Errorf("%.0f bits per second, the bound is %d", rate, bound)
			}
			wantPicture(t, subscriber)
			wantDeleted(t, publisher)
		})
	}
}

// rtpHeader is how long headers are, extensions included, in bytes.
const rtpHeader = 24

// bytesSent is what a publisher has sent, headers and retransmissions included.
func bytesSent(t *testing.T, s *harness.Session) (sum int64) {
	t.Helper()
	for _, r := range s.Stats(t, "outbound-rtp") {
		sum += r.BytesSent + r.PacketsSent*rtpHeader
	}
	return sum
}
