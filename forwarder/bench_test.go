package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// BenchmarkPublisherHandleRTP is the cost of one packet received: demultiplexing,
// looking for keyframes, appending.
func BenchmarkPublisherHandleRTP(b *testing.B) {
	p, now := newPublisher(), start
	key, frame := packet(b, 7, upVideo, 0, 0, true, vp8Frame(true)), packet(b, 7, upVideo, 0, 0, true, vp8Frame(false))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		raw := frame
		if i%300 == 0 {
			raw = key
		}
		raw[2], raw[3] = byte(i>>8), byte(i)
		raw[4], raw[5], raw[6], raw[7] = byte(i>>18), byte(i>>10), byte(i>>2), byte(i<<6)
		if !p.HandleRTP(now, raw) {
			b.Fatal("not taken")
		}
		now = now.Add(time.Millisecond)
	}
}

func BenchmarkHistoryAppend(b *testing.B) {
	h := forwarder.NewHistory(forwarder.NewBudget(1 << 30))
	payload := make([]byte, 1100)
	packets := make([]forwarder.Packet, 1<<16)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p := &packets[i%len(packets)]
		*p = forwarder.Packet{Seq: uint64(1<<16 + i), At: start.Add(time.Duration(i) * time.Millisecond), Payload: payload}
		if i%300 == 0 {
			h.Keep(uint64(i))
		}
		h.Append(p)
	}
}

// BenchmarkSubscriberPull is the cost of one packet to one subscriber, in bursts
// of ten: Pull, and Fill for each.
func BenchmarkSubscriberPull(b *testing.B) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	raw := packet(b, 7, upVideo, 0, 0, true, vp8Frame(true))
	var out forwarder.Output
	var w forwarder.PacketWriter
	var next uint16
	push := func() {
		raw[2], raw[3] = byte(next>>8), byte(next)
		raw[4], raw[5], raw[6] = 0, byte(next>>8), byte(next)
		next++
		p.HandleRTP(now, raw)
		now = now.Add(time.Millisecond)
	}
	push()
	s.Pull(now, &out)
	copy(raw[12:], vp8Frame(false))
	b.ReportAllocs()
	packets := 0
	for i := 0; b.Loop(); i++ {
		if i%10 == 0 {
			b.StopTimer()
			for range 10 {
				push()
			}
			b.StartTimer()
			out.Reset()
			s.Pull(now, &out)
			packets += len(out.Packets)
		}
		if j := i % 10; j < len(out.Packets) {
			w.Fill(&out.Packets[j])
		}
	}
	if packets < b.N*9/10 {
		b.Fatalf("%d packets in %d rounds", packets, b.N)
	}
}
