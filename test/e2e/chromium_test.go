//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

func TestChromiumPublishesAndWatches(t *testing.T) {
	l := newLab(t)
	t.Logf("Chromium %s", l.browser.Version())
	for _, codec := range []string{"VP8", "H264", "VP9", "AV1"} {
		t.Run(codec, func(t *testing.T) {
			page := l.open(t)
			if !slices.Contains(page.Codecs(t), "video/"+codec) {
				t.Skipf("this Chromium cannot encode %s", codec)
			}
			stream := strings.ToLower(codec)
			publisher := page.Publish(t, "publish", harness.Publishing{URL: l.node.WHIP(stream), Codec: codec})
			subscriber := l.watch(t, stream)
			wantPicture(t, subscriber)
			wantCodec(t, subscriber, codec)
			wantGCM(t, subscriber)
			wantGCM(t, publisher)
			wantSync(t, subscriber)
			l.wantClean(t, subscriber)
			wantDeleted(t, subscriber)
			wantDeleted(t, publisher)
		})
	}
}

func TestChromiumCamera(t *testing.T) {
	l := newLab(t)
	camera := harness.Publishing{URL: l.node.WHIP("cam"), Camera: true, Width: 1280, Height: 720}
	l.open(t).Publish(t, "camera", camera)
	subscriber := l.watch(t, "cam")
	wantPicture(t, subscriber)
	if p := subscriber.Picture(t); p.Width == 0 || p.Height == 0 {
		t.Errorf("picture is %d by %d", p.Width, p.Height)
	}
}

// The node can be reached where only TCP passes: on the number of the HTTP port.
func TestChromiumWatchesOverTCP(t *testing.T) {
	l := newLab(t)
	l.open(t).Publish(t, "publish", harness.Publishing{URL: l.node.WHIP("tcp"), Codec: "VP8"})
	s := l.open(t).Watch(t, "watch", harness.Watching{URL: l.node.WHEP("tcp"), TCP: true})
	s.AwaitFrames(t, 1, startsWithin)
	wantPicture(t, s)
	l.wantClean(t, s)
}

// Three encodings that ask for 2.5 Mbit/s together must all be sent, received and reported on
// within ten seconds: the server's feedback has to take the browser from its 300 kbit/s start.
func TestChromiumSimulcast(t *testing.T) {
	l := newLab(t)
	publisher := l.open(t).Publish(t, "simulcast", harness.Publishing{
		URL: l.node.WHIP("simulcast"), Codec: "VP8", Width: 1280, Height: 720, Noise: 0.3, KeepSize: true,
		Encodings: []harness.Encoding{
			{RID: "h", MaxBitrate: 1_700_000},
			{RID: "m", MaxBitrate: 600_000, ScaleDownBy: 2},
			{RID: "l", MaxBitrate: 200_000, ScaleDownBy: 4},
		},
	})
	harness.Eventually(t, 10*time.Second, func() error { return threeEncodings(publisher.Stats(t)) })
	subscriber := l.watch(t, "simulcast")
	wantPicture(t, subscriber)
	harness.Eventually(t, 10*time.Second, func() error {
		if p := subscriber.Picture(t); p.Width != 1280 {
			return fmt.Errorf("the subscriber sees %d by %d, want the best encoding", p.Width, p.Height)
		}
		return nil
	})
	wantDeleted(t, publisher)
}

// threeEncodings returns nil once all three encodings send frames that the node reported on.
func threeEncodings(stats []harness.RTPStats) error {
	reported := map[uint32]bool{}
	for _, r := range stats {
		if r.Type == "remote-inbound-rtp" {
			reported[r.SSRC] = true
		}
	}
	sending := 0
	for _, r := range stats {
		if r.Type == "outbound-rtp" && r.Kind == "video" && r.FramesSent > 0 && reported[r.SSRC] {
			sending++
		}
	}
	if sending < 3 {
		return fmt.Errorf("%d encodings are sent and reported on, want 3", sending)
	}
	return nil
}
