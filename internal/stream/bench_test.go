package stream

import (
	"context"
	"runtime"
	"testing"
)

// BenchmarkShardPass is the cost of one packet received and delivered to 200
// subscribers of one shard, without sockets; ns/packet is per packet delivered.
func BenchmarkShardPass(b *testing.B) {
	const subscribers = 200
	r := NewRegistry(Config{Shards: 1})
	defer r.Close()
	c, err := r.Claim(context.Background(), "a", "")
	if err != nil {
		b.Fatal(err)
	}
	p := c.Start(&source{}, publisherConfig())
	for range subscribers {
		s, err := r.Subscribe("a", &nullSink{}, videoTrack())
		if err != nil {
			b.Fatal(err)
		}
		s.Start()
	}
	for r.streams["a"].members[0].count.Load() < subscribers {
		runtime.Gosched()
	}
	raw := frame(b, 96, 0)
	push := func(n int) {
		raw[2], raw[3] = byte(n>>8), byte(n)
		raw[5], raw[6], raw[7] = byte(n>>8), byte(n), 0
		arrive(p, raw)
	}
	push(0)
	raw[13] |= 1 // no keyframe any more
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		push(n)
		for want := uint64(n * subscribers); r.shards[0].packets.Load() < want; {
			runtime.Gosched()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*subscribers), "ns/packet")
}
