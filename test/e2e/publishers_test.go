//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

func TestFFmpegPublishes(t *testing.T) {
	l := newLab(t)
	ffmpeg := harness.FFmpegPublish(t, l.node.WHIP("ffmpeg"), "", harness.Clip{})
	subscriber := l.watch(t, "ffmpeg")
	wantPicture(t, subscriber)
	wantCodec(t, subscriber, "H264")
	wantSync(t, subscriber)
	l.wantClean(t, subscriber)
	if err := ffmpeg.Send([]byte("q")); err != nil { // what a user types to end it
		t.Fatal(err)
	}
	if err := ffmpeg.Wait(10 * time.Second); err != nil {
		t.Errorf("ffmpeg: %v", err)
	}
}

func TestGStreamerPublishesAndPlays(t *testing.T) {
	l := newLab(t)
	for codec, name := range map[string]string{"h264": "H264", "vp8": "VP8"} {
		t.Run(codec, func(t *testing.T) {
			publisher := harness.GStreamerPublish(t, l.node.WHIP(codec), "", codec)
			publisher.Await(t, startsWithin, connected)
			player := harness.GStreamerPlay(t, l.node.WHEP(codec), "")
			subscriber := l.watch(t, codec)
			wantPicture(t, subscriber)
			wantCodec(t, subscriber, name)
			player.Await(t, startsWithin, decoded)
			player.Stop()
			publisher.Stop()
		})
	}
}

func connected(r harness.GStreamerReport) bool { return r.Event == "connected" }

// decoded holds once a second of picture and sound was decoded and neither is empty.
func decoded(r harness.GStreamerReport) bool {
	return r.Video > 30 && r.Audio > 50 && r.Contrast > leastContrast && r.Loud > 1000
}
