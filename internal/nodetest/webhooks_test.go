package nodetest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

const (
	hookSecret = "the-secret-of-the-webhooks-32bit"
	hookPath   = "path-that-nobody-else-knows"
)

// A told is an event as a receiver of webhooks reads it.
type told struct {
	Type, Node, Stream, Session string
	Time                        time.Time
	Details                     map[string]any
}

// hooked receives a node's webhooks.
type hooked struct {
	mu     sync.Mutex
	events []told
	bodies bytes.Buffer
}

func (h *hooked) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var e told
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, e)
	h.bodies.Write(b)
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
}

// take returns the events since the last call as "type stream", and what they say.
func (h *hooked) take() ([]told, string) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	events := h.events
	h.events = nil
	var names []string
	for _, e := range events {
		names = append(names, strings.TrimSpace(e.Type+" "+e.Stream))
	}
	return events, strings.Join(names, ", ")
}

func (h *hooked) want(t *testing.T, want string) []told {
	t.Helper()
	events, got := h.take()
	if got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	return append(events, make([]told, 10)...) // so that a test can go on
}

// hooks tells h of all events.
func hooks(h *hooked) []nodetest.Option {
	return []nodetest.Option{
		nodetest.Deps(func(d *node.Deps) { d.HookTransport = h }),
		nodetest.Config(func(c *config.Config) {
			c.NodeID = "node-1"
			c.Webhooks = config.Webhooks{Idle: 30 * time.Second, Receivers: []config.Webhook{{
				URL: config.NewSecret("https://hooks.example/" + hookPath), Secrets: []config.Secret{config.NewSecret(hookSecret)},
				Types: []string{
					"publish.started", "publish.ended", "subscriber.joined", "subscriber.left", "stream.idle", "stream.watched",
					"diagnosis.found", "diagnosis.cleared", "auth.refused",
				},
			}}}
		}),
	}
}

// TestWebhooksOfSessions: what begins is told once it works, what ends with its reason.
func TestWebhooksOfSessions(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		waiting := w.Subscribe("studio")
		h.want(t, "subscriber.joined studio")
		pub := w.Publish("studio")
		w.Run(time.Second)
		started := h.want(t, "publish.started studio")[0]
		if after, _ := started.Details["after"].(float64); started.Node != "node-1" || started.Session == "" || after <= 0 || time.Since(started.Time) > time.Second {
			t.Errorf("%+v", started)
		}
		other := w.Subscribe("studio")
		w.Run(10 * time.Second)
		joined := h.want(t, "subscriber.joined studio")[0]
		other.Kill()
		w.Run(time.Minute)
		left := h.want(t, "subscriber.left studio")[0]
		if left.Session != joined.Session || left.Details["reason"] != "failed" {
			t.Errorf("%+v", left)
		}
		waiting.Leave()
		pub.Leave()
		events := h.want(t, "subscriber.left studio, publish.ended studio")
		ended := events[1]
		if d, _ := ended.Details["duration"].(float64); ended.Session != started.Session || ended.Details["reason"] != "deleted" || d < 69 || d > 75 {
			t.Errorf("%+v", ended)
		}
	}, hooks(&h)...)
}

// TestWebhooksOfATakeover come in the order that makes sense.
func TestWebhooksOfATakeover(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio")
		w.Run(time.Second)
		w.Publish("studio")
		w.Run(time.Second)
		events := h.want(t, "publish.started studio, publish.ended studio, publish.started studio")
		if events[1].Session != events[0].Session || events[2].Session == events[0].Session || events[1].Details["reason"] != "replaced" {
			t.Errorf("%+v", events)
		}
		w.Run(time.Minute)
		if _, got := h.take(); !strings.HasPrefix(got, "stream.idle") {
			t.Errorf("told %q", got)
		}
	}, append(hooks(&h), nodetest.Takeover())...)
}

// TestNeverConnectedIsNotTold: nothing began, so nothing ends.
func TestNeverConnectedIsNotTold(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		mute := w.Host(nodetest.Link{})
		mute.Cut()
		if _, err := mute.TryPublish("studio"); err != nil {
			t.Fatal(err)
		}
		w.Run(time.Minute)
		h.want(t, "")
	}, hooks(&h)...)
}

