package forwarder_test

import (
	"runtime"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/pion/rtp"
	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
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
		"bytes":   {40, 1<<20 - forwarder.PacketBytes, time.Millisecond, forwarder.HistoryBytes >> 20},
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

// What is counted is what is held: packets without payload but full of header
// extensions must not fill a node unseen.
func TestHistoriesCountWhatPacketsHold(t *testing.T) {
	if a, b := unsafe.Sizeof(forwarder.Packet{})+3*8, uintptr(forwarder.PacketBytes); a != b {
		t.Errorf("a packet is counted as %d bytes and has %d", b, a)
	}
	if a, b := unsafe.Sizeof(forwarder.ExtensionValue{}), uintptr(forwarder.ValueBytes); a != b {
		t.Errorf("an extension is counted as %d bytes and has %d", b, a)
	}
	const packets, values = 10_000, 6
	budget := forwarder.NewBudget(1 << 30)
	ids := map[uint8]codec.Extension{
		1: codec.AudioLevel, 2: codec.VideoOrientation, 3: codec.AbsCaptureTime, 4: codec.PlayoutDelay, 5: codec.VideoContentType, 6: codec.ColorSpace,
	}
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Budget: budget, Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: vp8}, Extensions: ids},
	}})
	h := rtp.Header{Version: 2, SSRC: 7, PayloadType: upVideo, Extension: true, ExtensionProfile: rtp.ExtensionProfileTwoByte}
	for id := range ids {
		if err := h.SetExtension(id, make([]byte, 240)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := (&rtp.Packet{Header: h}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range packets {
		b[2], b[3] = byte(i>>8), byte(i)
		if !p.HandleRTP(start, b) {
			t.Fatalf("not taken: %+v", p.Counts())
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	used, held := budget.Used(), int64(after.HeapAlloc)-int64(before.HeapAlloc)
	if want := int64(packets * (forwarder.PacketBytes + values*(240+forwarder.ValueBytes))); used != want {
		t.Errorf("%d bytes are counted, want %d", used, want)
	}
	if held < used/2 || held > used*3/2 {
		t.Errorf("%d bytes are counted and %d held", used, held)
	}
	runtime.KeepAlive(p)
}

// An encoding that pauses keeps what it showed last, and gives the rest back.
func TestTickTrimsEncodingsThatPause(t *testing.T) {
	budget := forwarder.NewBudget(1 << 20)
	p := forwarder.NewPublisher(forwarder.PublisherConfig{Budget: budget, Tracks: []forwarder.PublisherTrack{
		{Kind: codec.Audio, Formats: map[uint8]codec.Format{upAudio: opus}},
		{Kind: codec.Video, Formats: map[uint8]codec.Format{upVideo: vp8}},
	}})
	now := start
	for i := range 40 {
		p.HandleRTP(now, packet(t, 6, upAudio, uint16(i), uint32(i*960), false, []byte{1, 2, 3}))
		p.HandleRTP(now, packet(t, 7, upVideo, uint16(i), uint32(i*3000), true, vp8Frame(i%30 == 0)))
		now = now.Add(20 * time.Millisecond)
	}
	kept := func() (audio, video uint64) {
		a, v := p.Best(codec.Audio).History(), p.Best(codec.Video).History()
		return a.Head() - a.Tail(), v.Head() - v.Tail()
	}
	p.Tick(now.Add(time.Second), 0, nil)
	if a, v := kept(); a != 40 || v != 40 {
		t.Errorf("%d and %d packets after a second, want all for resends", a, v)
	}
	used := budget.Used()
	now = now.Add(time.Minute)
	p.Tick(now, 0, nil)
	if a, v := kept(); a != 1 || v != 10 || budget.Used() >= used {
		t.Errorf("%d and %d packets after a minute, want 1 and the 10 since the keyframe; %d bytes of %d", a, v, budget.Used(), used)
	}
	s := newSubscriber()
	s.SetPublisher(p)
	n := 0
	for range 100 {
		n += len(pull(s, now).Packets)
		now = now.Add(10 * time.Millisecond)
	}
	if n == 0 {
		t.Error("who joins now gets nothing")
	}
	other := forwarder.NewHistory(budget)
	appendPackets(other, 0, 3, 1<<20, time.Millisecond)
	p.Tick(now, 0, nil)
	if a, v := kept(); a != 1 || v != 1 {
		t.Errorf("%d and %d packets where memory is scarce", a, v)
	}
	p.End()
	other.Close()
	p.Tick(now.Add(time.Hour), 0, nil)
	if budget.Used() != 0 {
		t.Errorf("%d bytes are counted after the end", budget.Used())
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
