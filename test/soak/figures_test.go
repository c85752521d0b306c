//go:build soak

package soak

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

// held is what must be as before.
type held struct {
	nodes                       [2]counts
	keys, channels, connections int
}

func (h held) String() string {
	return fmt.Sprintf("origin and edge %d + %d goroutines, %d + %d files; Redis %d keys, %d channels, %d connections",
		h.nodes[0].goroutines, h.nodes[1].goroutines, h.nodes[0].files, h.nodes[1].files, h.keys, h.channels, h.connections)
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

// settled returns what there is once that no longer changes.
func (c *pair) settled(t *testing.T) (h held) {
	t.Helper()
	harness.Eventually(t, linksEnd, func() error {
		h = c.counts(t)
		time.Sleep(3 * time.Second) // longer than anything that begins late
		if later := c.counts(t); later != h {
			return fmt.Errorf("%v, and %v later", h, later)
		}
		return nil
	})
	return h
}

// back tells what is left that was not there before, but for as many goroutines and files of
// each node as may stay. Connections to Redis are a pool that may grow to its bound, and
// are not counted as files.
func (c *pair) back(t *testing.T, before held, stay int) error {
	now := c.counts(t)
	var err error
	for i := range c.nodes {
		if now.nodes[i].goroutines > before.nodes[i].goroutines+stay {
			err = errors.Join(err, fmt.Errorf("node %d has more goroutines", i))
		}
	}
	files := func(h held) int { return h.nodes[0].files + h.nodes[1].files - h.connections }
	if files(now) > files(before)+2*stay || now.keys > before.keys || now.channels > before.channels || now.connections > before.connections+mayStay {
		err = errors.Join(err, errors.New("there are more files, keys, channels or connections"))
	}
	if err != nil {
		err = fmt.Errorf("%w: %v; before: %v", err, now, before)
	}
	return err
}

// figures are what the progress of many links is shown by.
type figures struct {
	held
	memory [2]memory
}

// memory is what a node has, in bytes: of the machine, and of Go's runtime.
type memory struct{ resident, alloc, inuse, released int64 }

func (f figures) String() string {
	s := f.held.String()
	for i, m := range f.memory {
		s += fmt.Sprintf("; node %d: %.1f MB resident, heap %.1f allocated, %.1f in use, %.1f released", i,
			megabytes(m.resident), megabytes(m.alloc), megabytes(m.inuse), megabytes(m.released))
	}
	return s
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (c *pair) figures(t *testing.T) figures {
	t.Helper()
	f := figures{held: c.counts(t)}
	for i, n := range c.nodes {
		f.memory[i] = memoryOf(t, n)
	}
	return f
}

// memoryOf returns what a node has once all that nobody needs is collected.
func memoryOf(t *testing.T, n *harness.Node) memory {
	t.Helper()
	response, err := http.Get(n.Admin + "/debug/pprof/heap?gc=1&debug=1")
	if err != nil {
		t.Fatal(err)
	}
	profile, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	of := func(name string) int64 {
		_, rest, _ := strings.Cut(string(profile), "\n# "+name+" = ")
		value, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			t.Fatalf("no %s at %s: %s, %v", name, n.Admin, response.Status, err)
		}
		return v
	}
	return memory{resident: harness.Memory(t, n.Process), alloc: of("HeapAlloc"), inuse: of("HeapInuse"), released: of("HeapReleased")}
}

// grown tells which node has more memory than it may.
func grown(early, late figures) (err error) {
	for i := range late.memory {
		a, b := early.memory[i], late.memory[i]
		if b.alloc-a.alloc > heapMayGrow || b.resident-a.resident > residentMayGrow {
			err = errors.Join(err, fmt.Errorf("node %d has %.1f MB more on its heap and %.1f MB more of the machine's, want at most %d and %d", i,
				megabytes(b.alloc-a.alloc), megabytes(b.resident-a.resident), heapMayGrow>>20, residentMayGrow>>20))
		}
	}
	return err
}
