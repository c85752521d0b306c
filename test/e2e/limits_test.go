//go:build e2e

package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// leastOfNoise is what a browser sends of noise where it may, in bits per second: more than the bound of
// the one that may not.
const leastOfNoise = 400_000

// A browser is told what it may send and keeps to it, although it has more to say: it is
// not ended for it.
func TestChromiumKeepsToItsBitrate(t *testing.T) {
	t.Run("unbounded", func(t *testing.T) {
		publisher, subscriber := publishNoise(t)
		harness.Eventually(t, tooMuchWithin, func() error {
			if rate := sendingRate(t, publisher); rate < leastOfNoise {
				return fmt.Errorf("%.0f bits per second of noise, want %d", rate, leastOfNoise)
			}
			return nil
		})
		wantPicture(t, subscriber)
	})
	t.Run("bounded", func(t *testing.T) {
		publisher, subscriber := publishNoise(t, fmt.Sprint("--max-publish-bitrate=", leastOfNoise))
		time.Sleep(tooMuchWithin) // what is looked at comes after it
		if rate := sendingRate(t, publisher); rate >= leastOfNoise {
			t.Errorf("%.0f bits per second, the bound is %d", rate, leastOfNoise)
		}
		wantPicture(t, subscriber)
		wantDeleted(t, publisher)
	})
}

func publishNoise(t *testing.T, flags ...string) (publisher, subscriber *harness.Session) {
	t.Helper()
	l := newLab(t, flags...)
	publisher = l.open(t).Publish(t, "publish", harness.Publishing{
		URL: l.node.WHIP("noise"), Codec: "VP8", Width: 640, Height: 360, Noise: 1,
	})
	return publisher, l.watch(t, "noise")
}

// tooMuchWithin is by when a browser without a bound sends more than the bound of the other one, which must
// not be ended by then: it is longer than a publisher may send too much.
const tooMuchWithin = 15 * time.Second

// rtpHeader is how long headers are, extensions included, in bytes.
const rtpHeader = 24

// sendingRate returns the bits per second that a publisher sends over five seconds from now.
func sendingRate(t *testing.T, s *harness.Session) float64 {
	t.Helper()
	before, begun := bytesSent(t, s), time.Now()
	time.Sleep(5 * time.Second) // what is measured over
	rate := float64(bytesSent(t, s)-before) * 8 / time.Since(begun).Seconds()
	t.Logf("%.0f bits per second", rate)
	return rate
}

// bytesSent is what a publisher has sent, headers and retransmissions included.
func bytesSent(t *testing.T, s *harness.Session) (sum int64) {
	t.Helper()
	for _, r := range s.Stats(t, "outbound-rtp") {
		sum += r.BytesSent + r.PacketsSent*rtpHeader
	}
	return sum
}
