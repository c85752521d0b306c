package whep_test

import (
	"testing"
	"testing/synctest"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/whep"
	"github.com/whippet-media/whippet/whip"
)

// newNode starts a node with both endpoints, changed.
func newNode(t testing.TB, cfg signaling.Config, change ...func(*whep.Config)) *signalingtest.Node {
	t.Helper()
	return newPlayNode(t, cfg, stream.Config{}, change...).Node
}

// A playNode is a node whose WHEP endpoint is at hand.
type playNode struct {
	*signalingtest.Node
	*signalingtest.Target
	play *whep.Handler
}

func newPlayNode(t testing.TB, cfg signaling.Config, streams stream.Config, change ...func(*whep.Config)) *playNode {
	t.Helper()
	p := &playNode{}
	p.Node = signalingtest.NewNode(t, signalingtest.NodeConfig{
		Signaling: cfg,
		Streams:   streams,
		Mount: func(n *signalingtest.Node, e *echo.Echo) {
			whip.New(whip.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}).Register(e)
			play := whep.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}
			for _, f := range change {
				f(&play)
			}
			p.play = whep.New(play)
			p.play.Register(e)
		},
	})
	p.Target = p.Node.Target(signaling.WHEP)
	return p
}

// runPlay runs a test in virtual time with an open node.
func runPlay(t *testing.T, f func(t *testing.T, n *playNode)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newPlayNode(t, signaling.Config{}, stream.Config{})) })
}

// makeEvents POSTs for an event stream of the named events, JSON, and returns its path.
func (n *playNode) makeEvents(t testing.TB, session, names string) string {
	t.Helper()
	q := signalingtest.Request{Method: "POST", Path: session + "/events", Body: names}
	if names != "" {
		q = q.With("Content-Type", "application/json")
	}
	return signalingtest.NewCreated(t, n.Do(t, q)).Path
}

// listen makes an event stream and opens it.
func (n *playNode) listen(t testing.TB, session, names string) *signalingtest.Listener {
	t.Helper()
	return n.Listen(t, signalingtest.Request{Path: n.makeEvents(t, session, names)})
}

// playing connects a player and returns the path of its session.
func (n *playNode) playing(t testing.TB, change ...func(*client.PlayOptions)) string {
	t.Helper()
	return signalingtest.PathOf(t, n.Play(t, "live", change...).URL())
}

func TestRows(t *testing.T) {
	signalingtest.Run(t, signalingtest.Kit{
		Kind: signaling.WHEP,
		New: func(t *testing.T, cfg signaling.Config) *signalingtest.Target {
			return newNode(t, cfg).Target(signaling.WHEP)
		},
	})
}
