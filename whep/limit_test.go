package whep_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

// TestSizeLimitOfAToken: a player gets the best that its token allows, whatever it
// selects; where nothing is so small, the least there is.
func TestSizeLimitOfAToken(t *testing.T) {
	for height, want := range map[int]int{0: 720, 719: 360, 100: 180} {
		synctest.Test(t, func(t *testing.T) {
			n := newPlayNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
			n.Publish(t, "live", func(o *client.PublishOptions) {
				o.Token = signalingtest.Token(t, auth.Publish, "live")
				o.Video = []client.Encoding{rung(t, "m", 360, 0), rung(t, "x", 720, 0), rung(t, "a", 180, 0)}
			})
			player := n.Play(t, "live", func(o *client.PlayOptions) {
				o.Token = signalingtest.Token(t, auth.Subscribe, "live", func(c *auth.Claims) { c.Limits.Height = height })
			})
			session := signalingtest.PathOf(t, player.URL())
			time.Sleep(15 * time.Second) // as the estimate grows
			for _, body := range []string{`{}`, `{"rid":"x"}`, `{"maxHeight":720}`} {
				n.Do(t, selectLayer(session, body)).Want(t, 200)
				time.Sleep(2 * time.Second)
				if got := n.shown(t, session).Current.Height; got != want {
					t.Errorf("at most %d lines, %s: %d lines, want %d", height, body, got, want)
				}
			}
			signalingtest.WantPlaying(t, player)
		})
	}
}

// TestLayerLimitOfAToken: a publisher that offers more encodings than it may is refused.
func TestLayerLimitOfAToken(t *testing.T) {
	for layers, want := range map[int]int{0: 0, 2: 403, 3: 0} {
		synctest.Test(t, func(t *testing.T) {
			n := newPlayNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
			_, err := n.TryPublish(t, "live", func(o *client.PublishOptions) {
				o.Token = signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) { c.Limits.Layers = layers })
				o.Video = []client.Encoding{rung(t, "m", 360, 0), rung(t, "x", 720, 0), rung(t, "a", 180, 0)}
			})
			var problem *client.ProblemError
			if errors.As(err, &problem) != (want != 0) || want != 0 && problem.Status != want {
				t.Errorf("%d layers: %v", layers, err)
			}
		})
	}
}
