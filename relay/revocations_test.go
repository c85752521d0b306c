package relay_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
)

// revocation is of a token, for an hour from when the clusters of these tests begin, made
// and taken back at the given microseconds.
func (c *cluster) revocation(id string, made, back int64) relay.Revocation {
	r := auth.Revocation{ID: id, Until: time.Date(2026, 1, 2, 4, 4, 5, 0, time.UTC).Local()}
	return relay.Revocation{Revocation: r, Made: made, Back: back}
}

func (c *cluster) put(d relay.Directory, all ...relay.Revocation) {
	c.t.Helper()
	if err := answered(func() error { return d.PutRevocations(c.t.Context(), all) }); err != nil {
		c.t.Fatal(err)
	}
}

// answered repeats what Redis did not answer in time, as nodes do: an exchange has OpTimeout
// of real time, which a page of 500 can need on a busy machine. To put or to read twice is to
// do so once. No more than exchangeTries are made.
func answered(exchange func() error) error {
	const exchangeTries = 10
	err := exchange()
	for range exchangeTries - 1 {
		if !errors.Is(err, relay.ErrUnavailable) {
			return err
		}
		err = exchange()
	}
	return err
}

// read reads all that comes after a cursor.
func (c *cluster) read(d relay.Directory, at relay.RevocationCursor) (all []relay.Revocation, next relay.RevocationCursor, anew bool) {
	c.t.Helper()
	for i := 0; ; i++ {
		var page relay.RevocationPage
		err := answered(func() (err error) {
			page, err = d.ReadRevocations(c.t.Context(), at)
			return err
		})
		if err != nil {
			c.t.Fatal(err)
		}
		if len(page.Revocations) > relay.MaxRevocationPage || page.Anew && i > 0 {
			c.t.Errorf("page %d has %d, anew: %v", i, len(page.Revocations), page.Anew)
		}
		all, at, anew = append(all, page.Revocations...), page.Next, anew || page.Anew
		if !page.More {
			return all, at, anew
		}
	}
}

// reads checks what comes after a cursor, and returns the next one.
func (c *cluster) reads(d relay.Directory, at relay.RevocationCursor, anew bool, want ...relay.Revocation) relay.RevocationCursor {
	c.t.Helper()
	got, next, fresh := c.read(d, at)
	if diff := cmp.Diff(want, got); diff != "" || fresh != anew {
		c.t.Errorf("anew: %v, %s", fresh, diff)
	}
	return next
}

func revocationsAreRead(c *cluster) {
	at := c.reads(c.a, relay.RevocationCursor{}, true)
	one := c.revocation("one", 1, 0)
	one.Issuer, one.Subject, one.Stream, one.Before = `https://"é<&>`, "a b", "live", time.UnixMicro(1_700_000_000_000_001)
	two, three := c.revocation("two", 1, 0), c.revocation("three", 1, 2)
	c.put(c.a, one, two)
	at = c.reads(c.b, at, true, one, two)
	c.put(c.b, three)
	at = c.reads(c.a, at, false, three)
	c.put(c.b, three, two, one)
	at = c.reads(c.a, at, false)
	c.advance(time.Minute)
	one.Made = 7
	c.put(c.b, one)
	c.reads(c.a, at, false, one)
	c.reads(c.a, relay.RevocationCursor{}, true, two, three, one)
}

// revocationsAreJoined: whatever is put in whatever order comes to the same, and the same
// everywhere.
func revocationsAreJoined(c *cluster) {
	random := rand.New(rand.NewPCG(1, 2))
	memory := &relay.Memory{Clock: c.now}
	for range 300 {
		var all []relay.Revocation
		for range 3 {
			r := c.revocation("t", 1+random.Int64N(3), random.Int64N(4))
			r.Until = r.Until.Add(time.Duration(random.IntN(3)) * time.Minute)
			if random.IntN(2) == 0 {
				r.Before = time.UnixMicro(1 + random.Int64N(3))
			}
			all = append(all, r)
		}
		c.forget()
		memory.Forget()
		c.put(c.a, all...)
		c.put(memory, all...)
		got, _, _ := c.read(c.b, relay.RevocationCursor{})
		want, _, _ := c.read(memory, relay.RevocationCursor{})
		if diff := cmp.Diff(want, got); diff != "" || len(want) != 1 {
			c.t.Fatalf("%+v: %s", all, diff)
		}
		last := int64(0)
		for _, r := range all {
			last = max(last, r.Back)
		}
		in := slices.ContainsFunc(all, func(r relay.Revocation) bool { return r.Made >= last })
		if got[0].InForce() != in {
			c.t.Fatalf("%+v: in force: %v", all, !in)
		}
		for _, r := range all {
			if in && r.Made >= last && (r.Until.After(got[0].Until) || !got[0].Before.IsZero() && (r.Before.IsZero() || r.Before.After(got[0].Before))) {
				c.t.Fatalf("%+v: got %+v, which is narrower", all, got[0])
			}
		}
	}
}

