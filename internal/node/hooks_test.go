package node

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/webhook"
)

// types is a receiver of webhooks that keeps the types of events.
type types struct {
	mu  sync.Mutex
	all []string
}

var eventType = regexp.MustCompile(`"type":"([a-z.]+)"`)

func (x *types) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.all = append(x.all, eventType.FindStringSubmatch(string(b))[1])
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, err
}

// TestReplacedPublisherEndsFirst also if its session takes longer to end than the next
// one to begin, and its end is told once.
func TestReplacedPublisherEndsFirst(t *testing.T) {
	var got types
	h := newHooks(config.Config{Webhooks: config.Webhooks{Receivers: []config.Webhook{{
		URL: config.NewSecret("https://a.example"), Types: webhook.Types(),
	}}}}, Deps{HookTransport: &got})
	before, after := &signaling.Session{}, &signaling.Session{}
	h.begin(signaling.News{Session: before}, webhook.PublishStarted)
	h.begin(signaling.News{Session: after}, webhook.PublishStarted)
	h.end(signaling.News{Session: before}, webhook.PublishEnded)
	h.end(signaling.News{Session: after}, webhook.PublishEnded)
	h.hub.Close()
	want := []string{"publish.started", "publish.ended", "publish.started", "publish.ended"}
	if !slices.Equal(got.all, want) {
		t.Errorf("told %q, want %q", got.all, want)
	}
	if len(h.began)+len(h.publishers) != 0 {
		t.Error("sessions that ended are kept")
	}
}
