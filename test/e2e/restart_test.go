//go:build e2e

package e2e

import (
	"errors"
	"testing"

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

// publishUntilAccepted publishes with FFmpeg until the node takes it.
func publishUntilAccepted(t *testing.T, l *lab, stream string) *harness.Process {
	t.Helper()
	return untilAccepted(t, l.node, func() *harness.Process {
		return harness.FFmpegPublish(t, l.node.WHIP(stream), "", harness.Clip{})
	})
}

// untilAccepted starts a publisher until the node takes it, as a script around it would: the node
// refuses a second one while it heard of the first in the last two seconds, and one of a stream that
// another node held until that one's lease has ended.
func untilAccepted(t *testing.T, n *harness.Node, start func() *harness.Process) (p *harness.Process) {
	t.Helper()
	before := n.Connected(t, "whip")
	harness.Eventually(t, startsWithin, func() error {
		if p == nil || !p.Running() {
			p = start()
		}
		if n.Connected(t, "whip") == before {
			return errors.New("no publisher was accepted")
		}
		return nil
	})
	return p
}
