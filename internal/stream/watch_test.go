package stream

import (
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// watcher keeps what it was shown.
type watcher struct {
	mu   sync.Mutex
	seen []*Snapshot
	most int // snapshots until it has seen enough; 0: never
}

func (w *watcher) Watch(s *Snapshot) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, s)
	return w.most == 0 || len(w.seen) < w.most
}

// take returns what was shown since the last call.
func (w *watcher) take() []*Snapshot {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.seen = nil
	return seen
}

// enough lets it see n more.
func (w *watcher) enough(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most = len(w.seen) + n
}

// TestWatchersSeeBeginAndEnd: at once, and everything else once a second.
func TestWatchersSeeBeginAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		sub, _ := subscribe(t, r, "a")
		other, _ := subscribe(t, r, "b")
		w, elsewhere := &watcher{}, &watcher{}
		sub.Watch(w)
		other.Watch(elsewhere)
		if got := w.take(); len(got) != 1 || got[0].Publication != 0 || got[0].Subscribers != 1 || got[0].Regular {
			t.Errorf("at first %+v", got)
		}
		time.Sleep(100 * time.Millisecond)
		c, p, _ := publish(t, r, "a")
		if got := w.take(); len(got) != 0 {
			t.Errorf("nothing was sent yet, but shown: %+v", got)
		}
		arrive(p, frame(t, 96, 0))
		got := w.take()
		if len(got) != 1 || got[0].Publication == 0 || got[0].Regular {
			t.Fatalf("at the first packet %+v", got)
		}
		first := got[0].Publication
		play(t, p, 1, 100)
		c.Release()
		got = w.take()
		if len(got) < 3 || len(got) > 5 || got[len(got)-1].Publication != 0 || got[len(got)-1].Regular {
			t.Errorf("at the end %+v", got)
		}
		for _, s := range got[:len(got)-1] {
			if !s.Regular || s.Publication != first || len(s.Layers) != 1 || s.Layers[0].Codec != codec.VP8 {
				t.Errorf("meanwhile %+v", s)
			}
		}
		_, p, _ = publish(t, r, "a")
		arrive(p, frame(t, 96, 0))
		if got := w.take(); len(got) != 1 || got[0].Publication == 0 || got[0].Publication == first {
			t.Errorf("at the second begin %+v, the first was number %d", got, first)
		}
		for i, s := range elsewhere.take() {
			if s.Publication != 0 || s.Regular != (i > 0) {
				t.Errorf("another stream: %+v", s)
			}
		}
	})
}

// TestWatchersAreForgotten: who has seen enough, and then nothing ticks any more.
func TestWatchersAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		sub, _ := subscribe(t, r, "a")
		once, thrice, ever := &watcher{most: 1}, &watcher{most: 3}, &watcher{}
		for _, w := range []*watcher{once, thrice, ever} {
			sub.Watch(w)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(once.seen) != 1 || len(thrice.seen) != 3 || len(ever.seen) != 11 {
			t.Errorf("shown %d, %d and %d times", len(once.seen), len(thrice.seen), len(ever.seen))
		}
		ever.enough(1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		r.watch.mu.Lock()
		left := len(r.watch.streams)
		r.watch.mu.Unlock()
		if left != 0 {
			t.Errorf("%d streams are watched", left)
		}
		again := &watcher{}
		sub.Watch(again) // the goroutine slept
		time.Sleep(3 * time.Second)
		if got := again.take(); len(got) != 4 {
			t.Errorf("shown %d times in three seconds", len(got))
		}
	})
}

func TestSubscribersAreCountedForWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		sub, _ := subscribe(t, r, "a")
		w := &watcher{}
		sub.Watch(w)
		time.Sleep(watchInterval / 2) // what follows comes between two ticks
		more, _ := subscribe(t, r, "a")
		subscribe(t, r, "b")
		time.Sleep(watchInterval)
		more.Close()
		time.Sleep(watchInterval)
		var counts []int
		for _, s := range w.take() {
			counts = append(counts, s.Subscribers)
		}
		if len(counts) != 3 || counts[0] != 1 || counts[1] != 2 || counts[2] != 1 {
			t.Errorf("subscribers %v", counts)
		}
	})
}

