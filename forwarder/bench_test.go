package forwarder_test

import (
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
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
// of ten: Pull, and Write for each.
func BenchmarkSubscriberPull(b *testing.B) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	raw := packet(b, 7, upVideo, 0, 0, true, vp8Frame(true))
	var out forwarder.Output
	buf := make([]byte, 1600)
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
			if _, err := out.Packets[j].MarshalTo(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
	if packets < b.N*9/10 {
		b.Fatalf("%d packets in %d rounds", packets, b.N)
	}
}

// BenchmarkSubscriberHandleRTCP is the cost of one compound as browsers send some
// 20 of each second: report blocks, REMB, transport-wide feedback, a NACK that is
// answered at times, and keyframe requests.
func BenchmarkSubscriberHandleRTCP(b *testing.B) {
	p, s, now := newPublisher(), newSubscriber(), start
	s.SetPublisher(p)
	feed(b, p, &now, 0, 10)
	first := pull(s, now).Packets[0].Seq
	raw := feedbackPacket(b, 2, first, first+1, first+5)
	var out forwarder.Output
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(50 * time.Millisecond)
		out.Reset()
		s.HandleRTCP(now, raw, &out)
	}
	if c := s.Counts(); c.Malformed != 0 || c.Nacks == 0 {
		b.Fatalf("%+v", c)
	}
}

// BenchmarkPublisherTick is the cost of two packets received, one of them after it
// was asked for, and of the feedback about them.
func BenchmarkPublisherTick(b *testing.B) {
	p, now := newPublisher(), start
	raw := packet(b, 7, upVideo, 0, 0, true, vp8Frame(true))
	push := func(seq int) {
		raw[2], raw[3] = byte(seq>>8), byte(seq)
		p.HandleRTP(now, raw)
	}
	var out []byte
	push(0)
	b.ReportAllocs()
	for i := 0; b.Loop(); i += 2 {
		push(i + 2)
		now = now.Add(20 * time.Millisecond)
		out = p.Tick(now, 0, out[:0])
		push(i + 1)
	}
	if c := p.Counts(); c.Nacks < uint64(b.N)-1 {
		b.Fatalf("%d NACKs in %d rounds", c.Nacks, b.N)
	}
}

// BenchmarkMarshalTo is the cost of one packet's wire form: as media with a
// transport-wide number, as a retransmission, with values of the publisher's.
func BenchmarkMarshalTo(b *testing.B) {
	ids := &forwarder.ExtensionIDs{codec.TransportCC: 5, codec.PlayoutDelay: 6, codec.DependencyDescriptor: 7}
	plain := &forwarder.Packet{Payload: make([]byte, 1100)}
	rich := &forwarder.Packet{Payload: make([]byte, 1100), Ext: []forwarder.ExtensionValue{
		{Ext: codec.PlayoutDelay, Data: make([]byte, 3)}, {Ext: codec.DependencyDescriptor, Data: make([]byte, 40)},
	}}
	for name, p := range map[string]*forwarder.OutPacket{
		"media": {Packet: plain, IDs: ids}, "retransmission": {Packet: plain, IDs: ids, Retransmit: true}, "two-byte": {Packet: rich, IDs: ids},
	} {
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, 1600)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := p.MarshalTo(buf); n == 0 || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
