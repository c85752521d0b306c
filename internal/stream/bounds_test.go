package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestPublishersAreHeldToTheirBounds: who stays over one for longer than the grace is
// ended, who keeps to it is not.
func TestPublishersAreHeldToTheirBounds(t *testing.T) {
	// play sends 223 bytes thirty times a second: 54 kbit/s, of 640 × 360.
	for name, c := range map[string]struct {
		bounds Bounds
		over   bool
	}{
		"none":         {Bounds{}, false},
		"bitrate":      {Bounds{Bitrate: 50_000}, true},
		"high bitrate": {Bounds{Bitrate: 60_000}, false},
		"width":        {Bounds{Width: 639}, true},
		"height":       {Bounds{Height: 359}, true},
		"its size":     {Bounds{Width: 640, Height: 360}, false},
		"encodings":    {Bounds{Encodings: 1}, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := NewRegistry(Config{})
			defer r.Close()
			claim, err := r.Claim(context.Background(), "a", "")
			if err != nil {
				t.Fatal(err)
			}
			claim.Bound(c.bounds)
			src := &source{}
			p := claim.Start(src, publisherConfig())
			frames := func(d time.Duration) int { return int(d / (33 * time.Millisecond)) }
			grace := frames(boundGrace)
			play(t, p, 0, grace)
			if src.reason != nil {
				t.Errorf("%s: ended within the grace: %v", name, src.reason)
			}
			play(t, p, grace, grace+frames(4*time.Second))
			if errors.Is(src.reason, ErrBounds) != c.over {
				t.Errorf("%s: %v", name, src.reason)
			}
		})
	}
}

// TestABurstIsNoOffence: the grace begins anew when the publisher keeps to its bounds.
func TestABurstIsNoOffence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		claim, _ := r.Claim(context.Background(), "a", "")
		claim.Bound(Bounds{Bitrate: 50_000})
		src := &source{}
		p := claim.Start(src, publisherConfig())
		for n := 0; n < 1800; {
			play(t, p, n, n+200) // 6.6 s of too much
			n += 200
			time.Sleep(3 * time.Second)
		}
		if src.reason != nil {
			t.Errorf("ended: %v", src.reason)
		}
	})
}

// TestBoundsOfAnAudience: the node's, the publisher's and the subscriber's own number
// hold, the lowest of them.
func TestBoundsOfAnAudience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{MaxSubscribers: 4})
		defer r.Close()
		more := func(own int) error {
			_, err := r.SubscribeWithin("a", own, &sink{}, videoTrack())
			return err
		}
		if err := more(1); err != nil {
			t.Errorf("the first: %v", err)
		}
		if err := more(1); !errors.Is(err, ErrStreamFull) || !errors.Is(err, ErrFull) {
			t.Errorf("a second that may be the only one: %v", err)
		}
		claim, _ := r.Claim(context.Background(), "a", "")
		claim.Bound(Bounds{Subscribers: 2})
		if err := more(0); err != nil {
			t.Errorf("the second: %v", err)
		}
		if err := more(0); !errors.Is(err, ErrStreamFull) {
			t.Errorf("the publisher's bound: %v", err)
		}
		claim.Release()
		for range 2 {
			if err := more(0); err != nil {
				t.Errorf("without that publisher: %v", err)
			}
		}
		if err := more(9); !errors.Is(err, ErrStreamFull) {
			t.Errorf("the node's bound: %v", err)
		}
	})
}