// TestFindingsAreShown: what is wrong with a publisher, while it is there.
func TestFindingsAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		sub, _ := subscribe(t, r, "a")
		w := &watcher{}
		sub.Watch(w)
		c, p, _ := publish(t, r, "a")
		play(t, p, 0, 60)
		for _, s := range w.take() {
			if len(s.Findings) != 0 {
				t.Errorf("all is well, but %+v", s.Findings)
			}
		}
		time.Sleep(15 * time.Second)
		got := w.take()
		if last := got[len(got)-1]; len(last.Findings) != 1 || last.Findings[0].Code != forwarder.FindingNoMedia {
			t.Errorf("of a silent publisher %+v", last.Findings)
		}
		c.Release()
		if got := w.take(); len(got) != 1 || len(got[0].Findings) != 0 {
			t.Errorf("after the end %+v", got)
		}
	})
}

// TestLayersOfASilentEncoding have no bitrate.
func TestLayersOfASilentEncoding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		sub, _ := subscribe(t, r, "a")
		if got := sub.Layers(); len(got) != 0 {
			t.Errorf("without a publisher %+v", got)
		}
		_, p, _ := publish(t, r, "a")
		play(t, p, 0, 100)
		if got := sub.Layers(); len(got) != 1 || got[0].Bitrate == 0 || got[0].Width != 640 {
			t.Errorf("%+v", got)
		}
		time.Sleep(5 * time.Second)
		if got := sub.Layers(); len(got) != 1 || got[0].Bitrate != 0 {
			t.Errorf("silent: %+v", got)
		}
	})
}

// TestSelectionsReachTheCore: the last of many counts, before Start and after Close too.
func TestSelectionsReachTheCore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		s, err := r.Subscribe("a", &sink{}, videoTrack())
		if err != nil {
			t.Fatal(err)
		}
		s.Select(forwarder.Selection{RID: "early", Exact: true})
		s.Start()
		_, p, _ := publish(t, r, "a")
		play(t, p, 0, 60)
		synctest.Wait()
		automatic := func() bool {
			s.Refresh()
			synctest.Wait()
			return s.Counts().Choice.Automatic
		}
		if automatic() || s.Selection().RID != "early" {
			t.Errorf("selected before Start: %+v", s.Selection())
		}
		for range 1000 {
			s.Select(forwarder.Selection{RID: "h"})
		}
		s.Select(forwarder.Selection{})
		s.member.shard.mu.Lock()
		waiting := len(s.member.shard.box)
		s.member.shard.mu.Unlock()
		if waiting > 2 {
			t.Errorf("%d messages wait", waiting)
		}
		if !automatic() || s.Selection() != (forwarder.Selection{}) {
			t.Errorf("back to automatic: %+v", s.Selection())
		}
		s.Close()
		s.Select(forwarder.Selection{RID: "late"})
		s.Refresh()
		synctest.Wait()
	})
}

// TestRefreshCounts: counters are of now, also while nothing is reported.
func TestRefreshCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		s, _ := subscribe(t, r, "a")
		time.Sleep(time.Minute)
		if at := s.Counts().At; !at.IsZero() {
			t.Errorf("counted at %v", at)
		}
		for range 3 {
			time.Sleep(time.Second)
			s.Refresh()
			s.Refresh()
			synctest.Wait()
			if at := s.Counts().At; !at.Equal(time.Now()) {
				t.Errorf("counted at %v, now is %v", at, time.Now())
			}
		}
	})
}

// TestFindingsOfARelayedStream are the origin's: they are not logged or counted again.
func TestFindingsOfARelayedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		r := NewRegistry(Config{Logger: slog.New(slog.NewTextHandler(&log, nil)), CountApart: 1})
		defer r.Close()
		origin, edge := forwarder.NewPublisher(publisherConfig()), publisherConfig()
		tap := forwarder.NewTap(origin, forwarder.TapConfig{})
		edge.Relayed = true
		c, err := r.ClaimLink("a")
		if err != nil {
			t.Fatal(err)
		}
		p := c.Start(&source{}, edge)
		for range 200 { // nothing is sent
			var out forwarder.Output
			origin.Diagnose(time.Now())
			if tap.Pull(time.Now(), &out); len(out.RTCP) > 0 {
				p.PushRTCP(out.RTCP)
			}
			time.Sleep(100 * time.Millisecond)
		}
		info, _ := r.Lookup("a")
		if d := p.Diagnosis(); len(d) != 1 || d[0].Code != forwarder.FindingNoMedia || !slices.Equal(d, info.Diagnosis) {
			t.Errorf("%v; of the stream %v", d, info.Diagnosis)
		}
		if counts := r.StreamCounts(); log.Len() != 0 || counts[0].Findings != 0 {
			t.Errorf("%d are counted, the log says %q", counts[0].Findings, log.String())
		}
		c.Release()
		if info, _ := r.Lookup("a"); len(info.Diagnosis) != 0 {
			t.Errorf("after the end %v", info.Diagnosis)
		}
	})
}
