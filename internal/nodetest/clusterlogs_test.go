package nodetest_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A ledger is what each node of a cluster logs.
type ledger map[string]*logbook

func (l ledger) of(id string) *node.Logs {
	l[id] = &logbook{}
	return node.NewLogs(l[id], config.Log{Level: slog.LevelInfo, JSON: true})
}

// tally counts the lines of leases and links since the last tally, by node and what happened.
func (l ledger) tally(t *testing.T) map[string]int {
	t.Helper()
	all := map[string]int{}
	for id, book := range l {
		book.mu.Lock()
		for text := range strings.Lines(book.b.String()) {
			var line struct{ Msg, Event, Direction, How, Reason, Node, Stream string }
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			if line.Direction == "out" {
				line.Reason = "" // who of the two is first
			}
			if line.Msg == "lease" || line.Msg == "link" {
				words := []string{id, line.Msg, line.Event, line.Direction, line.How, line.Reason, line.Node}
				all[strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")]++
			}
		}
		book.b.Reset()
		book.mu.Unlock()
	}
	return all
}

// want wants lines, and no others.
func (l ledger) want(t *testing.T, when string, lines ...string) {
	t.Helper()
	got, want := l.tally(t), map[string]int{}
	for _, line := range lines {
		want[line]++
	}
	for _, line := range slices.Sorted(maps.Keys(got)) {
		if got[line] != want[line] {
			t.Errorf("%s: %d times %q, want %d", when, got[line], line, want[line])
		}
	}
	for _, line := range slices.Sorted(maps.Keys(want)) {
		if got[line] == 0 {
			t.Errorf("%s: no line %q", when, line)
		}
	}
}

// TestEachClaimLossAndRerouteIsLoggedOnce: by each node that it happens to.
func TestEachClaimLossAndRerouteIsLoggedOnce(t *testing.T) {
	logs := ledger{}
	cluster(t, 4, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(5 * time.Second)
		logs.want(t, "a publisher comes", "node-0 lease claimed")

		for _, m := range c.Nodes[1:3] {
			m.Subscribe("studio", nodetest.Link{})
			c.Run(2 * time.Second)
		}
		logs.want(t, "subscribers come", // each node may feed one
			"node-0 link opened out node-1", "node-1 link opened in first node-0",
			"node-1 link opened out node-2", "node-2 link opened in first node-1")

		c.Nodes[1].Kill()
		c.Run(6 * time.Second)
		delete(logs, "node-1")
		logs.want(t, "the node between them dies",
			"node-2 link closed in silent node-1", "node-2 link opened in rerouted node-0",
			"node-0 link closed out node-1", "node-0 link opened out node-2")

		c.Nodes[3].Publish("studio")
		c.Run(6 * time.Second)
		logs.want(t, "the publisher is replaced on another node",
			"node-3 lease claimed", "node-0 lease lost node-3",
			"node-0 link closed out node-2", "node-2 link closed in moved node-0",
			"node-3 link opened out node-2", "node-2 link opened in first node-3")

		c.Part(c.Nodes[2], c.Nodes[3], true) // it tries again and again
		c.Run(20 * time.Second)
		c.Part(c.Nodes[2], c.Nodes[3], false)
		c.Run(6 * time.Second)
		logs.want(t, "an edge is parted from the origin for a while",
			"node-3 link closed out node-2", "node-2 link closed in silent node-3", "node-2 link refused no-room node-3",
			"node-3 link opened out node-2", "node-2 link opened in again node-3")
	}, fanOut(1), nodetest.Takeover(), nodetest.LogsOf(logs.of))
}
