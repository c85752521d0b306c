package node

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/webhook"
)

// A refusalCounter counts requests that were refused for their tokens, and tells of them together:
// whoever guesses tokens must not fill the log, nor a receiver's queue.
type refusalCounter struct {
	log   *slog.Logger
	known func(stream string) bool
	emit  func(webhook.Event)

	// mu guards the fields below.
	mu     sync.Mutex
	from   time.Time // of the first; zero: none
	total  int
	groups map[refusal]int
}

// A refusal is what requests that are counted together have in common.
type refusal struct {
	code, action, stream, address string
	status                        int
}

func newRefusalCounter(log *slog.Logger, known func(string) bool, emit func(webhook.Event)) *refusalCounter {
	return &refusalCounter{log: log, known: known, emit: emit, groups: map[refusal]int{}}
}

// add counts one. A stream nobody has published or subscribed is not named: it may be a
// secret in the wrong place.
func (x *refusalCounter) add(r signaling.Refusal) {
	g := refusal{code: r.Code, status: r.Status, action: r.Action, address: text(r.Address)}
	if r.Stream != "" && x.known(r.Stream) {
		g.stream = r.Stream
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.total == 0 {
		x.from = r.At
	}
	x.total++
	if _, ok := x.groups[g]; ok || len(x.groups) < maxRefusalGroups {
		x.groups[g]++
	}
}

// flush tells of what was counted, if anything was.
func (x *refusalCounter) flush(now time.Time) {
	told := x.take(now)
	if told.Total == 0 {
		return
	}
	for _, g := range told.Groups {
		x.log.Info("auth", "event", "refused", "code", g.Code, "status", g.Status, "action", g.Action,
			"stream", g.Stream, "address", g.Address, "count", g.Count)
	}
	if told.Others > 0 {
		x.log.Info("auth", "event", "refused", "code", "others", "count", told.Others)
	}
	x.emit(webhook.Event{Type: webhook.AuthRefused, Details: told})
}

// take empties the counters. The largest groups are told, the rest summed up.
func (x *refusalCounter) take(now time.Time) webhook.Refused {
	x.mu.Lock()
	total, groups := x.total, x.groups
	told := webhook.Refused{From: webhook.Time(x.from), To: webhook.Time(now), Total: total, Groups: []webhook.RefusedGroup{}}
	x.total, x.groups = 0, map[refusal]int{} // the old ones are ours now
	x.mu.Unlock()
	for g, n := range groups {
		told.Groups = append(told.Groups, webhook.RefusedGroup{
			Code: g.code, Status: g.status, Action: g.action, Stream: g.stream, Address: g.address, Count: n,
		})
	}
	slices.SortFunc(told.Groups, func(a, b webhook.RefusedGroup) int {
		return cmp.Or(b.Count-a.Count, cmp.Compare(a.Code, b.Code), cmp.Compare(a.Action, b.Action),
			cmp.Compare(a.Stream, b.Stream), cmp.Compare(a.Address, b.Address))
	})
	told.Groups = told.Groups[:min(len(told.Groups), maxToldGroups)]
	told.Others = total
	for _, g := range told.Groups {
		told.Others -= g.Count
	}
	return told
}
