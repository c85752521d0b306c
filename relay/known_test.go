package relay

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// TestKnownIsBounded: of more streams some are forgotten, those out of date first; an epoch
// that was beaten is remembered as long as its stream is.
func TestKnownIsBounded(t *testing.T) {
	var m memory
	now := time.Unix(1_800_000_000, 0)
	holder := func(epoch int64) Holder { return Holder{Node: "n", Epoch: provisionalEpochs + epoch} }
	m.learn("old", holder(7), now.Add(-knownLife-1))
	m.learn("young", holder(9), now)
	m.learn("young", holder(8), now) // of a directory that forgot the greater one
	m.learn("guess", Holder{Node: "n", Epoch: 5}, now)
	if _, ok := m.recall("old", now); ok {
		t.Error("what is out of date is recalled")
	}
	if h, ok := m.recall("young", now); !ok || h != holder(8) || m.epoch("young") != holder(9).Epoch {
		t.Errorf("%+v, %v, %d", h, ok, m.epoch("young"))
	}
	if _, ok := m.recall("guess", now); ok || m.epoch("guess") != 0 {
		t.Error("what is provisional is recalled")
	}
	m.gone("young")
	if _, ok := m.recall("young", now); ok || m.epoch("young") != holder(9).Epoch {
		t.Error("a stream that nobody holds is recalled, or its epoch forgotten")
	}
	for i := range maxKnown {
		m.learn(fmt.Sprint(i), holder(1), now)
	}
	if len(m.streams) != maxKnown || m.epoch("old") != 0 {
		t.Errorf("%d streams are known, epoch %d of the old one", len(m.streams), m.epoch("old"))
	}
	m.learn("one more", holder(1), now)
	if _, ok := m.recall("one more", now); !ok || len(m.streams) != maxKnown {
		t.Errorf("%d streams are known, the last one: %v", len(m.streams), ok)
	}
}

// TestMemoryForgets what ended longer ago than epochs must be remembered.
func TestMemoryForgets(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	m := &Memory{Clock: func() time.Time { return now }}
	fill := func(prefix string, n int) {
		for i := range n {
			if _, err := m.Claim(context.Background(), Claim{Stream: fmt.Sprint(prefix, i), Node: "n"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	fill("a", minSweep)
	now = now.Add(leaseLife + floorLife - time.Second)
	fill("b", minSweep)
	if len(m.records) != 2*minSweep {
		t.Errorf("%d records: something was forgotten too early", len(m.records))
	}
	now = now.Add(2 * time.Second)
	fill("c", 3*minSweep)
	if n := len(m.records); n > 4*minSweep {
		t.Errorf("%d records", n)
	}
}
