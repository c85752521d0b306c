//go:build e2e

package e2e

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// A publisher dies without a word and comes back; who watches goes on without a new POST.
func TestPublisherRestart(t *testing.T) {
	l := newLab(t)
	page := l.open(t)
	first := publishUntilAccepted(t, l, "restart")
	subscriber := page.Watch(t, "watch", harness.Watching{URL: l.node.WHEP("restart")})
	wantPicture(t, subscriber)

	subscriber.ResetGap(t)
	first.Kill()
	before := subscriber.Frames(t).Count
	publishUntilAccepted(t, l, "restart")
	subscriber.AwaitFrames(t, 1, startsWithin)
	wantPicture(t, subscriber)
	wantSync(t, subscriber)

	gap := subscriber.Frames(t)
	t.Logf("%d frames before; the picture stood for %.0f ms from crash to new picture", before, gap.Longest)
	if n := page.Posts(t, l.node.WHEP("restart")); n != 1 {
		t.Errorf("the page asked for %d sessions, want 1", n)
	}
}

// The publisher comes back with another codec, which the subscriber's answer has as well.
func TestOtherCodecAfterRestart(t *testing.T) {
	l := newLab(t)
	page := l.open(t)
	first := l.whippet(t, "publish", l.node.WHIP("codecs"), "--codec", "vp8", "--json")
	awaitLine(t, first, connectedLine)
	subscriber := page.Watch(t, "watch", harness.Watching{URL: l.node.WHEP("codecs")})
	wantPicture(t, subscriber)
	wantCodec(t, subscriber, "VP8")

	first.Kill()
	second := l.whippet(t, "publish", l.node.WHIP("codecs"), "--codec", "h264", "--json", "--retry")
	awaitLine(t, second, connectedLine)
	subscriber.AwaitFrames(t, 1, startsWithin)
	wantPicture(t, subscriber)
	wantCodec(t, subscriber, "H264")
	wantSync(t, subscriber)
	if n := page.Posts(t, l.node.WHEP("codecs")); n != 1 {
		t.Errorf("the page asked for %d sessions, want 1", n)
	}
}

// publishUntilAccepted starts FFmpeg until the node takes it, as a script around it would: the
// node refuses a second publisher while it heard of the first in the last two seconds.
func publishUntilAccepted(t *testing.T, l *lab, stream string) *harness.Process {
	t.Helper()
	const lasts = 3 * time.Second // longer than a refusal takes
	deadline := time.Now().Add(startsWithin)
	for time.Now().Before(deadline) {
		p := harness.FFmpegPublish(t, l.node.WHIP(stream), "", harness.Clip{})
		select {
		case <-p.Done():
		case <-time.After(lasts):
			return p
		}
	}
	t.Fatalf("no publisher was accepted in %v", startsWithin)
	return nil
}
