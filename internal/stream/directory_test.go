package stream

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/whippet-media/whippet/forwarder"
)

// fakeDirectory grants what it is told to, when it is told to.
type fakeDirectory struct {
	refuse error
	wait   chan struct{} // nil: at once

	mu   sync.Mutex
	lost []func()
	ends []string // what was released
}

func (d *fakeDirectory) Claim(ctx context.Context, name, owner string, lost func()) (Hold, error) {
	if d.wait != nil {
		select {
		case <-d.wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if d.refuse != nil {
		return nil, d.refuse
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lost = append(d.lost, lost)
	return &fakeHold{d, owner}, nil
}

type fakeHold struct {
	d     *fakeDirectory
	owner string
}

func (h *fakeHold) Epoch() int64 { return int64(len(h.owner)) }

func (h *fakeHold) Release() {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	h.d.ends = append(h.d.ends, h.owner)
}

// closedSource remembers why it was closed.
type closedSource struct {
	source
	reasons []error
}

func (s *closedSource) Close(reason error) { s.reasons = append(s.reasons, reason) }

func clusterRegistry(t *testing.T) (*Registry, *fakeDirectory) {
	t.Helper()
	d := &fakeDirectory{}
	r := NewRegistry(Config{Directory: d})
	t.Cleanup(r.Close)
	return r, d
}

func (c *Claim) mustStart(t *testing.T) *closedSource {
	t.Helper()
	s := &closedSource{}
	if c.Start(s, forwarder.PublisherConfig{}) == nil {
		t.Fatal("not started")
	}
	return s
}

func mustClaim(t *testing.T, r *Registry, owner string) *Claim {
	t.Helper()
	c, err := r.Claim(t.Context(), "a", owner)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDirectoryRefuses: a publisher that another node's keeps out changes nothing here.
func TestDirectoryRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := clusterRegistry(t)
		link, err := r.ClaimLink("a")
		if err != nil {
			t.Fatal(err)
		}
		relayed := link.mustStart(t)
		d.refuse = ErrBusy
		if _, err := r.Claim(t.Context(), "a", ""); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		if relayed.reasons != nil {
			t.Errorf("the link was closed: %v", relayed.reasons)
		}
		if info, _ := r.Lookup("a"); !info.Relayed {
			t.Errorf("no longer relayed: %+v", info)
		}
		if owner, alive := r.Holder("a"); owner != "" || alive {
			t.Error("a relayed stream has a publisher here")
		}
		d.refuse = nil
		mustClaim(t, r, "x").mustStart(t)
		if len(relayed.reasons) != 1 || !errors.Is(relayed.reasons[0], ErrReplaced) {
			t.Errorf("the link gave way with %v", relayed.reasons)
		}
		if owner, alive := r.Holder("a"); owner != "x" || !alive || r.Epoch("a") != 1 {
			t.Errorf("%q, %v, epoch %d", owner, alive, r.Epoch("a"))
		}
	})
}

// TestDirectoryIsToldOfTheEnd: once, whoever ended it.
func TestDirectoryIsToldOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := clusterRegistry(t)
		c := mustClaim(t, r, "x")
		c.mustStart(t)
		c.Release()
		c.Release()
		if !slices.Equal(d.ends, []string{"x"}) || r.Epoch("a") != 0 {
			t.Errorf("released %q", d.ends)
		}
		mustClaim(t, r, "y") // never started
		r.Close()
		if !slices.Equal(d.ends, []string{"x", "y"}) {
			t.Errorf("released %q", d.ends)
		}
	})
}

// TestLostElsewhere: the publisher is ended, and the name free for a link.
func TestLostElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := clusterRegistry(t)
		source := mustClaim(t, r, "x").mustStart(t)
		d.lost[0]()
		if len(source.reasons) != 1 || !errors.Is(source.reasons[0], ErrElsewhere) {
			t.Errorf("closed with %v", source.reasons)
		}
		if _, err := r.ClaimLink("a"); err != nil {
			t.Error(err)
		}

		c := mustClaim(t, r, "y") // lost before it is started
		d.lost[1]()
		if c.Start(&closedSource{}, forwarder.PublisherConfig{}) != nil {
			t.Error("started what is lost")
		}
	})
}

// TestWhileTheDirectoryIsAsked: the name is reserved, for its owner too, and who has it
// keeps it.
func TestWhileTheDirectoryIsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, d := clusterRegistry(t)
		first := mustClaim(t, r, "x").mustStart(t)
		d.wait = make(chan struct{})
		claimed := make(chan error, 2)
		ask := func() {
			c, err := r.Claim(t.Context(), "a", "x")
			if err == nil {
				c.mustStart(t)
			}
			claimed <- err
		}
		go ask()
		synctest.Wait()
		if first.reasons != nil {
			t.Error("the publisher was ended before its successor was accepted")
		}
		if _, err := r.Claim(t.Context(), "a", "y"); !errors.Is(err, ErrBusy) {
			t.Errorf("another owner: %v", err)
		}
		if owner, alive := r.Holder("a"); owner != "x" || !alive {
			t.Errorf("%q, %v", owner, alive)
		}
		go ask() // of two of one owner the later one wins
		synctest.Wait()
		close(d.wait)
		synctest.Wait()
		if a, b := <-claimed, <-claimed; !errors.Is(errors.Join(a, b), ErrBusy) || a != nil && b != nil {
			t.Errorf("%v, %v", a, b)
		}
		if len(first.reasons) != 1 || !errors.Is(first.reasons[0], ErrReplaced) {
			t.Errorf("the first was closed with %v", first.reasons)
		}
		if _, alive := r.Holder("a"); !alive {
			t.Error("nobody has the name")
		}
	})
}

// turnDirectory answers its first question late, whatever becomes of who asked.
type turnDirectory struct {
	fakeDirectory
	first   chan struct{}
	asked   int
	current string // of whom the directory heard last
}

func (d *turnDirectory) Claim(ctx context.Context, name, owner string, lost func()) (Hold, error) {
	d.mu.Lock()
	d.asked++
	first := d.asked == 1
	d.mu.Unlock()
	if first {
		<-d.first
	}
	d.mu.Lock()
	d.current = owner
	d.mu.Unlock()
	return d.fakeDirectory.Claim(ctx, name, owner, lost)
}

// TestTheLastOneIsHeardLast: of two publishers of this node, the one that has the name in the
// end is the one that the directory heard of last, however late it answers the other one.
func TestTheLastOneIsHeardLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &turnDirectory{first: make(chan struct{})}
		r := NewRegistry(Config{Directory: d, Takeover: true})
		defer r.Close()
		refused, won := make(chan error, 1), make(chan error, 1)
		go func() { _, err := r.Claim(t.Context(), "a", "early"); refused <- err }()
		synctest.Wait()
		go func() { _, err := r.Claim(t.Context(), "a", "late"); won <- err }()
		synctest.Wait()
		close(d.first)
		if err := <-refused; !errors.Is(err, ErrBusy) {
			t.Errorf("the early one got %v", err)
		}
		if err := <-won; err != nil {
			t.Error(err)
		}
		if owner, _ := r.Holder("a"); owner != "late" || d.current != "late" {
			t.Errorf("%q has the name, the directory heard of %q last", owner, d.current)
		}
	})
}
