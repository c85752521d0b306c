//go:build e2e

package e2e

import (
	"net"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// A node on IPv6 alone: browser and commands publish and watch.
func TestIPv6(t *testing.T) {
	l := newNode(t, harness.StartNodeIPv6).withBrowser(t)
	l.open(t).Publish(t, "publish", harness.Publishing{URL: l.node.WHIP("six"), Codec: "VP8"})
	subscriber := l.watch(t, "six")
	for _, address := range announced(subscriber.Answer) {
		if ip := net.ParseIP(address); ip == nil || ip.To4() != nil {
			t.Errorf("candidate with %s, want IPv6 only", address)
		}
	}
	files := l.play(t, l.node.WHEP("six"), ".ivf")
	wantPicture(t, subscriber)
	l.wantClean(t, subscriber)
	files.want(t, "vp8", "VP8")

	publisher := l.whippet(t, "publish", l.node.WHIP("command"), "--json")
	awaitLine(t, publisher, connectedLine)
	wantPicture(t, l.watch(t, "command"))
	wantEnd(t, publisher)
}

// announced returns the addresses in an answer's candidates.
func announced(answer string) []string {
	var addresses []string
	for text := range strings.Lines(answer) {
		if fields := strings.Fields(text); strings.HasPrefix(text, "a=candidate:") && len(fields) > 5 {
			addresses = append(addresses, fields[4])
		}
	}
	return addresses
}
