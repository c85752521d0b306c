package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"
)

// A Receiver is where events are sent.
type Receiver struct {
	URL     string   // http or https; only its host is ever shown
	Secrets [][]byte // each makes a signature; at least one
	Types   []string // of events; see Select
	Streams string   // glob over stream names, in which * stands for anything; "": all, and events of no stream
}

// wants tells whether the receiver gets an event.
func (r *Receiver) wants(e *Event) bool {
	if !slices.Contains(r.Types, e.Type) {
		return false
	}
	if r.Streams == "" {
		return true
	}
	ok, err := path.Match(r.Streams, e.Stream)
	return ok && err == nil && e.Stream != ""
}

// A Config says who is told what. It must not change after New.
type Config struct {
	Receivers []Receiver
	Node      string // the node's name in all events
	Version   string // of the program, in User-Agent
	Log       *slog.Logger

	// Transport sends requests; nil: the network. It must not follow redirects.
	Transport http.RoundTripper

	pace pace // of tests; zero: the constants of limits.go
}

// A pace is how patient a Hub is.
type pace struct{ first, longest, send, flush time.Duration }

func (p pace) orUsual() pace {
	if p == (pace{}) {
		return pace{firstRetry, longestRetry, sendTimeout, flushTimeout}
	}
	return p
}

// A Hub sends events to receivers. Its methods are safe for concurrent use. A nil *Hub
// sends nothing.
type Hub struct {
	node      string
	pace      pace
	receivers []*receiver
	cancel    context.CancelFunc
}

// New starts a Hub. Close it. Without receivers it returns nil, a Hub that does nothing.
func New(cfg Config) *Hub {
	if len(cfg.Receivers) == 0 {
		return nil
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancel(context.Background())
	h := &Hub{node: cfg.Node, pace: cfg.pace.orUsual(), cancel: cancel}
	client := newClient(cfg.Transport)
	names := map[string]int{}
	for _, r := range cfg.Receivers {
		name := receiverName(r.URL, names)
		h.receivers = append(h.receivers, startReceiver(&receiver{
			Receiver: r, name: name, agent: "whippet/" + cfg.Version, client: client, pace: h.pace, ctx: ctx,
			log: cfg.Log.With("receiver", name), wake: make(chan struct{}, 1), dead: map[string]uint64{},
		}))
	}
	return h
}

// receiverName returns what a receiver is called in logs and metrics: its host, since
// paths hold secrets, and a number from its second URL on.
func receiverName(address string, seen map[string]int) string {
	host := "unknown"
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		host = u.Host
	}
	seen[host]++
	if n := seen[host]; n > 1 {
		return fmt.Sprintf("%s#%d", host, n)
	}
	return host
}

// Emit hands an event to all receivers that want it, and returns at once. Type is
// required; ID and Node are filled in, and Time if it is zero. Details must not change
// any more.
func (h *Hub) Emit(e Event) {
	if h == nil {
		return
	}
	e.ID, e.Node = newID(), h.node
	if time.Time(e.Time).IsZero() {
		e.Time = Time(time.Now())
	}
	var body []byte
	for _, r := range h.receivers {
		if !r.wants(&e) {
			continue
		}
		if body == nil {
			body = e.body()
		}
		r.add(&delivery{event: &e, body: body})
	}
}

// Close sends what is queued, each event once more, for some seconds at most. What is
// left then, and what is emitted later, are dead letters. It returns when no goroutine of
// the Hub is left, and may be called again.
func (h *Hub) Close() {
	if h == nil {
		return
	}
	for _, r := range h.receivers {
		r.close()
	}
	late := time.AfterFunc(h.pace.flush, h.cancel)
	defer late.Stop()
	for _, r := range h.receivers {
		r.running.Wait()
	}
	h.cancel()
}

// Stats are the counters of one receiver since the start, but for Queued.
type Stats struct {
	Receiver  string            // its host, with a number if that has more of them
	Queued    int               // events that wait or are under way
	Delivered uint64            // events
	Failed    uint64            // attempts, those that were repeated included
	Dead      map[string]uint64 // dead letters by reason, one of DeadReasons
}

// Why an event was given up.
const (
	DeadFull     = "full"     // there was no place in the queue
	DeadGivenUp  = "given-up" // the last attempt failed
	DeadRefused  = "refused"  // the receiver redirects, or says 410 Gone: not tried again
	DeadShutdown = "shutdown" // the node closed
)

// DeadReasons returns why events are given up.
func DeadReasons() []string { return []string{DeadFull, DeadGivenUp, DeadRefused, DeadShutdown} }

// Stats returns the counters of each receiver, in the order of the settings.
func (h *Hub) Stats() []Stats {
	if h == nil {
		return nil
	}
	var all []Stats
	for _, r := range h.receivers {
		all = append(all, r.stats())
	}
	return all
}
