package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/whippet-media/whippet/internal/webhook"
)

// patience is longer than any test lasts.
const patience = 20 * time.Second

// A delivered request, as a receiver sees it.
type delivered struct {
	header http.Header
	body   []byte
	event  webhook.Event
}

// A listener is a real receiver that keeps what it gets.
type listener struct {
	*httptest.Server
	answer func(w http.ResponseWriter, n int) // n counts requests, from 1; nil: 204

	mu  sync.Mutex
	got []delivered
	new chan struct{} // one for each request, after its answer
}

func listen(t *testing.T, answer func(w http.ResponseWriter, n int)) *listener {
	t.Helper()
	l := &listener{answer: answer, new: make(chan struct{}, 10_000)}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	d := delivered{header: r.Header.Clone(), body: body}
	if err := json.Unmarshal(body, &d.event); err != nil || r.Method != http.MethodPost {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	l.mu.Lock()
	l.got = append(l.got, d)
	n := len(l.got)
	l.mu.Unlock()
	defer func() { l.new <- struct{}{} }()
	if l.answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	l.answer(w, n)
}

// wait returns what came, once there are n requests.
func (l *listener) wait(t *testing.T, n int) []delivered {
	t.Helper()
	for range n {
		select {
		case <-l.new:
		case <-time.After(patience):
			t.Fatalf("%d requests, want %d", len(l.all()), n)
		}
	}
	return l.all()
}

func (l *listener) all() []delivered {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.got)
}

// A logbook is safe for concurrent use.
type logbook struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logbook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func secret(n byte) []byte { return bytes.Repeat([]byte{n}, 32) }

func to(url string) webhook.Receiver {
	return webhook.Receiver{URL: url + "/hidden-path?key=hidden-key", Secrets: [][]byte{secret(1)}, Types: webhook.Types()}
}

// open starts a hasty Hub.
func open(t *testing.T, c webhook.Config) *webhook.Hub {
	t.Helper()
	c.Node, c.Version = "node-1", "v1"
	h := webhook.New(webhook.Hasty(c, patience, patience))
	t.Cleanup(h.Close)
	return h
}

func started(stream string, n int) webhook.Event {
	return webhook.Event{
		Type: webhook.PublishStarted, Stream: stream, Session: fmt.Sprint(n),
		Details: webhook.Began{Party: webhook.Party{Subject: "camera"}, After: 0.5},
	}
}

func verifier(t *testing.T, secret []byte) *standardwebhooks.Webhook {
	t.Helper()
	v, err := standardwebhooks.NewWebhook("whsec_" + base64.StdEncoding.EncodeToString(secret))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestSignedAsStandardWebhooksWants: the library of the standard verifies, with each of
// the secrets, and nothing that was changed.
func TestSignedAsStandardWebhooksWants(t *testing.T) {
	l := listen(t, nil)
	r := to(l.URL)
	r.Secrets = [][]byte{secret(1), secret(2)}
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{r}})
	before := time.Now().Truncate(time.Millisecond)
	h.Emit(started("live", 7))
	d := l.wait(t, 1)[0]
	for _, s := range r.Secrets {
		if err := verifier(t, s).Verify(d.body, d.header); err != nil {
			t.Error(err)
		}
	}
	if verifier(t, secret(3)).Verify(d.body, d.header) == nil {
		t.Error("a secret of others fits")
	}
	if verifier(t, secret(1)).Verify(bytes.Replace(d.body, []byte("live"), []byte("evil"), 1), d.header) == nil {
		t.Error("another body fits")
	}
	id := d.header.Get("webhook-id")
	want := fmt.Sprintf(`{"id":"%s","time":"%s","type":"publish.started","node":"node-1","stream":"live","session":"7",`+
		`"details":{"subject":"camera","after":0.5}}`, id, time.Time(d.event.Time).Format("2006-01-02T15:04:05.000Z"))
	if string(d.body) != want {
		t.Errorf("got  %s\nwant %s", d.body, want)
	}
	if at := time.Time(d.event.Time); at.Before(before) || at.After(time.Now()) || !strings.HasPrefix(id, "evt_") {
		t.Errorf("at %s, id %s", at, id)
	}
	if d.header.Get("Content-Type") != "application/json" || d.header.Get("User-Agent") != "whippet/v1" {
		t.Errorf("%v", d.header)
	}
}

