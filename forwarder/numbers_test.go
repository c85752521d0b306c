package forwarder_test

import (
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

func TestExtendedNumbersOverTheWrap(t *testing.T) {
	var e forwarder.Extender
	base := uint64(1 << 16)
	for _, tt := range []struct {
		seq  uint16
		want uint64
	}{
		{65534, base + 65534},
		{65535, base + 65535},
		{0, base + 65536},
		{65533, base + 65533}, // late, from before the wrap
		{2, base + 65538},
		{1, base + 65537},
		{32769, base + 65536 + 32769},
	} {
		if got := e.Extend(tt.seq); got != tt.want {
			t.Errorf("%d became %d, want %d", tt.seq, got, tt.want)
		}
	}
}

func TestNTP(t *testing.T) {
	for _, at := range []time.Time{start, time.Unix(0, 0), time.Date(2035, 12, 31, 23, 59, 59, 999999999, time.UTC)} {
		if d := forwarder.FromNTP(forwarder.ToNTP(at)).Sub(at); d > time.Nanosecond || d < -time.Nanosecond {
			t.Errorf("%v moved by %v", at, d)
		}
	}
}

func TestNackWaitsOutReordering(t *testing.T) {
	var n forwarder.Nacker
	ms := func(d int) time.Time { return start.Add(time.Duration(d) * time.Millisecond) }
	n.Packet(100, ms(0))
	n.Packet(102, ms(1))
	if got := n.Due(ms(2), 0); got != nil {
		t.Errorf("asked for %d at once", got)
	}
	n.Packet(103, ms(3))
	n.Packet(104, ms(4))
	if got := n.Due(ms(4), 0); !slices.Equal(got, []uint16{101}) {
		t.Errorf("after three later packets: %d", got)
	}
	if got := n.Due(ms(20), 80*time.Millisecond); got != nil {
		t.Errorf("asked again within a round trip: %d", got)
	}
	if got := n.Due(ms(105), 80*time.Millisecond); !slices.Equal(got, []uint16{101}) {
		t.Errorf("a round trip later: %d", got)
	}
	n.Packet(101, ms(106))
	if got := n.Due(ms(400), 0); got != nil || n.Holes() != 0 {
		t.Errorf("after the repair: %d, %d holes", got, n.Holes())
	}
}

func TestNackGivesUpOnEncodingsThatNeverAnswer(t *testing.T) {
	var n forwarder.Nacker
	now := start
	n.Packet(0, now)
	asked := 0
	for i := range 400 { // every other packet is lost
		n.Packet(uint64(2*i+2), now)
		asked += len(n.Due(now, 0))
		now = now.Add(20 * time.Millisecond)
	}
	if most := (forwarder.NackDead + forwarder.NackTries + 2) * forwarder.NackTries; asked > most {
		t.Errorf("asked %d times, want at most %d", asked, most)
	}
	if got := n.Due(now, 0); got != nil {
		t.Errorf("still asks for %d", got)
	}
	now = now.Add(forwarder.NackProbe)
	n.Packet(3001, now) // a gap too wide to repair
	n.Packet(3003, now)
	now = now.Add(time.Second)
	if got := n.Due(now, 0); !slices.Equal(got, []uint16{3002}) {
		t.Errorf("does not probe: %d", got)
	}
}

func TestNackKeepsABoundedNumberOfHoles(t *testing.T) {
	var n forwarder.Nacker
	n.Packet(0, start)
	for i := range 10 * forwarder.NackHoles {
		n.Packet(uint64(2*i+2), start)
	}
	if n.Holes() != forwarder.NackHoles {
		t.Errorf("%d holes", n.Holes())
	}
	n.Packet(1<<30, start)
	if n.Holes() != 0 {
		t.Errorf("%d holes after a jump", n.Holes())
	}
}

func TestKeyframeGate(t *testing.T) {
	var g forwarder.KeyframeGate
	now := start
	if g.Request(now) {
		t.Error("asks without a wish")
	}
	for range 50 {
		g.Wish()
	}
	if !g.Request(now) || g.Request(now) {
		t.Error("fifty wishes are not one request")
	}
	g.Wish()
	if g.Request(now.Add(forwarder.KeyframeInterval - 1)) {
		t.Error("asks too soon")
	}
	now = now.Add(forwarder.KeyframeInterval)
	if !g.Request(now) || g.Ignored() {
		t.Error("does not ask again")
	}
	g.Wish()
	g.Keyframe(now.Add(100 * time.Millisecond))
	if g.Request(now.Add(time.Hour)) {
		t.Error("asks for what came")
	}
	for range 3 {
		now = now.Add(10 * time.Second)
		g.Wish()
		if !g.Request(now) {
			t.Fatal("does not ask")
		}
	}
	if !g.Ignored() {
		t.Error("three requests in vain, and not ignored")
	}
	g.Wish()
	if g.Request(now.Add(forwarder.IgnoredInterval-1)) || !g.Request(now.Add(forwarder.IgnoredInterval)) {
		t.Error("an encoder that ignores requests is not asked each five seconds")
	}
	now = now.Add(2 * forwarder.IgnoredInterval)
	g.Keyframe(now)
	if !g.Ignored() {
		t.Error("a keyframe by its own interval counts as an answer")
	}
	g.Wish()
	g.Request(now)
	g.Keyframe(now.Add(300 * time.Millisecond))
	if g.Ignored() {
		t.Error("an answer does not count")
	}
}