func revocationsEnd(c *cluster) {
	r, over := c.revocation("a", 1, 0), c.revocation("b", 1, 0)
	over.Until = c.now()
	c.put(c.a, over)
	c.reads(c.b, relay.RevocationCursor{}, true)
	c.put(c.a, r)
	c.advance(2 * time.Hour)
	next := c.revocation("a", 2, 0)
	next.Until, next.Before = next.Until.Add(3*time.Hour), time.UnixMicro(5)
	c.put(c.a, next) // what is over widens nothing
	c.reads(c.b, relay.RevocationCursor{}, true, next)
}

// revocationsAreLost with all else the directory has, and who reads on is told.
func revocationsAreLost(c *cluster) {
	r := c.revocation("a", 1, 0)
	c.put(c.a, r)
	at := c.reads(c.b, relay.RevocationCursor{}, true, r)
	c.forget()
	c.reads(c.b, at, true)
	c.advance(time.Second)
	other := c.revocation("b", 1, 0)
	c.put(c.a, other)
	c.reads(c.b, at, true, other)
}

func revocationsAreWatched(c *cluster) {
	changed, stop := c.b.WatchRevocations()
	defer stop()
	c.woken(changed, "the watch")
	r := c.revocation("a", 1, 0)
	c.put(c.a, r)
	c.woken(changed, "a revocation")
	c.put(c.a, r)
	select {
	case <-changed:
		c.t.Error("woken by nothing new")
	case <-time.After(100 * time.Millisecond):
	}
	c.put(c.a, c.revocation("a", 1, 2))
	c.woken(changed, "its taking back")
}

// revocationsAreBounded: of too many those go that were taken back, then those that end
// first.
func revocationsAreBounded(c *cluster) {
	var all []relay.Revocation
	for i := range relay.MaxRevocations {
		r := c.revocation(fmt.Sprint(i), 1, 0)
		r.Until = r.Until.Add(time.Duration(i) * time.Second)
		all = append(all, r)
	}
	all[777].Back = 2
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.put(c.a, all...)
	left := func(gone ...string) {
		c.t.Helper()
		got, _, _ := c.read(c.b, relay.RevocationCursor{})
		ids := map[string]bool{}
		for _, r := range got {
			ids[r.ID] = true
		}
		if len(got) != relay.MaxRevocations || len(ids) != len(got) {
			c.t.Fatalf("%d, of them %d different", len(got), len(ids))
		}
		for _, id := range gone {
			if ids[id] {
				c.t.Errorf("%s is still there", id)
			}
		}
	}
	left()
	late := c.revocation("late", 1, 0)
	late.Until = late.Until.Add(24 * time.Hour)
	c.put(c.a, late)
	left("777")
	late.ID = "later"
	c.put(c.a, late)
	left("777", "0")
}

// revocationsMissed: who missed so many changes reads them alone, who missed more begins
// anew.
func revocationsMissed(c *cluster) {
	first := c.revocation("first", 1, 0)
	c.put(c.a, first)
	at := c.reads(c.b, relay.RevocationCursor{}, true, first)
	var all []relay.Revocation
	for i := range relay.MaxRevocationNumbers - 1 {
		all = append(all, c.revocation(fmt.Sprint(i), 1, 0))
	}
	c.put(c.a, all...)
	if got, _, anew := c.read(c.b, at); anew || len(got) != len(all) {
		c.t.Errorf("%d, anew: %v", len(got), anew)
	}
	c.put(c.a, c.revocation("last", 1, 0))
	if got, _, anew := c.read(c.b, at); !anew || len(got) != len(all)+2 {
		c.t.Errorf("%d, anew: %v", len(got), anew)
	}
}

// TestReadingRevocationsCostsLittle while nothing changes, however many there are.
func TestReadingRevocationsCostsLittle(t *testing.T) {
	c := memoryCluster(t)
	var all []relay.Revocation
	for i := range relay.MaxRevocations {
		all = append(all, c.revocation(strings.Repeat("x", 200)+fmt.Sprint(i), 1, 0))
	}
	c.put(c.a, all...)
	_, at, _ := c.read(c.a, relay.RevocationCursor{})
	page, err := c.a.ReadRevocations(t.Context(), at)
	if err != nil || len(page.Revocations) > 0 || page.Anew || page.More {
		t.Errorf("%+v, %v", page, err)
	}
}
