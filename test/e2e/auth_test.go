//go:build e2e

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// With --auth token, the default, each right needs its own token, in a browser as elsewhere.
func TestTokens(t *testing.T) {
	data := t.TempDir()
	l := newLab(t, "--auth", "token", "--data", data)
	publishToken := l.mint(t, data, "publish")
	playToken := l.mint(t, data, "play")
	publish, play := l.open(t), l.open(t)

	for name, token := range map[string]string{"none": "", "wrong": "x.y.z", "of a player": playToken} {
		if err := publish.TryPublish("refused", harness.Publishing{URL: l.node.WHIP("closed"), Token: token}); !refused(err) {
			t.Errorf("publish with a token %s: %v, want 401 or 403", name, err)
		}
	}
	if err := play.TryWatch("refused", harness.Watching{URL: l.node.WHEP("closed"), Token: publishToken}); !refused(err) {
		t.Errorf("watch with a publisher's token: %v, want 403", err)
	}

	publisher := publish.Publish(t, "publish", harness.Publishing{URL: l.node.WHIP("closed"), Token: publishToken, Codec: "VP8"})
	subscriber := play.Watch(t, "watch", harness.Watching{URL: l.node.WHEP("closed"), Token: playToken})
	wantPicture(t, subscriber)
	wantDeleted(t, subscriber)
	wantDeleted(t, publisher)
}

func refused(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "status 401") || strings.Contains(err.Error(), "status 403"))
}

// mint makes a token with the secret the node keeps in its data folder; flags are added.
func (l *lab) mint(t *testing.T, data, action string, flags ...string) string {
	t.Helper()
	cmd := exec.Command(l.binary, append([]string{"token", "--data", data, "--action", action, "--stream", "closed"}, flags...)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("whippet token: %v", err)
	}
	return strings.TrimSpace(string(out))
}
