package udp

import "testing"

// TestCallsAreCountedBySize: each class up to twice as many datagrams as the one before.
func TestCallsAreCountedBySize(t *testing.T) {
	bounds := SizeBounds()
	for _, n := range []uint64{1, 2, 3, 4, 5, 8, 9, 64, 65, 512, 513, 100_000} {
		class := 0
		for class < len(bounds) && n > uint64(bounds[class]) { //nolint:gosec // small
			class++
		}
		if got := sizeClass(n); got != class {
			t.Errorf("%d datagrams are of class %d, want %d", n, got, class)
		}
	}
	var s Socket
	c := &s.count
	c.addSends(&sendTally{packets: 12, calls: 3})
	c.addSends(&sendTally{packets: 2000, calls: 1})
	c.addSends(&sendTally{})
	c.addReads(1, &readTally{calls: 1})
	st := s.Stats()
	if st.SendSizes != [sizes]uint64{2: 3, 10: 1} || st.ReadSizes != [sizes]uint64{0: 1} {
		t.Errorf("%v, %v", st.SendSizes, st.ReadSizes)
	}
}
