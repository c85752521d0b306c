package whep_test

import (
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/whep"
	"github.com/whippet-media/whippet/whip"
)

// newNode starts a node with both endpoints, changed.
func newNode(t testing.TB, cfg signaling.Config, change ...func(*whep.Config)) *signalingtest.Node {
	t.Helper()
	return signalingtest.NewNode(t, signalingtest.NodeConfig{
		Signaling: cfg,
		Mount: func(n *signalingtest.Node, e *echo.Echo) {
			whip.New(whip.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}).Register(e)
			play := whep.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}
			for _, f := range change {
				f(&play)
			}
			whep.New(play).Register(e)
		},
	})
}

func TestRows(t *testing.T) {
	signalingtest.Run(t, signalingtest.Kit{
		Kind: signaling.WHEP,
		New: func(t *testing.T, cfg signaling.Config) *signalingtest.Target {
			return newNode(t, cfg).Target(signaling.WHEP)
		},
	})
}
