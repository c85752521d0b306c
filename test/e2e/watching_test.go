//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// startsWithin is how long a stream may take from nothing to moving pictures, on two cores
	// that also encode it.
	startsWithin = 20 * time.Second

	// leastContrast and leastMotion, of 255, tell a picture from a black one and a moving one
	// from a still one. The test pictures have over 100 of each.
	leastContrast = 60
	leastMotion   = 30

	// mostOffset is how far picture and sound may be apart, in milliseconds.
	mostOffset = 100

	// flashesSeen is how long flashes and beeps are compared: they come once a second, and
	// three are needed.
	flashesSeen = 4 * time.Second

	// looks is how often flashes and beeps are compared before they count as apart. A browser
	// that was busy when a stream began takes some seconds to bring sound and picture together.
	looks = 6
)

// lab is one node and one browser.
type lab struct {
	binary  string // of whippet, with the race detector
	node    *harness.Node
	browser *harness.Browser
	page    string // URL of the test page, on another origin than the node
}

func newLab(t *testing.T, flags ...string) *lab {
	t.Helper()
	return newNode(t, harness.StartNode, flags...).withBrowser(t)
}

// newNode returns a lab that has no browser yet; start is harness.StartNode or its like.
func newNode(t *testing.T, start func(testing.TB, string, ...string) *harness.Node, flags ...string) *lab {
	t.Helper()
	binary := harness.Binary(t, harness.Build{Race: true})
	return &lab{binary: binary, node: start(t, binary, flags...)}
}

func (l *lab) withBrowser(t *testing.T) *lab {
	t.Helper()
	l.browser, l.page = harness.NewBrowser(t), harness.ServePages(t)
	return l
}

// whippet starts one of whippet's commands; it ends with the test.
func (l *lab) whippet(t *testing.T, args ...string) *harness.Process {
	t.Helper()
	return harness.Start(t, harness.Command{Path: l.binary, Args: args, Env: harness.RaceEnv()})
}

func (l *lab) open(t *testing.T) *harness.Page {
	t.Helper()
	return l.browser.Open(t, l.page, harness.View{})
}

// watch opens a page that watches a stream, and waits until frames come.
func (l *lab) watch(t *testing.T, stream string) *harness.Session {
	t.Helper()
	s := l.open(t).Watch(t, "watch "+stream, harness.Watching{URL: l.node.WHEP(stream)})
	s.AwaitFrames(t, 1, startsWithin)
	return s
}

// wantPicture checks that a session shows a picture that is not black and that moves.
func wantPicture(t *testing.T, s *harness.Session) {
	t.Helper()
	s.AwaitFrames(t, 30, startsWithin)
	harness.Eventually(t, 5*time.Second, func() error { return moves(t, s) })
}

// moves returns nil if the picture is neither black nor still.
func moves(t *testing.T, s *harness.Session) error {
	t.Helper()
	first := s.Picture(t)
	if c := first.Contrast(); c < leastContrast {
		return fmt.Errorf("picture of %d by %d has a contrast of %d, want at least %d", first.Width, first.Height, c, leastContrast)
	}
	s.AwaitFrames(t, 10, startsWithin)
	if d := first.Difference(s.Picture(t)); d < leastMotion {
		return fmt.Errorf("the picture changed by %d, want at least %d", d, leastMotion)
	}
	return nil
}

// wantCodec checks the codec a session has, by its name without "video/".
func wantCodec(t *testing.T, s *harness.Session, codec string) {
	t.Helper()
	if got := s.Codec(t); got != "video/"+codec {
		t.Errorf("codec is %q, want %q", got, "video/"+codec)
	}
}

// wantClean checks that all packets a session should have received came: on loopback none is lost.
// A packet that was asked for again and came counts as lost, too.
func (l *lab) wantClean(t *testing.T, s *harness.Session) {
	t.Helper()
	clean := true
	for _, r := range s.Stats(t, "inbound-rtp") {
		if r.PacketsLost > 0 {
			t.Errorf("%s: %d packets lost, want none", r.Kind, r.PacketsLost)
			clean = false
		}
	}
	if !clean {
		t.Log(s.Evidence(t, l.node))
	}
}

// wantGCM checks that the node chose the cheap cipher, though browsers list AES-CM first.
func wantGCM(t *testing.T, s *harness.Session) {
	t.Helper()
	transports := s.Stats(t, "transport")
	if len(transports) != 1 || !strings.HasSuffix(transports[0].Cipher, "AEAD_AES_128_GCM") {
		t.Errorf("transports %+v, want one with AEAD_AES_128_GCM", transports)
	}
}

// wantDeleted ends a session and checks the status of its DELETE.
func wantDeleted(t *testing.T, s *harness.Session) {
	t.Helper()
	if status := s.Stop(t); status != 200 {
		t.Errorf("DELETE: status %d, want 200", status)
	}
}
