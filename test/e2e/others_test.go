//go:build e2e

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// secretFile writes what no list of processes may show, and returns its path.
func secretFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// deleted holds once the far end was told that a session is over.
func deleted(path string) func(harness.GStreamerReport) bool {
	return func(r harness.GStreamerReport) bool { return r.Event == "deleted" && r.Path == path }
}

// wantSilence checks that a node's log holds nothing of what opens a far end.
func wantSilence(t *testing.T, n *harness.Node, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(n.Log(), s) {
			t.Errorf("the log holds %q", s)
		}
	}
}

// GStreamer's webrtcbin is the other server, behind a token: it decodes what is pushed to it, also
// when it comes back after a crash, and shows what is pulled from it; sessions are deleted there.
func TestGStreamerAsOtherServer(t *testing.T) {
	const token = "opens-the-far-end"
	h264, vp8 := harness.FreePort(t), harness.FreePort(t)
	far, other := harness.StartGStreamerServer(t, h264, token), harness.StartGStreamerServer(t, vp8, "")
	l := newLab(t, "--push", "h264="+far.WHIP(), "--push", "vp8="+other.WHIP(), "--push-token-file", secretFile(t, token, "-"),
		"--pull", "tv="+far.WHEP(), "--pull-token-file", secretFile(t, token))

	for stream, server := range map[string]harness.GStreamerServer{"h264": far, "vp8": other} {
		publisher := harness.GStreamerPublish(t, l.node.WHIP(stream), "", stream)
		publisher.Await(t, startsWithin, connected)
		server.Await(t, startsWithin, decoded)
	}
	far.Kill()
	far = harness.StartGStreamerServer(t, h264, token)

	subscriber := l.watch(t, "tv")
	wantPicture(t, subscriber)
	wantCodec(t, subscriber, "H264")
	l.wantClean(t, subscriber)
	subscriber.Stop(t)
	far.Await(t, startsWithin, deleted("/whep"))

	far.Await(t, startsWithin, decoded)
	l.node.Ask() // first it lets requests end, and connections that a browser keeps in store count
	far.Await(t, startsWithin, deleted("/whip"))
	other.Await(t, startsWithin, deleted("/whip"))
	if err := l.node.Wait(endsWithin); err != nil {
		t.Errorf("the node ended with %v", err)
	}
	wantSilence(t, l.node, token, "/whip/h264")
}

// A node is another server to a node that shares nothing with it: by a token it takes a push, and
// what it pulls in turn is the same stream.
func TestNodeAsOtherServer(t *testing.T) {
	data, near := t.TempDir(), harness.FreePort(t)
	l := newNode(t, harness.StartNode, "--auth", "token", "--data", data,
		"--pull", fmt.Sprintf("pulled:always=http://127.0.0.1:%d/whep/camera", near))
	token := l.mint(t, data, "publish")
	n := harness.StartNodeAt(t, l.binary, near, "--push", "camera="+l.node.WHIP("closed"), "--push-token-file", secretFile(t, token))
	l.withBrowser(t) // now that the pull need not wait any more
	harness.FFmpegPublish(t, n.WHIP("camera"), "", harness.Clip{})
	for stream, flags := range map[string][]string{"closed": nil, "pulled": {"--stream", "pulled"}} {
		s := l.open(t).Watch(t, "watch "+stream, harness.Watching{URL: l.node.WHEP(stream), Token: l.mint(t, data, "play", flags...)})
		wantPicture(t, s)
		wantCodec(t, s, "H264")
		wantSync(t, s)
		l.wantClean(t, s)
	}
	wantSilence(t, n, token)
}
