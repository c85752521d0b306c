package forwarder_test

import (
	"math/rand/v2"
	"testing"

	"github.com/whippet-media/whippet/forwarder"
)

// A list of cuts says of each number what counting says, both ways.
func TestCutsCountWhatWasDropped(t *testing.T) {
	const base = 70000
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		var l forwarder.CutList
		dropped, pictures := map[uint64]bool{}, map[uint64]bool{}
		in, share := uint64(base), rnd.Float64()
		for range forwarder.MaxCuts * 3 {
			if in += 1 + rnd.Uint64N(3); rnd.Float64() < share { // what is passed over is lost
				first := in - rnd.Uint64N(2)
				if dropped[first] || first == base {
					first = in
				}
				pictures[in] = rnd.IntN(2) == 0
				l.Drop(first, in+1, pictures[in])
				for n := first; n <= in; n++ {
					dropped[n] = true
				}
			}
		}
		checkCuts(t, seed, &l, base, in+3, dropped, pictures)
	}
}

func checkCuts(t *testing.T, seed uint64, l *forwarder.CutList, base, end uint64, dropped, pictures map[uint64]bool) {
	t.Helper()
	gone, gonePictures, known := uint64(0), uint16(0), 0
	for n := base; n < end; n++ {
		if !dropped[n] {
			d, p, ok := l.At(n)
			if ok && (d != gone || p != gonePictures) {
				t.Fatalf("seed %d: %d has %d dropped with %d pictures before it, want %d, %d", seed, n, d, p, gone, gonePictures)
			}
			src, okSource := l.Source(base, n-base-gone)
			if ok != okSource || ok && src != n {
				t.Fatalf("seed %d: %d comes back as %d, %v, %v", seed, n, src, ok, okSource)
			}
			if ok {
				known++
			}
			continue
		}
		if _, _, ok := l.At(n); ok {
			t.Fatalf("seed %d: %d was dropped and has a number", seed, n)
		}
		if gone++; pictures[n] {
			gonePictures++
		}
	}
	if l.Len() > forwarder.MaxCuts {
		t.Errorf("seed %d: %d cuts are kept", seed, l.Len())
	}
	if gone > 100 && known < 20 {
		t.Errorf("seed %d: only %d numbers are known", seed, known)
	}
}
