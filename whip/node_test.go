package whip_test

import (
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/whep"
	"github.com/whippet-media/whippet/whip"
)

// newNode starts a node with both endpoints.
func newNode(t testing.TB, cfg signaling.Config, streams stream.Config) *signalingtest.Node {
	t.Helper()
	return signalingtest.NewNode(t, signalingtest.NodeConfig{
		Signaling: cfg, Streams: streams,
		Mount: func(n *signalingtest.Node, e *echo.Echo) {
			whip.New(whip.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}).Register(e)
			whep.New(whep.Config{Service: n.Service, Transport: n.Transport, Streams: n.Streams}).Register(e)
		},
	})
}

func TestRows(t *testing.T) {
	signalingtest.Run(t, signalingtest.Kit{
		Kind: signaling.WHIP,
		New: func(t *testing.T, cfg signaling.Config) *signalingtest.Target {
			return newNode(t, cfg, stream.Config{}).Target(signaling.WHIP)
		},
	})
}
