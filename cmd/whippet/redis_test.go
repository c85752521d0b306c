package main

import (
	"regexp"
	"testing"

	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestClusterIllRedis: while Redis says nothing, and while it takes no writes, players of
// another node's stream go on, also new ones, and the publisher keeps its name.
func TestClusterIllRedis(t *testing.T) {
	for _, ill := range []struct {
		name       string
		fall, rise []any
	}{
		{"slow", []any{"CLIENT", "PAUSE", 60_000, "ALL"}, nil},
		{"read-only", []any{"REPLICAOF", "127.0.0.1", "1"}, []any{"REPLICAOF", "NO", "ONE"}},
	} {
		t.Run(ill.name, func(t *testing.T) {
			t.Parallel()
			redis := relaytest.Redis(t)
			a, b := startNode(t, redis), startNode(t, redis)
			pub := a.mustPublish("cam")
			w := b.watch("cam")
			w.goesOn("another node")

			redis.Do(ill.fall...)
			rival := b.mustPublish("meanwhile")
			b.logged("provisional=true")
			w.goesOn("Redis is ill")
			b.watch("cam").goesOn("a second subscriber meanwhile")
			lives(t, pub)

			if ill.rise == nil { // it does not hear that it may go on
				redis.Kill()
				redis.Start()
			} else {
				redis.Do(ill.rise...)
			}
			b.logged("event=reclaimed stream=meanwhile")
			_, err := b.publish("cam")
			busy(t, err)
			_, err = a.publish("meanwhile")
			busy(t, err)
			w.goesOn("Redis is well")
			lives(t, pub)
			lives(t, rival)
		})
	}
}

// TestClusterFailover: Sentinel puts a replica in the place of a Redis that died. Players
// and publishers go on, and no epoch of a stream comes twice.
func TestClusterFailover(t *testing.T) {
	master, replica := relaytest.Redis(t), relaytest.Redis(t)
	replica.Follow(master)
	sentinel := relaytest.Sentinel(t, master, 1)
	sentinel.Sees(1)
	url := "--redis=redis-sentinel://" + sentinel.Addr() + "/whippet"
	a, b := startNode(t, master, url), startNode(t, master, url)
	pub := a.mustPublish("cam")
	w := b.watch("cam")
	w.goesOn("another node")
	if err := a.mustPublish("moves").Close(t.Context()); err != nil {
		t.Error(err)
	}

	master.Kill()
	w.goesOn("Redis was killed")
	meanwhile := a.mustPublish("meanwhile")
	a.logged("event=reclaimed stream=meanwhile") // the replica takes its place
	b.mustPublish("moves")
	_, err := b.publish("cam")
	busy(t, err)
	w.goesOn("another Redis is there")
	lives(t, pub)
	lives(t, meanwhile)

	claimed := regexp.MustCompile(`event=(?:claimed|reclaimed) stream=moves epoch=(\d+)`)
	var epochs []string // of one length
	for _, p := range []*process{a, b} {
		for _, m := range claimed.FindAllStringSubmatch(p.text(), -1) {
			epochs = append(epochs, m[1])
		}
	}
	if len(epochs) != 2 || epochs[0] >= epochs[1] {
		t.Errorf("epochs %q, want two that rise", epochs)
	}
}
