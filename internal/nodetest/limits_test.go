package nodetest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// limited makes a token with limits.
func limited(t *testing.T, action auth.Action, l auth.Limits) string {
	t.Helper()
	token, err := auth.Mint([]byte(tokenSecret), auth.Claims{
		Subject: "tester", Audience: []string{"whippet"}, Actions: []auth.Action{action},
		Streams: []string{"*"}, Expires: time.Now().Add(time.Hour), Limits: l,
	})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func publishWith(token string) func(*client.PublishOptions) {
	return func(o *client.PublishOptions) { o.Token = token }
}

func playWith(token string) func(*client.PlayOptions) {
	return func(o *client.PlayOptions) { o.Token = token }
}

// TestPublisherOverItsLimits: it is told in its answer, ended after a grace, and may
// DELETE. One that keeps to them goes on.
func TestPublisherOverItsLimits(t *testing.T) {
	verifier, _ := guard(t)
	for name, c := range map[string]struct {
		limits auth.Limits
		over   bool
		told   string
	}{
		"bitrate":       {auth.Limits{Bitrate: 200_000}, true, "b=TIAS:108000\r\n"},
		"height":        {auth.Limits{Height: 180}, true, ""},
		"enough of all": {auth.Limits{Bitrate: 2_000_000, Width: 640, Height: 360, Layers: 1}, false, "b=TIAS:1728000\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				token := limited(t, auth.Publish, c.limits)
				pub := w.Publish("studio", publishWith(token))
				if (c.told == "") == strings.Contains(pub.Answer(), "\r\nb=") || !strings.Contains(pub.Answer(), c.told) {
					t.Errorf("the answer does not tell %q: %s", c.told, pub.Answer())
				}
				w.Run(9 * time.Second)
				w.WantAlive(pub.URL())
				w.Run(6 * time.Second)
				if !c.over {
					w.WantAlive(pub.URL())
					return
				}
				wantDone(t, pub)
				w.WantEmpty()
			}, nodetest.Guarded(verifier))
		})
	}
}

// TestKindsOfATokenBoundAPlayer: it gets the one kind, and its session plays on.
func TestKindsOfATokenBoundAPlayer(t *testing.T) {
	verifier, _ := guard(t)
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", publishWith(limited(t, auth.Publish, auth.Limits{})))
		w.Run(time.Second)
		sub := w.Subscribe("studio", playWith(limited(t, auth.Subscribe, auth.Limits{Kinds: []string{"audio"}})))
		w.Run(3 * time.Second)
		if shown, heard := sub.Pictures().Shown, sub.Missing(codec.Audio); shown != 0 || heard != 0 {
			t.Errorf("%d pictures; %d of audio are missing", shown, heard)
		}
		if pause := sub.Pause(codec.Audio); pause > time.Second {
			t.Errorf("no sound for %v", pause)
		}
		if _, err := w.Host(nodetest.Link{}).TrySubscribe("studio", playWith(limited(t, auth.Subscribe, auth.Limits{Kinds: []string{}}))); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("a player of nothing: %v", err)
		}
		for _, kinds := range [][]string{{"audio"}, {}} {
			_, err := w.Host(nodetest.Link{}).TryPublish("other", publishWith(limited(t, auth.Publish, auth.Limits{Kinds: kinds})))
			if err == nil || !strings.Contains(err.Error(), "403") {
				t.Errorf("a publisher of %q: %v", kinds, err)
			}
		}
	}, nodetest.Guarded(verifier))
}

// wantDone fails the test unless a session's far end knows, or soon does, that it ended.
func wantDone(t *testing.T, s interface{ Done() <-chan struct{} }) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(time.Second):
		t.Error("the session goes on")
	}
}

// TestViewersOfAToken: a publisher's token bounds its audience.
func TestViewersOfAToken(t *testing.T) {
	verifier, _ := guard(t)
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", publishWith(limited(t, auth.Publish, auth.Limits{Subscribers: 1})))
		w.Run(time.Second)
		play := playWith(limited(t, auth.Subscribe, auth.Limits{}))
		sub := w.Subscribe("studio", play)
		if _, err := w.Host(nodetest.Link{}).TrySubscribe("studio", play); err == nil || !strings.Contains(err.Error(), "503") {
			t.Errorf("one too many: %v", err)
		}
		sub.Leave()
		w.Subscribe("studio", play).WantMedia(3 * time.Second)
	}, nodetest.Guarded(verifier))
}
