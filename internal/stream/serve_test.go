package stream

import (
	"runtime/debug"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// Subscribers of a stream stay together until they are a crowd; a crowd uses all shards,
// and a shard that is full of others takes no more.
func TestPlacement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 4})
		defer r.Close()
		on := func(name string) []int {
			var placed []int
			for _, m := range r.streams[name].members {
				placed = append(placed, m.placed)
			}
			return placed
		}
		add := func(name string, n int) {
			for range n {
				subscribe(t, r, name)
			}
		}
		shardsOf := func(name string) (n int) {
			for _, placed := range on(name) {
				if placed > 0 {
					n++
				}
			}
			return n
		}
		add("small", 5)
		if shardsOf("small") != 1 {
			t.Errorf("five subscribers are on %v", on("small"))
		}
		add("other", 5)
		if shardsOf("other") != 1 {
			t.Errorf("five others are on %v", on("other"))
		}
		for i := range r.shards {
			if on("small")[i] > 0 && on("other")[i] > 0 {
				t.Error("two streams share a shard while others are idle")
			}
		}
		add("large", 400)
		for i, n := range on("large") {
			if n < 60 || n > 140 {
				t.Errorf("shard %d has %d of 400: %v", i, n, on("large"))
			}
		}
		s, _ := subscribe(t, r, "small")
		before := on("small")
		s.Close()
		synctest.Wait()
		if after := on("small"); sum(after) != sum(before)-1 {
			t.Errorf("placed %v, after one left %v", before, after)
		}
	})
}

func sum(all []int) (n int) {
	for _, x := range all {
		n += x
	}
	return n
}

// A slowSink notes who wrote: the caller of Serve, or the shard.
type slowSink struct {
	sink
	takes time.Duration
	here  int
	there int
}

func (s *slowSink) WriteRTP(p *forwarder.OutPacket) error {
	if strings.Contains(string(debug.Stack()), "serveNow") {
		s.here++
	} else {
		s.there++
	}
	time.Sleep(s.takes)
	return s.sink.WriteRTP(p)
}

// served counts the packets written by the caller of Serve and by the shards, when
// packets come so often and writing one takes so long.
func served(t *testing.T, subscribers int, every, takes time.Duration) (here, there int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		_, p, _ := publish(t, r, "a")
		sinks := make([]*slowSink, subscribers)
		for i := range sinks {
			sinks[i] = &slowSink{takes: takes}
			s, err := r.Subscribe("a", sinks[i], videoTrack())
			if err != nil {
				t.Fatal(err)
			}
			s.Start()
		}
		synctest.Wait()
		time.Sleep(time.Second)
		for n := range 200 {
			p.PushRTP(frame(t, 96, n), time.Now())
			r.Serve()
			time.Sleep(every)
			synctest.Wait()
		}
		r.Close() // waits for the shards
		for _, k := range sinks {
			here, there = here+k.here, there+k.there
		}
	})
	return here, there
}

// A few subscribers are served by who calls Serve, a crowd by its shard, and a few too
// once they would take a quarter of the caller's time.
func TestServeHereOrThere(t *testing.T) {
	if here, there := served(t, 3, 10*time.Millisecond, time.Microsecond); there != 0 || here < 600 {
		t.Errorf("few: %d here, %d by the shard", here, there)
	}
	if here, there := served(t, crowd+1, 10*time.Millisecond, time.Microsecond); here != 0 || there < 200*crowd {
		t.Errorf("a crowd: %d here, %d by the shard", here, there)
	}
	here, there := served(t, 3, 10*time.Millisecond, 5*time.Millisecond)
	if here == 0 || there < here {
		t.Errorf("few that take long: %d here, %d by the shard", here, there)
	}
}
