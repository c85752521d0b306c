package forwarder

import (
	"math/rand/v2"
	"testing"
)

// TestSentMap holds the map against one that forgets nothing: what it knows is
// right, what is within its reach it knows, and no number it calls free was used.
func TestSentMap(t *testing.T) {
	for seed := range uint64(50) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		first := 1<<16 + rnd.Uint64N(1<<15)
		m := newSentMap(16, 128, first)
		all := map[uint64]sentPacket{}
		next, now := first, uint16(0)
		for range 5000 {
			seq := next
			switch rnd.IntN(20) {
			case 0:
				seq += rnd.Uint64N(5)
			case 1:
				seq += rnd.Uint64N(300)
			case 2, 3, 4:
				seq -= min(rnd.Uint64N(40), next-first)
			}
			now += uint16(rnd.IntN(3))
			if rnd.IntN(200) == 0 {
				now += 3000
			}
			_, used := all[seq]
			if m.free(seq) && used {
				t.Fatalf("seed %d: %d was used and is called free", seed, seq)
			}
			if seq >= next || m.free(seq) {
				p := sentPacket{transport: uint16(rnd.Uint32()), at: now, state: sentBit}
				m.put(seq, p)
				all[seq], next = p, max(next, seq+1)
			}
			asked := next - rnd.Uint64N(min(next-first+10, 200)) + 3
			got, want := m.get(asked), all[asked]
			if got != nil && *got != want {
				t.Fatalf("seed %d: %d is known as %+v, want %+v", seed, asked, *got, want)
			}
			if want.state != 0 && got == nil && asked+16 > next-1 {
				t.Fatalf("seed %d: %d of %d is forgotten", seed, asked, next)
			}
		}
		if len(m.entries) != 128 {
			t.Errorf("seed %d: %d entries after bursts", seed, len(m.entries))
		}
	}
}

// It grows only while it would forget what was sent within a second.
func TestSentMapGrows(t *testing.T) {
	m := newSentMap(16, 128, 100)
	for i := range uint64(1000) {
		m.put(100+i, sentPacket{at: uint16(i * 70), state: sentBit}) // 16 last 1.1 s
	}
	if len(m.entries) != 16 {
		t.Errorf("%d entries where 16 last long enough", len(m.entries))
	}
	for i := range uint64(1000) {
		m.put(1100+i, sentPacket{at: uint16(70_000 + i*20), state: sentBit}) // 50 a second
	}
	if len(m.entries) != 64 {
		t.Errorf("%d entries for 50 a second, want 64", len(m.entries))
	}
}
