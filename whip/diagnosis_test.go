package whip_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
	"github.com/whippet-media/whippet/internal/stream"
)

// forSeconds is a video source that ends.
func forSeconds(t *testing.T, seconds int) client.Source {
	t.Helper()
	s, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, FPS: 30, KeyframeInterval: time.Second, Frames: 30 * seconds})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A publisher reads what is wrong with its media at its session, with a token that may
// only publish, and with none.
func TestDiagnosis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{Verifier: signalingtest.Verifier(t)}, stream.Config{})
		x := n.Target(signaling.WHIP)
		token := signalingtest.Token(t, auth.Publish, "live")
		p := n.Publish(t, "live", func(o *client.PublishOptions) {
			o.Token, o.Video = token, []client.Encoding{{Source: forSeconds(t, 5)}}
		})
		path := signalingtest.PathOf(t, p.URL()) + "/diagnosis"
		read := func() (found []forwarder.Finding) {
			t.Helper()
			r := x.Do(t, signalingtest.Request{Method: "GET", Path: path}).Want(t, 200)
			if err := json.Unmarshal([]byte(r.Body), &found); err != nil || found == nil {
				t.Fatalf("body %q: %v", r.Body, err)
			}
			return found
		}
		time.Sleep(4 * time.Second)
		if found := read(); len(found) != 0 {
			t.Errorf("all is well, but %v", found)
		}
		time.Sleep(15 * time.Second) // the source has ended
		if found := read(); len(found) != 1 || found[0].Code != forwarder.FindingNoMedia || !strings.HasSuffix(found[0].Text, ".") {
			t.Errorf("found %v, want that nothing comes", found)
		}
		x.Do(t, signalingtest.Request{Method: "GET", Path: path}.With("Authorization", "Bearer "+token)).Want(t, 200)
		x.Do(t, signalingtest.Request{Method: "GET", Path: path}.With("Authorization", "Bearer bad")).Want(t, 401)
		x.Do(t, signalingtest.Request{Method: "POST", Path: path}).Want(t, 405)
		x.Do(t, signalingtest.Request{Method: "GET", Path: path + "/more"}).Want(t, 404)
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		x.Do(t, signalingtest.Request{Method: "GET", Path: path}).Want(t, 404)
	})
}

// Where sessions demand a token, it is demanded here as well.
func TestDiagnosisNeedsTheTokenOfTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNode(t, signaling.Config{Verifier: signalingtest.Verifier(t), RequireBearer: true}, stream.Config{})
		x := n.Target(signaling.WHIP)
		token := signalingtest.Token(t, auth.Publish, "live")
		p := n.Publish(t, "live", func(o *client.PublishOptions) { o.Token = token })
		q := signalingtest.Request{Method: "GET", Path: signalingtest.PathOf(t, p.URL()) + "/diagnosis"}
		x.Do(t, q).Want(t, 401)
		x.Do(t, q.With("Authorization", "Bearer "+signalingtest.Token(t, auth.Subscribe, "live"))).Want(t, 403)
		x.Do(t, q.With("Authorization", "Bearer "+token)).Want(t, 200)
	})
}
