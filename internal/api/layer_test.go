package api_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// simulcast publishes two encodings.
func simulcast(t *testing.T, o *client.PublishOptions) {
	o.Token, o.Video = mint(t, "camera", auth.Publish), nil
	for _, e := range []struct {
		rid     string
		width   int
		height  int
		bitrate int64
	}{{"l", 320, 180, 150_000}, {"h", 1280, 720, 1_000_000}} {
		o.Video = append(o.Video, client.Encoding{RID: e.rid, Source: nodetest.Video(t, client.SyntheticOptions{
			Width: e.width, Height: e.height, Bitrate: e.bitrate,
		})})
	}
}

// TestLayer: an operator chooses for a subscriber, who then gets that.
func TestLayer(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.Publish("studio", func(o *client.PublishOptions) { simulcast(t, o) })
		r.subscribe("studio", "viewer")
		r.Run(20 * time.Second)
		path := "streams/studio/sessions/" + r.sessions("studio", wire.SessionKindSubscriber)[0].ID + "/layer"
		current := func() wire.Layers {
			r.Run(5 * time.Second)
			return read[wire.Layers](r.do("GET", path, "").want(200, ""))
		}
		if got := current(); len(got.Layers) != 2 || *got.Current.Height != 720 || !got.Current.Automatic {
			t.Errorf("%+v", got)
		}
		got := read[wire.Layers](r.do("POST", path, `{"maxHeight":360}`).want(200, ""))
		if *got.Selection.MaxHeight != 360 {
			t.Errorf("%+v", got)
		}
		if got := current(); *got.Current.Height != 180 || !got.Current.Automatic {
			t.Errorf("%+v", got)
		}
		if s := r.statistics("studio", wire.SessionKindSubscriber).Subscriber; s.Switches.Selected != 1 {
			t.Errorf("%+v", s.Switches)
		}
		if s := r.statistics("studio", wire.SessionKindSubscriber).Subscriber.Layer; *s.Rid != "l" || *s.Height != 180 {
			t.Errorf("%+v", s)
		}
		r.do("POST", path, `{"rid":"h"}`).want(200, "")
		if got := current(); *got.Current.Height != 720 || got.Current.Automatic {
			t.Errorf("%+v", got)
		}
		r.do("POST", path, `{"rid":"x"}`).want(422, "no-such-layer")
		r.do("POST", path, `{"maxHeight":0}`).want(422, "bad-selection")
		r.do("POST", path, `[]`).want(400, "malformed-json")
		r.do("POST", path, ``).want(415, "not-json")
		r.do("DELETE", path, "").want(204, "")
		if got := current(); !got.Current.Automatic || *got.Current.Height != 720 || got.Selection.Rid != nil || got.Selection.MaxHeight != nil {
			t.Errorf("%+v", got)
		}
		own := "streams/studio/sessions/" + r.sessions("studio", wire.SessionKindPublisher)[0].ID + "/layer"
		r.do("GET", own, "").want(409, "not-a-subscriber")
		r.do("POST", own, "{}").want(409, "not-a-subscriber")
		r.do("DELETE", own, "").want(409, "not-a-subscriber")
	})
}
