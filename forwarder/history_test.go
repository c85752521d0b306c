package forwarder_test

import (
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

func appendPackets(h *forwarder.History, from, n int, size int, step time.Duration) {
	for i := from; i < from+n; i++ {
		h.Append(&forwarder.Packet{Seq: uint64(1<<16 + i), At: start.Add(time.Duration(i) * step), Payload: make([]byte, size)})
	}
}

func TestHistoryKeepsTheGroupOfPictures(t *testing.T) {
	h := forwarder.NewHistory(nil)
	h.Keep(0)
	appendPackets(h, 0, 1000, 10, 10*time.Millisecond) // 10 s
	if h.Tail() != 0 || h.Head() != 1000 {
		t.Fatalf("kept %d to %d, want all since the keyframe", h.Tail(), h.Head())
	}
	h.Keep(900)
	appendPackets(h, 1000, 1, 10, 10*time.Millisecond)
	if want := uint64(1000 - 200); h.Tail() != want {
		t.Errorf("tail %d, want %d: two seconds for resends", h.Tail(), want)
	}
	for _, i := range []uint64{0, 799, 1001, 1 << 40} {
		if h.At(i) != nil {
			t.Errorf("packet %d is there", i)
		}
	}
	for _, i := range []uint64{800, 950, 1000} {
		if p := h.At(i); p == nil || p.Index != i || h.BySeq(1<<16+i) != p {
			t.Errorf("packet %d: %v", i, p)
		}
	}
	if h.BySeq(1<<16+799) != nil {
		t.Error("an evicted packet is found by its number")
	}
}

func TestHistoryBounds(t *testing.T) {
	for name, tt := range map[string]struct {
		n, size int
		step    time.Duration
		most    uint64
	}{
		"age":     {2000, 10, 10 * time.Millisecond, uint64(forwarder.HistoryAge/(10*time.Millisecond)) + 1},
		"packets": {forwarder.HistoryPackets + 5000, 1, time.Microsecond, forwarder.HistoryPackets},
		"bytes":   {40, 1 << 20, time.Millisecond, forwarder.HistoryBytes >> 20},
	} {
		t.Run(name, func(t *testing.T) {
			h := forwarder.NewHistory(nil)
			h.Keep(0)
			appendPackets(h, 0, tt.n, tt.size, tt.step)
			if kept := h.Head() - h.Tail(); kept != tt.most {
				t.Errorf("%d packets kept, want %d", kept, tt.most)
			}
		})
	}
}

func TestHistoriesShareABudget(t *testing.T) {
	b := forwarder.NewBudget(1 << 20)
	one, two := forwarder.NewHistory(b), forwarder.NewHistory(b)
	one.Keep(0)
	two.Keep(0)
	appendPackets(one, 0, 500, 1000, 10*time.Millisecond)
	if one.Tail() != 0 {
		t.Fatal("evicted before the budget was used up")
	}
	appendPackets(two, 0, 600, 1000, 10*time.Millisecond)
	if kept := two.Head() - two.Tail(); kept > 550 || kept < 90 {
		t.Errorf("%d packets kept over budget", kept)
	}
	one.Close()
	two.Close()
	if b.Used() != 0 {
		t.Errorf("%d bytes are still counted", b.Used())
	}
}

// TestHistoryReadersNeedNoLock is for the race detector.
func TestHistoryReadersNeedNoLock(t *testing.T) {
	h := forwarder.NewHistory(nil)
	var wg sync.WaitGroup
	for range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for pos := uint64(0); pos < 20000; {
				p := h.At(pos)
				switch {
				case p != nil && p.Index != pos:
					t.Errorf("packet %d at %d", p.Index, pos)
					return
				case p == nil && pos < h.Tail():
					pos = h.Tail()
				case p != nil:
					pos++
				}
			}
		}()
	}
	appendPackets(h, 0, 20000, 1, time.Millisecond)
	wg.Wait()
}
