package nodetest_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestJ16_RevocationEndsMedia: what is revoked ends in less than a second, and its far end
// knows; nobody else notices.
func TestJ16_RevocationEndsMedia(t *testing.T) {
	verifier, token := guard(t)
	as := func(subject string) func(*client.PlayOptions) {
		return func(o *client.PlayOptions) { o.Token = token(subject) }
	}
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) { o.Token = token("studio") })
		w.Run(time.Second)
		good := w.Subscribe("studio", as("good"))
		var bad []*nodetest.Subscriber
		for range 3 {
			bad = append(bad, w.Subscribe("studio", as("bad")))
		}
		w.Run(time.Second)
		start := time.Now()
		ended, err := w.Node.Signaling().Revoke(auth.Revocation{Subject: "bad"})
		if err != nil || ended != len(bad) {
			t.Fatalf("%d ended, %v", ended, err)
		}
		for _, s := range bad {
			<-s.Done()
			_, sent := s.Host.Traffic()
			w.Run(time.Second)
			if _, later := s.Host.Traffic(); later.Sent > sent.Sent+2 { // its own answers to DTLS and STUN
				t.Errorf("%d packets after the end", later.Sent-sent.Sent)
			}
			start = start.Add(time.Second)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		if _, err := w.Host(nodetest.Link{}).TrySubscribe("studio", as("bad")); err == nil {
			t.Error("a revoked subject is back")
		}
		good.WantMedia(3 * time.Second)
	}, nodetest.Guarded(verifier))
}

// TestKickEndsMedia: a session that is kicked is over at once, and may come back.
func TestKickEndsMedia(t *testing.T) {
	run(t, func(t *testing.T, w *nodetest.World) {
		_, sub := studio(w)
		for _, s := range w.Node.Signaling().All() {
			if s.Info().Stream == "studio" && !w.Node.Signaling().Kick(s.ID(), "") {
				t.Error("not kicked")
			}
		}
		wantDone(t, sub)
		w.WantEmpty()
		w.Publish("studio")
		w.Subscribe("studio").WantMedia(3 * time.Second)
	})
}