// TestWebhooksOfIdleStreams: after the set time without a subscriber, once, and when one
// comes again.
func TestWebhooksOfIdleStreams(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio")
		w.Run(25 * time.Second)
		h.want(t, "publish.started studio")
		sub := w.Subscribe("studio")
		w.Run(2 * time.Second)
		sub.Leave()
		w.Run(28 * time.Second)
		h.want(t, "subscriber.joined studio, subscriber.left studio")
		w.Run(2 * time.Minute)
		idle := h.want(t, "stream.idle studio")[0]
		if idle.Details["seconds"] != 30.0 || idle.Session == "" {
			t.Errorf("%+v", idle)
		}
		w.Subscribe("studio")
		w.Run(2 * time.Second)
		if watched := h.want(t, "subscriber.joined studio, stream.watched studio")[1]; watched.Details["subscribers"] != 1.0 {
			t.Errorf("%+v", watched)
		}
	}, hooks(&h)...)
}

// TestWebhooksOfDiagnosis: a code that comes and goes.
func TestWebhooksOfDiagnosis(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		pub := w.Publish("studio")
		w.Subscribe("studio")
		w.Run(5 * time.Second)
		h.take()
		pub.Host.CutUp()
		w.Run(12 * time.Second)
		found := h.want(t, "diagnosis.found studio")[0]
		if text, _ := found.Details["text"].(string); found.Details["code"] != "no-media" || text == "" || found.Session == "" {
			t.Errorf("%+v", found)
		}
		pub.Host.Heal()
		w.Run(15 * time.Second)
		if cleared := h.want(t, "diagnosis.cleared studio")[0]; cleared.Details["code"] != "no-media" {
			t.Errorf("%+v", cleared)
		}
	}, hooks(&h)...)
}

// TestWebhooksOfRefusals come together, with what they have in common.
func TestWebhooksOfRefusals(t *testing.T) {
	var h hooked
	var log logbook
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio", func(o *client.PublishOptions) { o.Token = mint(t, auth.Publish, time.Hour) })
		w.Run(time.Second)
		h.take()
		for n := range 5000 {
			path := map[bool]string{true: "/whip/studio", false: fmt.Sprint("/whep/made-up-", n)}[n%10 != 0]
			w.Do("POST", path, "", "Authorization", "Bearer guess", "Content-Type", "application/sdp")
		}
		w.Do("POST", "/whip/studio", "")
		w.Run(20 * time.Second)
		told := h.want(t, "auth.refused")[0].Details
		groups, _ := json.Marshal(told["groups"])
		want := `[{"action":"publish","address":"192.0.2.1","code":"token-invalid","count":4500,"status":401,"stream":"studio"},` +
			`{"action":"play","address":"192.0.2.1","code":"token-invalid","count":500,"status":401},` +
			`{"action":"publish","address":"192.0.2.1","code":"token-required","count":1,"status":401,"stream":"studio"}]`
		if string(groups) != want || told["total"] != 5001.0 || told["others"] != 0.0 {
			t.Errorf("%s of %+v", groups, told)
		}
		w.Run(time.Minute)
		if _, got := h.take(); got != "stream.idle studio" {
			t.Errorf("told %q", got)
		}
		if n := strings.Count(log.String(), "msg=auth"); n != 3 {
			t.Errorf("%d lines about 5001 refused requests", n)
		}
	}, append(secretive(t, &log), hooks(&h)...)...)
}

// TestWebhooksOfTheEnd: a node that closes tells of it before it is gone.
func TestWebhooksOfTheEnd(t *testing.T) {
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		w.Publish("studio")
		w.Subscribe("studio")
		w.Run(time.Second)
		h.take()
		w.Node.Close()
		events, got := h.take()
		if len(events) != 2 || !strings.Contains(got, "publish.ended studio") || !strings.Contains(got, "subscriber.left studio") {
			t.Errorf("told %q", got)
		}
		for _, e := range events {
			if e.Details["reason"] != "shutdown" {
				t.Errorf("%+v", e)
			}
		}
	}, hooks(&h)...)
}
