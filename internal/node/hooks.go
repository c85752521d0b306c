package node

import (
	"net/netip"
	"sync"
	"time"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/webhook"
)

// hooks turns what becomes of sessions into events for webhooks, and knows whose
// publication a stream is.
type hooks struct {
	hub *webhook.Hub // nil: nobody is told

	// mu guards the fields below.
	mu         sync.Mutex
	publishers map[string]*signaling.Session // by stream, of those that send
	began      map[*signaling.Session]time.Time
}

func newHooks(cfg config.Config, d Deps) *hooks {
	c := webhook.Config{Node: cfg.NodeID, Version: d.Version, Log: d.Logs.For("webhook"), Transport: d.HookTransport}
	for _, w := range cfg.Webhooks.Receivers {
		r := webhook.Receiver{URL: string(w.URL.Bytes()), Types: w.Types, Streams: w.Streams}
		for _, s := range w.Secrets {
			r.Secrets = append(r.Secrets, s.Bytes())
		}
		c.Receivers = append(c.Receivers, r)
	}
	return &hooks{hub: webhook.New(c), publishers: map[string]*signaling.Session{}, began: map[*signaling.Session]time.Time{}}
}

// startHooks begins to tell of what happens. Sessions are not served yet.
func (n *Node) startHooks() {
	n.hooks = newHooks(n.cfg, n.deps)
	known := func(name string) bool { _, ok := n.streams.Lookup(name); return ok }
	n.refused = newRefusalCounter(n.deps.Logs.For("signaling"), known, n.hooks.hub.Emit)
	n.telling.start(refusalInterval, n.refused.flush)
	if n.hooks.hub != nil {
		w := newStreamWatch(n.cfg.Webhooks.Idle, n.hooks.publisher, n.hooks.hub.Emit)
		n.watching.start(streamWatchInterval, func(now time.Time) { w.look(now, n.streams.List()) })
	}
}

// closeHooks tells what is left to be told and waits until it is, for some seconds.
func (n *Node) closeHooks() {
	if n.hooks == nil {
		return // it never began
	}
	n.watching.close()
	n.telling.close()
	n.refused.flush(time.Now())
	n.hooks.hub.Close()
}

// session is told each event of each session.
func (h *hooks) session(n signaling.News) {
	switch publisher := n.Session.Kind() == signaling.WHIP; {
	case n.Event == signaling.Media && publisher:
		h.begin(n, webhook.PublishStarted)
	case n.Event == signaling.Connected && !publisher:
		h.begin(n, webhook.SubscriberJoined)
	case n.Event == signaling.Ended && publisher:
		h.end(n, webhook.PublishEnded)
	case n.Event == signaling.Ended:
		h.end(n, webhook.SubscriberLeft)
	}
}

func (h *hooks) begin(n signaling.News, typ string) {
	if typ == webhook.PublishStarted {
		h.succeed(n.Session)
	}
	h.mu.Lock()
	h.began[n.Session] = time.Now()
	h.mu.Unlock()
	h.emit(typ, n.Session, webhook.Began{Party: party(n.Session), After: seconds(n.After)})
}

// succeed notes who sends a stream now. Who sent it before has been replaced, also if its
// session takes a while to end: receivers are told in the order that makes sense.
func (h *hooks) succeed(s *signaling.Session) {
	h.mu.Lock()
	before := h.publishers[s.Stream()]
	h.publishers[s.Stream()] = s
	h.mu.Unlock()
	if before != nil {
		h.end(signaling.News{Session: before, Reason: signaling.Replaced}, webhook.PublishEnded)
	}
}

// end tells of the end of what was told to have begun.
func (h *hooks) end(n signaling.News, typ string) {
	h.mu.Lock()
	since, ok := h.began[n.Session]
	delete(h.began, n.Session)
	if h.publishers[n.Session.Stream()] == n.Session {
		delete(h.publishers, n.Session.Stream())
	}
	h.mu.Unlock()
	if ok {
		h.emit(typ, n.Session, webhook.Over{Party: party(n.Session), Reason: string(n.Reason), Duration: seconds(time.Since(since))})
	}
}

func (h *hooks) emit(typ string, s *signaling.Session, details any) {
	h.hub.Emit(webhook.Event{Type: typ, Stream: s.Stream(), Session: s.ID(), Details: details})
}

// publisher returns the public id of the session that sends a stream; "" if none does.
func (h *hooks) publisher(stream string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.publishers[stream]; s != nil {
		return s.ID()
	}
	return ""
}

func party(s *signaling.Session) webhook.Party {
	return webhook.Party{Subject: s.Subject(), Address: text(s.Address())}
}

func text(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// HookStats returns the counters of each webhook's receiver, in the order of the settings.
func (n *Node) HookStats() []webhook.Stats { return n.hooks.hub.Stats() }
