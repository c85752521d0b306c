package relay_test

import (
	"testing"

	"github.com/whippet-media/whippet/relay"
)

func TestPlace(t *testing.T) {
	node := func(id string, load float64) relay.NodeInfo {
		return relay.NodeInfo{ID: id, PublicURL: "http://" + id, Load: load}
	}
	going, unknown := node("c", 0), node("d", 0)
	going.Draining, unknown.PublicURL = true, ""
	for _, c := range []struct {
		name   string
		holder string
		going  bool
		nodes  []relay.NodeInfo
		pick   uint32
		want   string
	}{
		{"alone", "", true, []relay.NodeInfo{node("a", 0)}, 0, ""},
		{"nobody else to be had", "c", true, []relay.NodeInfo{going, unknown, node("b", 1)}, 0, ""},
		{"the least loaded", "", false, []relay.NodeInfo{node("a", 0), node("b", 0.5), node("e", 0.3)}, 7, "e"},
		{"any of those that are alike", "", false, []relay.NodeInfo{node("b", 0.3), node("e", 0.35), node("f", 0.6)}, 1, "e"},
		{"and the other one", "", false, []relay.NodeInfo{node("b", 0.3), node("e", 0.35), node("f", 0.6)}, 2, "b"},
		{"who has the stream", "f", false, []relay.NodeInfo{node("b", 0.3), node("f", 0.45)}, 0, "f"},
		{"not if others may fill it", "f", false, []relay.NodeInfo{node("b", 0.3), node("f", 0.55)}, 0, "b"},
		{"between loaded and roomy", "", false, []relay.NodeInfo{node("b", 0.75)}, 0, ""},
		{"that will do for one that is going", "", true, []relay.NodeInfo{node("b", 0.95)}, 0, "b"},
	} {
		got := ""
		if to := relay.Place("a", c.holder, c.going, c.nodes, c.pick); to != nil {
			got = to.ID
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestKeeps(t *testing.T) {
	for _, c := range []struct {
		load   float64
		origin bool
		want   bool
	}{{0.8, false, true}, {0.9, false, false}, {0.9, true, true}, {0.99, true, true}, {1, true, false}} {
		if relay.Keeps(c.load, c.origin) != c.want {
			t.Errorf("load %v, origin %v: want %v", c.load, c.origin, c.want)
		}
	}
}