// TestFailuresAreRepeated with the same id and body until the receiver takes it.
func TestFailuresAreRepeated(t *testing.T) {
	l := listen(t, func(w http.ResponseWriter, n int) {
		w.WriteHeader([]int{500, 404, 429, 200}[n-1])
	})
	var log logbook
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}, Log: log.logger()})
	h.Emit(started("live", 1))
	all := l.wait(t, 4)
	h.Close()
	for _, d := range all {
		if d.header.Get("webhook-id") != all[0].event.ID || !bytes.Equal(d.body, all[0].body) {
			t.Errorf("%v %s", d.header, d.body)
		}
		if err := verifier(t, secret(1)).Verify(d.body, d.header); err != nil {
			t.Error(err)
		}
	}
	wantStats(t, h, webhook.Stats{Delivered: 1, Failed: 3})
	for _, want := range []string{"event=retry", "status=404", "event=delivered", "attempt=4"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
}

func wantStats(t *testing.T, h *webhook.Hub, want webhook.Stats) {
	t.Helper()
	got := h.Stats()[0]
	if want.Dead == nil {
		want.Dead = map[string]uint64{}
	}
	if got.Delivered != want.Delivered || got.Failed != want.Failed || got.Queued != want.Queued || !maps.Equal(got.Dead, want.Dead) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestGivenUp: after the last attempt an event is a dead letter, and the next of its
// stream has its turn.
func TestGivenUp(t *testing.T) {
	l := listen(t, func(w http.ResponseWriter, n int) {
		if n <= webhook.MaxAttempts {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	var log logbook
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}, Log: log.logger()})
	h.Emit(started("live", 1))
	h.Emit(started("live", 2))
	all := l.wait(t, webhook.MaxAttempts+1)
	h.Close()
	for i, d := range all {
		if want := map[bool]string{true: "1", false: "2"}[i < webhook.MaxAttempts]; d.event.Session != want {
			t.Errorf("request %d is of %s", i, d.event.Session)
		}
	}
	wantStats(t, h, webhook.Stats{Delivered: 1, Failed: webhook.MaxAttempts, Dead: map[string]uint64{webhook.DeadGivenUp: 1}})
	if !strings.Contains(log.String(), "level=WARN msg=webhook") || !strings.Contains(log.String(), "reason=given-up status=502") {
		t.Error(log.String())
	}
}

// TestRedirectsAreNotFollowed, and like 410 not tried again.
func TestRedirectsAreNotFollowed(t *testing.T) {
	for _, status := range []int{301, 307, 410} {
		other := listen(t, nil)
		l := listen(t, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(status)
		})
		h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}})
		h.Emit(started("live", 1))
		l.wait(t, 1)
		h.Close()
		wantStats(t, h, webhook.Stats{Failed: 1, Dead: map[string]uint64{webhook.DeadRefused: 1}})
		if n := len(l.all()) - 1 + len(other.all()); n != 0 {
			t.Errorf("%d: %d more requests", status, n)
		}
	}
}

// TestASlowReceiverDelaysNobody: neither who emits nor another receiver; and when its time
// is over its event is sent again.
func TestASlowReceiverDelaysNobody(t *testing.T) {
	hang := make(chan struct{})
	slow := listen(t, func(http.ResponseWriter, int) { <-hang })
	fast := listen(t, nil)
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(slow.URL), to(fast.URL)}})
	for n := range 100 {
		h.Emit(started(fmt.Sprint("cam-", n%10), n))
	}
	fast.wait(t, 100)
	if n := len(slow.all()); n > webhook.Senders {
		t.Errorf("%d requests wait for a slow receiver, at most %d may", n, webhook.Senders)
	}
	close(hang)
	slow.wait(t, 100)
	h.Close()
	wantStats(t, h, webhook.Stats{Delivered: 100})
}

// TestNoAnswerInTime is a failure.
func TestNoAnswerInTime(t *testing.T) {
	hang := make(chan struct{})
	l := listen(t, func(_ http.ResponseWriter, n int) {
		if n == 1 {
			<-hang
		}
	})
	h := webhook.New(webhook.Hasty(webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}}, 100*time.Millisecond, patience))
	h.Emit(started("live", 1))
	l.wait(t, 1) // the second, since the first hangs
	close(hang)
	h.Close()
	if s := h.Stats()[0]; s.Delivered != 1 || s.Failed == 0 {
		t.Errorf("%+v", s)
	}
}

