package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/outbound"
)

// TestFarStreams: what is pushed and pulled, how it stands and why, in pages, and nothing that
// opens the far end.
func TestFarStreams(t *testing.T) {
	var web nodetest.Web
	web.Serve("far.example", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	far := config.Far{Host: "far.example", Token: config.NewSecret("secret-token")}
	url := config.NewSecret("http://far.example/secret-path/{stream}")
	push := config.Push{Streams: "studio", URL: url, Far: far}
	run(t, func(t *testing.T, r *rig) {
		r.publish("studio", "camera")
		r.Run(3 * time.Second)
		reply := r.do("GET", "far-streams", "").want(200, "")
		if strings.Contains(reply.text, "secret") {
			t.Error(reply.text)
		}
		all := read[wire.FarStreamPage](reply).Items
		if len(all) != 3 {
			t.Fatalf("%+v", all)
		}
		for i, s := range all[1:] {
			if s.Stream != "studio" || s.Way != wire.FarStreamWayPush || s.Number != i+1 || s.Far != "far.example" || s.State != wire.FarStreamStateRefused ||
				*s.Reason != "refused" || *s.Status != 403 || s.Declined != nil || s.Opened != 0 || s.Failed != 1 || s.Since.IsZero() {
				t.Errorf("%+v", s)
			}
		}
		if s := all[0]; s.Stream != "news" || s.Way != wire.FarStreamWayPull || s.Number != 1 || s.State != wire.FarStreamStateIdle || s.Reason != nil || s.Status != nil {
			t.Errorf("%+v", s)
		}
		path, seen := "far-streams?limit=2", 0
		for path != "" {
			page := read[wire.FarStreamPage](r.do("GET", path, "").want(200, ""))
			seen += len(page.Items)
			path = ""
			if page.Next != nil {
				path = "far-streams?limit=2&after=" + strings.ReplaceAll(*page.Next, " ", "%20")
			}
		}
		if seen != 3 {
			t.Errorf("%d in pages", seen)
		}
	}, nodetest.On(&web), nodetest.Settings([]config.Push{push, push}, []config.Pull{{Stream: "news", URL: url, Far: far}}))
	for _, s := range outbound.States() {
		if !wire.FarStreamState(s).Valid() {
			t.Errorf("the document does not know the state %s", s)
		}
	}
}
