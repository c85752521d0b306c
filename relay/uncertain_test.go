package relay_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// A deaf directory does what it is asked; of its answers to claims some are lost.
type deaf struct {
	*relay.Memory
	lose atomic.Int32 // how many of the next
}

func (d *deaf) Claim(ctx context.Context, c relay.Claim) (relay.Lease, error) {
	l, err := d.Memory.Claim(context.Background(), c)
	if d.lose.Add(-1) >= 0 {
		<-ctx.Done()
		return relay.Lease{}, fmt.Errorf("%w: %w", relay.ErrUnavailable, context.Cause(ctx))
	}
	return l, err
}

// claimBriefly claims a stream for as long as somebody waits for it.
func claimBriefly(t *testing.T, k *relay.Keeper, lost *atomic.Int32) (*relay.Hold, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	return k.Claim(ctx, "x", "", func(relay.Holder) { lost.Add(1) })
}

// TestNobodyLosesAStreamToItself: a claim whose answer is lost may have been granted. The publisher
// that goes on without the answer keeps its stream, and so does the one that was to be replaced by one
// who did not wait.
func TestNobodyLosesAStreamToItself(t *testing.T) {
	for name, gives := range map[string]bool{"without the answer": false, "nobody waits": true} {
		synctest.Test(t, func(t *testing.T) {
			d := &deaf{Memory: &relay.Memory{}}
			k := relay.NewKeeper(relay.KeeperConfig{Directory: d, Node: "n", NodeURL: "http://n"})
			defer k.Close()
			var lost atomic.Int32
			first, err := claimBriefly(t, k, &lost)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(relay.RenewEvery)
			d.lose.Store(1)
			if gives {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(relay.RenewEvery*3/2, cancel) // a renewal lies between
				if _, err := k.Claim(ctx, "x", "", nil); !errors.Is(err, context.Canceled) {
					t.Fatalf("%v", err)
				}
			} else {
				first.Release()
				if _, err := claimBriefly(t, k, &lost); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(2 * relay.RenewEvery)
			held, ok := k.Held("x")
			found, err := d.Lookup(t.Context(), "x")
			if lost.Load() > 0 || !ok || err != nil || found != held {
				t.Errorf("%s: lost %d times; it holds %+v, the directory says %+v, %v", name, lost.Load(), held, found, err)
			}
		})
	}
}