// TestOrderOfAStream is kept over failures, while other streams go on.
func TestOrderOfAStream(t *testing.T) {
	const events = 400
	done := make(chan struct{}, events)
	var mu sync.Mutex
	taken := map[string][]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e webhook.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(r.Header.Get("webhook-signature"))*len(taken[e.Stream])%3 == 1 && !slices.Contains(taken[""], e.ID) {
			taken[""] = append(taken[""], e.ID) // each once
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken[e.Stream] = append(taken[e.Stream], e.Session)
		done <- struct{}{}
	}))
	defer server.Close()
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(server.URL)}})
	for n := range events {
		h.Emit(started(fmt.Sprint("cam-", n%7), n))
	}
	for range events {
		<-done
	}
	mu.Lock()
	defer mu.Unlock()
	if len(taken[""]) == 0 {
		t.Error("nothing failed")
	}
	for stream, sessions := range taken {
		if stream == "" {
			continue
		}
		for i := 1; i < len(sessions); i++ {
			var before, after int
			fmt.Sscan(sessions[i-1], &before)
			fmt.Sscan(sessions[i], &after)
			if after != before+7 {
				t.Fatalf("%s: %d after %d", stream, after, before)
			}
		}
	}
}

// TestQueueAtItsBound: what does not fit is dropped, a subscriber's first, then the
// oldest; each is a dead letter.
func TestQueueAtItsBound(t *testing.T) {
	hang := make(chan struct{})
	arrived := make(chan struct{}, webhook.Senders)
	l := listen(t, func(_ http.ResponseWriter, n int) {
		if n == 1 {
			arrived <- struct{}{}
		}
		<-hang
	})
	var log logbook
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}, Log: log.logger()})
	emit := func(typ string, n int) { h.Emit(webhook.Event{Type: typ, Stream: "live", Session: fmt.Sprint(n)}) }
	emit(webhook.PublishStarted, 0)
	<-arrived // under way: it stays
	for n := 1; n < webhook.MaxQueued; n++ {
		emit(map[bool]string{true: webhook.SubscriberJoined, false: webhook.DiagnosisFound}[n%2 == 1], n)
	}
	const more = webhook.MaxQueued/2 + 10 // ten more than there are of subscribers
	for n := range more {
		emit(webhook.PublishEnded, webhook.MaxQueued+n)
	}
	wantStats(t, h, webhook.Stats{Queued: webhook.MaxQueued, Dead: map[string]uint64{webhook.DeadFull: more}})
	if n := strings.Count(log.String(), "reason=full"); n != more {
		t.Errorf("%d lines, want %d", n, more)
	}
	close(hang)
	all := l.wait(t, webhook.MaxQueued)
	if all[0].event.Type != webhook.PublishStarted || all[1].event.Session != "22" {
		t.Errorf("first %+v %+v", all[0].event, all[1].event) // 2, 4 … 20 were the oldest ten
	}
	for _, d := range all {
		if d.event.Type == webhook.SubscriberJoined {
			t.Error("a subscriber drove another event out")
		}
	}
}

