//go:build soak

package soak

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
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
	mostStreams = 250
	// progressEach is how many links come and go between two lines of progress.
	progressEach = 500
	// joinTogether is how many subscribers come and go at the same time.
	joinTogether = 8
	// heapMayGrow and residentMayGrow are how much more each node may have at the end than after
	// the first tenth of the links: on its heap without what is only not collected yet, and of
	// the machine's memory, of which Go's runtime gives back late what it does not need. Ten
	// thousand links that leave 2 KB each are too much for the first.
	heapMayGrow     = 16 << 20
	residentMayGrow = 32 << 20
	// linksEnd is how long links may take to end after the last subscriber: their linger, and a
	// busy machine.
	linksEnd = 40 * time.Second
	// poolsEnd is how long, after that, nodes may keep connections for HTTP open to each other.
	poolsEnd = 90 * time.Second
)

// Links that were opened and let go by the thousand leave no goroutine, file, key, channel or
// connection of Redis behind, and no memory. LINKCYCLES says how many; 10,000 at first. Behind
// more than one round there are no more goroutines and files than there were at first, both
// after a tenth of them and at the end, where memory is compared.
func TestLinkCycles(t *testing.T) {
	cycles := linkCycles(t)
	streams := min(cycles, mostStreams)
	c := startPair(t)
	for i := range streams {
		c.publish(i)
	}
	before := c.settled(t)
	t.Logf("before: %v", before)
	var early, late figures
	for done := 0; done < cycles; {
		began, n := time.Now(), min(streams, cycles-done)
		c.round(n)
		took := time.Since(began)
		done += n
		harness.Eventually(t, linksEnd, func() error { return c.back(t, before, mayStay) })
		first := done-n < cycles/10 && done >= cycles/10
		if !first && done%progressEach != 0 && done < cycles {
			continue
		}
		t.Logf("%d links, %.0f a second: %v", done, float64(n)/took.Seconds(), c.figures(t))
		if first || done == cycles {
			if cycles > mostStreams {
				harness.Eventually(t, poolsEnd, func() error { return c.back(t, before, 0) })
			}
			late = c.figures(t)
			t.Logf("%d links, and quiet: %v", done, late)
		}
		if first {
			early = late
		}
	}
	if err := grown(early, late); err != nil {
		t.Error(err)
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

// once has a connection for each request, so that none counts that is only not closed yet.
func once(url string) client.Options {
	return client.Options{URL: url, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}}
}

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
		Options: once(c.nodes[0].WHIP(linkStream(i))), Video: []client.Encoding{{Source: video}},
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
	var first sync.Once
	p, err := client.Play(ctx, client.PlayOptions{
		Options: once(c.nodes[1].WHEP(linkStream(i))), NoAudio: true,
		OnFrame: func(codec.Kind, client.Frame) { first.Do(func() { close(seen) }) },
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
