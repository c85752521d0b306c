package nodetest

import (
	"fmt"
	"net/http"
	"time"
)

// Left describes what a node holds, as one line; equal lines hold equally much.
func (w *World) Left() string {
	all, halfOpen := w.Node.Sessions()
	c := w.Node.Streams().Counts()
	m := w.Node.Media()
	generations, addresses := m.Entries()
	return fmt.Sprintf("sessions=%d half-open=%d streams=%d subscribers=%d history=%d peers=%d ufrags=%d addresses=%d",
		all, halfOpen, c.Streams, c.Subscribers, c.HistoryBytes, m.Peers(), generations, addresses)
}

// Empty is what Left says of a node without sessions.
const Empty = "sessions=0 half-open=0 streams=0 subscribers=0 history=0 peers=0 ufrags=0 addresses=0"

// WantEmpty fails the test unless the node holds nothing for anybody.
func (w *World) WantEmpty() {
	w.t.Helper()
	w.Run(0)
	if got := w.Left(); got != Empty {
		w.t.Errorf("the node still holds %s", got)
	}
}

// Gone returns how long it takes until a session's URL is 404, and fails the test if
// that takes longer than the limit.
func (w *World) Gone(url string, limit time.Duration) time.Duration {
	w.t.Helper()
	start := time.Now()
	for w.Do(http.MethodGet, url, "").Status != http.StatusNotFound {
		if time.Since(start) > limit {
			w.t.Fatalf("the session is there after %v", limit)
		}
		w.Run(50 * time.Millisecond)
	}
	return time.Since(start)
}

// WantAlive fails the test unless a session's URL still answers.
func (w *World) WantAlive(url string) {
	w.t.Helper()
	if r := w.Do(http.MethodGet, url, ""); r.Status != http.StatusNoContent {
		w.t.Errorf("the session answers %d: %s", r.Status, r.Body)
	}
}
