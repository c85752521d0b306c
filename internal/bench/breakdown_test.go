package bench

import (
	"bytes"
	"math"
	"runtime/pprof"
	"strings"
	"testing"
)

const heapText = `heap profile: 3: 9000 [4: 9999] @ heap/8192
2: 8192 [2: 8192] @ 0x1 0x2 0x3
#	0x1	bytes.growSlice+0x12	/go/src/bytes/buffer.go:1
#	0x2	github.com/pion/dtls/v3/pkg/protocol.(*Record).Marshal+0x1f	/x/record.go:2
#	0x3	github.com/whippet-media/whippet/internal/rtc.(*Peer).Run+0x1f	/x/peer.go:2

1: 1000000 [2: 1807] @ 0x4 0x5
#	0x4	net/http.(*conn).serve+0x12	/go/src/net/http/server.go:1
#	0x5	runtime.goexit+0x1	/go/src/runtime/asm.s:1

0: 0 [1: 16] @ 0x6
#	0x6	github.com/whippet-media/whippet/forwarder.New[...]+0x12	/x/new.go:1

# runtime.MemStats
# HeapAlloc = 2000
# Stack = 300 / 400
# BySize = [0 1]
`

func TestHeapProfileIsRead(t *testing.T) {
	p, err := parseHeap([]byte(heapText))
	if err != nil {
		t.Fatal(err)
	}
	scale := 1 / (1 - math.Exp(-1)) // objects as large as the sampling rate
	if w := p.owners["pion/dtls"]; math.Abs(w.count-2*scale) > 1e-9 || math.Abs(w.bytes-8192*scale) > 1e-6 {
		t.Errorf("pion/dtls has %+v", w)
	}
	if w := p.owners["net/http"]; w.count != 1 || w.bytes != 1_000_000 {
		t.Errorf("net/http has %+v", w)
	}
	if len(p.owners) != 2 || p.sites["pion/dtls/pkg/protocol.(*Record).Marshal"].count == 0 {
		t.Errorf("owners %v, sites %v", p.owners, p.sites)
	}
	if p.stats["HeapAlloc"] != 2000 || p.stats["Stack"] != 400 {
		t.Errorf("statistics %v", p.stats)
	}
	for _, bad := range []string{"", "goroutine profile: total 1\n", "heap profile: @ heap/0"} {
		if _, err := parseHeap([]byte(bad)); err == nil {
			t.Errorf("took %q", bad)
		}
	}
}

// TestRealProfilesAreRead: the forms that this version of Go writes.
func TestRealProfilesAreRead(t *testing.T) {
	var heap, goroutines bytes.Buffer
	if err := pprof.Lookup("heap").WriteTo(&heap, 1); err != nil {
		t.Fatal(err)
	}
	p, err := parseHeap(heap.Bytes())
	if err != nil || p.stats["HeapAlloc"] == 0 || p.stats["Stack"] == 0 || p.stats["MSpan"] == 0 || p.stats["BuckHashSys"] == 0 {
		t.Errorf("%v: %v", err, p)
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() { <-stop }()
	if err := pprof.Lookup("goroutine").WriteTo(&goroutines, 2); err != nil {
		t.Fatal(err)
	}
	if all := goroutinesBy(goroutines.Bytes()); all["internal/bench.TestRealProfilesAreRead"].count != 2 { // and the test itself
		t.Errorf("%v of\n%s", all, goroutines.String())
	}
}

func TestGoroutinesByCreator(t *testing.T) {
	all := goroutinesBy([]byte(`goroutine 1 [running]:
main.main()
	/x/main.go:1 +0x1

goroutine 2 [select]:
github.com/pion/ice/v4.(*Agent).loop(0xc0)
	/x/agent.go:1 +0x1
created by github.com/pion/ice/v4.NewAgent in goroutine 1
	/x/agent.go:2 +0x1

goroutine 3 [select]:
runtime.gopark(0x1)
	/x/proc.go:1 +0x1
github.com/whippet-media/whippet/internal/rtc.(*Peer).read(0xc0, {0x1, 0x2})
	/x/peer.go:1 +0x1
sync.(*WaitGroup).Go.func1()
	/x/wg.go:1 +0x1
created by sync.(*WaitGroup).Go in goroutine 1
	/x/wg.go:2 +0x1`))
	for _, name := range []string{"main", "pion/ice.NewAgent", "internal/rtc.(*Peer).read"} {
		if all[name].count != 1 {
			t.Errorf("%q: %v", name, all)
		}
	}
}

// TestBreakdownAddsUp: the parts of resident memory are all of it.
func TestBreakdownAddsUp(t *testing.T) {
	before := &anatomy{resident: 1 << 20, running: stats("HeapAlloc", 1000), collected: stats("HeapAlloc", 900)}
	after := &anatomy{
		resident:  3 << 20,
		running:   stats("HeapAlloc", 500_000, "HeapInuse", 600_000, "HeapIdle", 300_000, "HeapReleased", 100_000, "Stack", 80_000, "MSpan", 5000),
		collected: stats("HeapAlloc", 400_000),
	}
	after.collected.owners = map[string]weight{"forwarder": {4, 300_000}, "pion/ice": {2, 100_000}, "tiny": {1, 1}}
	after.goroutines = map[string]weight{"pion/ice.New": {count: 20}}
	b := after.since(before, 10)
	total := 0.0
	for _, s := range b.Resident {
		total += s.KB
	}
	if want := float64(2<<20) / 10 / 1000; math.Abs(total-want) > 1e-6 {
		t.Errorf("%v KB in all, want %v: %+v", total, want, b.Resident)
	}
	if len(b.Heap) != 2 || b.Heap[0] != (Share{"forwarder", 30, 0.4}) || b.Goroutines[0] != (Share{"pion/ice.New", 0, 2}) {
		t.Errorf("%+v", b)
	}
	var text strings.Builder
	if err := b.write(&text, Node); err != nil || !strings.Contains(text.String(), "forwarder") {
		t.Errorf("%v:\n%s", err, text.String())
	}
}

func stats(pairs ...any) *heapProfile {
	p := &heapProfile{stats: map[string]float64{}}
	for i := 0; i < len(pairs); i += 2 {
		p.stats[pairs[i].(string)] = float64(pairs[i+1].(int)) //nolint:forcetypeassert // of this test
	}
	return p
}
