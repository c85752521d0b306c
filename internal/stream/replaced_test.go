package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A fickleDirectory grants a name, late, and refuses it from then on.
type fickleDirectory struct {
	fakeDirectory
	grants int
	answer chan struct{}
}

func (d *fickleDirectory) Claim(_ context.Context, name, owner string, lost func()) (Hold, error) {
	d.mu.Lock()
	d.grants--
	grants := d.grants
	d.mu.Unlock()
	if grants < 0 {
		return nil, ErrBusy
	}
	if grants == 0 {
		<-d.answer // whoever waits for it
	}
	return d.fakeDirectory.Claim(context.Background(), name, owner, lost)
}

// TestWhoseNameWasGivenToItsSuccessorEnds: the directory gives the name to a publisher that a third one
// has replaced meanwhile, and then it refuses that one. The first has the name no more: nobody would ever
// tell it so.
func TestWhoseNameWasGivenToItsSuccessorEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &fickleDirectory{grants: 2, answer: make(chan struct{})}
		r := NewRegistry(Config{Directory: d})
		defer r.Close()
		first := mustClaim(t, r, "x").mustStart(t)
		refused := make(chan error, 2)
		for range 2 {
			go func() { _, err := r.Claim(t.Context(), "a", "x"); refused <- err }()
			synctest.Wait()
		}
		if first.reasons != nil {
			t.Error("the first was closed before another one had the name")
		}
		close(d.answer)
		if err := errors.Join(<-refused, <-refused); !errors.Is(err, ErrBusy) {
			t.Errorf("%v", err)
		}
		if len(d.ends) != 1 {
			t.Errorf("released: %v", d.ends)
		}
		if len(first.reasons) != 1 || !errors.Is(first.reasons[0], ErrReplaced) {
			t.Errorf("the first was closed with %v", first.reasons)
		}
		if owner, alive := r.Holder("a"); alive {
			t.Errorf("%q has the name", owner)
		}
	})
}