// TestCloseSendsWhatWaits, each event once more, in order.
func TestCloseSendsWhatWaits(t *testing.T) {
	fail := true
	l := listen(t, func(w http.ResponseWriter, _ int) {
		if fail {
			fail = false
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	h := webhook.New(webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}}) // the next attempt comes in half a second or more
	h.Emit(started("live", 1))
	h.Emit(started("live", 2))
	l.wait(t, 1)
	h.Close()
	all := l.all()
	if len(all) != 3 || all[1].event.Session != "1" || all[2].event.Session != "2" {
		t.Errorf("%d requests", len(all))
	}
	h.Emit(started("live", 3))
	wantStats(t, h, webhook.Stats{Delivered: 2, Failed: 1, Dead: map[string]uint64{webhook.DeadShutdown: 1}})
	h.Close() // again
}

// TestCloseIsBounded: a receiver that hangs does not keep the node from closing.
func TestCloseIsBounded(t *testing.T) {
	hang := make(chan struct{})
	arrived := make(chan struct{}, 10)
	l := listen(t, func(http.ResponseWriter, int) { arrived <- struct{}{}; <-hang })
	defer close(hang)
	h := webhook.New(webhook.Hasty(webhook.Config{Receivers: []webhook.Receiver{to(l.URL)}}, patience, time.Millisecond))
	for n := range 10 {
		h.Emit(started(fmt.Sprint(n), n))
	}
	for range webhook.Senders {
		<-arrived
	}
	h.Close()
	wantStats(t, h, webhook.Stats{Failed: webhook.Senders, Dead: map[string]uint64{webhook.DeadShutdown: 10}})
}

// TestNothingSecretIsLogged: neither the URL but for its host, nor a secret, nor a body.
func TestNothingSecretIsLogged(t *testing.T) {
	var log logbook
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	bad := webhook.Receiver{URL: "http://[hidden-host", Secrets: [][]byte{secret(1)}, Types: webhook.Types()}
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{to(gone.URL), bad}, Log: log.logger()})
	h.Emit(started("live", 1))
	h.Close()
	if s := log.String(); !strings.Contains(s, "connection refused") || strings.Contains(s, "hidden") || strings.Contains(s, "camera") {
		t.Error(s)
	}
}

func TestReceiversGetWhatTheyWant(t *testing.T) {
	ops, cams := listen(t, nil), listen(t, nil)
	a, b := to(ops.URL), to(cams.URL)
	a.Types = webhook.Usual()
	b.Types, b.Streams = webhook.Select("subscriber"), "cam-*"
	h := open(t, webhook.Config{Receivers: []webhook.Receiver{a, b}})
	for _, e := range []webhook.Event{
		{Type: webhook.PublishEnded, Stream: "cam-1"},
		{Type: webhook.SubscriberJoined, Stream: "cam-1"},
		{Type: webhook.SubscriberLeft, Stream: "studio"},
		{Type: webhook.AuthRefused},
	} {
		h.Emit(e)
	}
	h.Close()
	for l, want := range map[*listener][]string{ops: {webhook.PublishEnded, webhook.AuthRefused}, cams: {webhook.SubscriberJoined}} {
		var got []string
		for _, d := range l.all() {
			got = append(got, d.event.Type)
		}
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// refusing is a network on which every receiver says 503 at once.
type refusing struct {
	mu    sync.Mutex
	times []time.Time
	after string // Retry-After
}

func (x *refusing) RoundTrip(*http.Request) (*http.Response, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.times = append(x.times, time.Now())
	h := http.Header{}
	h.Set("Retry-After", x.after)
	return &http.Response{StatusCode: 503, Header: h, Body: http.NoBody}, nil
}

// TestDelaysGrow, in virtual time, to a minute, and the receiver's own wish counts up to
// that.
func TestDelaysGrow(t *testing.T) {
	for _, after := range []string{"", "5", "3600"} {
		synctest.Test(t, func(t *testing.T) {
			x := &refusing{after: after}
			h := webhook.New(webhook.Config{Receivers: []webhook.Receiver{to("http://a.example")}, Transport: x})
			defer h.Close()
			h.Emit(started("live", 1))
			time.Sleep(time.Hour)
			synctest.Wait()
			x.mu.Lock()
			defer x.mu.Unlock()
			if len(x.times) != webhook.MaxAttempts {
				t.Fatalf("%d attempts", len(x.times))
			}
			for i := 1; i < len(x.times); i++ {
				d := x.times[i].Sub(x.times[i-1])
				least, most := min(time.Second<<(i-1), time.Minute)/2, min(time.Second<<(i-1), time.Minute)
				switch after {
				case "5":
					least, most = max(least, 5*time.Second), max(most, 5*time.Second)
				case "3600":
					least, most = time.Minute, time.Minute
				}
				if d < least || d > most {
					t.Errorf("Retry-After %q: attempt %d after %s, want %s to %s", after, i+1, d, least, most)
				}
			}
		})
	}
}

func TestNoReceiversNoHub(t *testing.T) {
	h := webhook.New(webhook.Config{})
	h.Emit(started("live", 1))
	h.Close()
	if h != nil || h.Stats() != nil {
		t.Error("something runs")
	}
}
