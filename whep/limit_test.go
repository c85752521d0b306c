package whep_test

import (
	"errors"
	"slices"
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
// selects; where nothing is so small, the least there is. It is not offered more, and cannot
// choose it.
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
			best := 422
			if want == 720 {
				best = 200
			}
			for body, status := range map[string]int{`{}`: 200, `{"rid":"x"}`: best, `{"maxHeight":720}`: 200} {
				n.Do(t, selectLayer(session, body)).Want(t, status)
				time.Sleep(2 * time.Second)
				if got := n.shown(t, session).Current.Height; got != want {
					t.Errorf("at most %d lines, %s: %d lines, want %d", height, body, got, want)
				}
			}
			signalingtest.WantPlaying(t, player)
			l := n.listen(t, session, `["layers"]`)
			synctest.Wait()
			told := decode[map[string][]item](t, l.Named("layers")[0])["1"]
			for where, layers := range map[string][]item{"event": told, "GET": n.shown(t, session).Layers} {
				var heights []int
				for _, one := range layers {
					heights = append(heights, one.Height)
				}
				slices.Sort(heights)
				if all := []int{180, 360, 720}; !slices.Equal(heights, all[:1+slices.Index(all, want)]) {
					t.Errorf("at most %d lines: %s offers %v", height, where, heights)
				}
			}
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
