//go:build soak

package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/relay/relaytest"
	"github.com/whippet-media/whippet/test/harness"
)

const (
	// mostStreams bounds the links there are at once; each is opened once a round.
	mostStreams = 300
	// joinTogether is how many subscribers come and go at the same time.
	joinTogether = 8
	// linksMayGrow is how much more memory each node may have at the end than after the first
	// round, without what is only not collected yet.
	linksMayGrow = 16 << 20
	// linksEnd is how long links may take to end after the last subscriber: their linger, and a
	// busy machine.
	linksEnd = 40 * time.Second
)

// Links that were opened and let go by the thousand leave no goroutine, file, key, channel or
// connection of Redis behind, and no memory. LINKCYCLES says how many; 10,000 at first.
func TestLinkCycles(t *testing.T) {
	cycles := linkCycles(t)
	streams := min(cycles, mostStreams)
	c := startPair(t)
	for i := range streams {
		c.publish(i)
	}
	before := c.counts(t)
	done := 0
	var early, late [2]memory
	for round := 0; done < cycles; round++ {
		n, begun := min(streams, cycles-done), time.Now()
		c.round(n)
		done += n
		came := time.Since(begun)
		harness.Eventually(t, linksEnd, func() error { return c.back(t, before) })
		late = c.memory(t)
		if round == 0 {
			early = late
		}
		t.Logf("%d links came and went, the last %d in %v; left %+v, before %+v; origin %v, edge %v",
			done, n, came.Round(100*time.Millisecond), c.counts(t), before, late[0], late[1])
	}
	for i := range late {
		if late[i].heap-early[i].heap > linksMayGrow {
			t.Errorf("memory of node %d grew by %d MB, want at most %d", i, (late[i].heap-early[i].heap)>>20, linksMayGrow>>20)
		}
	}
}

func linkCycles(t *testing.T) int {
	text := os.Getenv("LINKCYCLES")
	if text == "" {
		text = "10000"
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("LINKCYCLES: %q is no number of links", text)
	}
	return n
}

// pair is an origin, an edge and their Redis.
type pair struct {
	t     *testing.T
	redis *relaytest.Server
	nodes [2]*harness.Node
}

func startPair(t *testing.T) *pair {
	t.Helper()
	c := &pair{t: t, redis: relaytest.Redis(t)}
	binary := harness.Binary(t, harness.Build{})
	for i := range c.nodes {
		port := harness.FreePort(t)
		c.nodes[i] = harness.StartNodeAt(t, binary, port, "--redis", c.redis.URL(), "--cluster-secret", strings.Repeat("c", 32),
			"--node-id", fmt.Sprint("node-", i), "--node-url", fmt.Sprintf("http://127.0.0.1:%d", port), "--log-level", "warn", "--max-request-rate", "0")
	}
	return c
}

func linkStream(i int) string { return fmt.Sprint("link-", i) }

// publish publishes very little, for as long as the test lasts.
func (c *pair) publish(i int) {
	c.t.Helper()
	video, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, Width: 64, Height: 36, FPS: 2, Bitrate: 8000})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
	defer cancel()
	p, err := client.Publish(ctx, client.PublishOptions{
		Options: client.Options{URL: c.nodes[0].WHIP(linkStream(i))}, Video: []client.Encoding{{Source: video}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(p.Kill)
	if err := p.WaitConnected(ctx); err != nil {
		c.t.Fatal(err)
	}
}

// round watches some streams at the edge, each until it has a frame.
func (c *pair) round(streams int) {
	c.t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed []error
	for range joinTogether {
		wg.Go(func() {
			for i := range next {
				if err := c.cycle(i); err != nil {
					mu.Lock()
					failed = append(failed, fmt.Errorf("%s: %w", linkStream(i), err))
					mu.Unlock()
				}
			}
		})
	}
	for i := range streams {
		next <- i
	}
	close(next)
	wg.Wait()
	if len(failed) > 0 {
		c.t.Fatalf("%d of %d did not get a frame, the first: %v", len(failed), streams, failed[0])
	}
}

func (c *pair) cycle(i int) error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	seen := make(chan struct{})
	var once sync.Once
	p, err := client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: c.nodes[1].WHEP(linkStream(i))}, NoAudio: true,
		OnFrame: func(codec.Kind, client.Frame) { once.Do(func() { close(seen) }) },
	})
	if err != nil {
		return err
	}
	select {
	case <-seen:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.Close(context.Background()))
	}
	return p.Close(ctx)
}

// held is what must be as before.
type held struct {
	nodes                       [2]counts
	keys, channels, connections int
}

func (c *pair) counts(t *testing.T) held {
	t.Helper()
	h := held{nodes: [2]counts{count(t, c.nodes[0]), count(t, c.nodes[1])}}
	redis := c.redis.Client()
	defer redis.Close()
	ctx := t.Context()
	keys, err := redis.DBSize(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	channels, err := redis.PubSubChannels(ctx, "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	clients, err := redis.ClientList(ctx).Result()
	if err != nil {
		t.Fatal(err)
	}
	h.keys, h.channels, h.connections = int(keys), len(channels), strings.Count(clients, "\n")
	return h
}

// back tells what is left that was not there before.
func (c *pair) back(t *testing.T, before held) error {
	now := c.counts(t)
	err := errors.Join(back(before.nodes[0], now.nodes[0]), back(before.nodes[1], now.nodes[1]))
	if now.keys > before.keys || now.channels > before.channels || now.connections > before.connections+mayStay {
		err = errors.Join(err, fmt.Errorf("Redis has %d keys, %d channels and %d connections, had %d, %d and %d",
			now.keys, now.channels, now.connections, before.keys, before.channels, before.connections))
	}
	return err
}

// memory is what a node holds, in bytes: what is in use once all that nobody needs is collected, what
// of the heap it has given back, and what the system counts.
type memory struct{ heap, released, resident int64 }

func (m memory) String() string {
	return fmt.Sprintf("%d MB of heap, %d given back, %d resident", m.heap>>20, m.released>>20, m.resident>>20)
}

var (
	heapAlloc    = regexp.MustCompile(`# HeapAlloc = (\d+)`)
	heapReleased = regexp.MustCompile(`# HeapReleased = (\d+)`)
)

func (c *pair) memory(t *testing.T) (held [2]memory) {
	t.Helper()
	for i, n := range c.nodes {
		response, err := http.Get(n.Admin + "/debug/pprof/heap?gc=1&debug=1")
		if err != nil {
			t.Fatal(err)
		}
		profile, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		held[i] = memory{inProfile(t, profile, heapAlloc), inProfile(t, profile, heapReleased), harness.Memory(t, n.Process)}
	}
	return held
}

func inProfile(t *testing.T, profile []byte, what *regexp.Regexp) int64 {
	t.Helper()
	m := what.FindSubmatch(profile)
	if m == nil {
		t.Fatalf("no %v in the heap profile", what)
	}
	n, err := strconv.ParseInt(string(m[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
