package forwarder_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// audience is one publisher of 2.5 Mbit/s and its subscribers, as a shard serves
// them: bursts of four packets, subscriber by subscriber, so that each finds its
// memory as cold as on a server.
type audience struct {
	tb   testing.TB
	pub  *forwarder.Publisher
	subs []*forwarder.Subscriber
	now  time.Time
	seq  uint16
	out  forwarder.Output
	raw  []byte
}

const (
	burst         = 4
	burstInterval = 14 * time.Millisecond
	groupPackets  = 560 // between two keyframes: 2 s
)

func browserTracks() []forwarder.SubscriberTrack {
	ids := map[codec.Extension]uint8{codec.TransportCC: 5, codec.PlayoutDelay: 6}
	return []forwarder.SubscriberTrack{
		{Kind: codec.Audio, SSRC: 1, CNAME: "c", Extensions: ids, Formats: []forwarder.SubscriberFormat{{Format: opus, PT: downAudio}}},
		{Kind: codec.Video, SSRC: 2, RTXSSRC: 3, NACK: true, CNAME: "c", Extensions: ids, Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: downVideo, RTX: 101}}},
	}
}

func newAudience(tb testing.TB, n int) *audience {
	a := &audience{tb: tb, pub: newPublisher(), now: start}
	for i := range n {
		s := forwarder.NewSubscriber(forwarder.SubscriberConfig{Seed: uint64(i), Tracks: browserTracks()})
		s.SetPublisher(a.pub)
		a.subs = append(a.subs, s)
	}
	a.raw = append(packet(tb, 7, upVideo, 0, 0, false, vp8Frame(true)), make([]byte, 700)...)
	return a
}

// push brings a burst from the publisher.
func (a *audience) push() {
	a.now = a.now.Add(burstInterval)
	frame := uint32(a.seq) / (2 * burst) * 3000
	for range burst {
		a.raw[1] = upVideo
		if a.seq%(2*burst) == 2*burst-1 {
			a.raw[1] |= 0x80
		}
		a.raw[2], a.raw[3] = byte(a.seq>>8), byte(a.seq)
		a.raw[4], a.raw[5], a.raw[6], a.raw[7] = byte(frame>>24), byte(frame>>16), byte(frame>>8), byte(frame)
		a.raw[13] = 1 // no keyframe
		if a.seq%groupPackets < 2*burst {
			a.raw[13] = 0
		}
		if !a.pub.HandleRTP(a.now, a.raw) {
			a.tb.Fatalf("not taken: %+v", a.pub.Counts())
		}
		a.seq++
	}
}

// serve pulls for all subscribers and returns how many packets they get.
func (a *audience) serve(do func(*forwarder.OutPacket)) int {
	n := 0
	for _, s := range a.subs {
		a.out.Reset()
		s.Pull(a.now, &a.out)
		for i := range a.out.Packets {
			do(&a.out.Packets[i])
		}
		n += len(a.out.Packets)
	}
	return n
}

// BenchmarkStream200 is the cost per packet and subscriber of one stream with 200
// subscribers: Pull alone, and with what makes the wire's bytes.
func BenchmarkStream200(b *testing.B) {
	out := make([]byte, 4<<20) // more than a core's caches: batches move on, too
	at := 0
	buffer := func() []byte {
		if at += 1600; at+1600 > len(out) {
			at = 0
		}
		return out[at : at+1600]
	}
	for name, do := range map[string]func(*forwarder.OutPacket){
		"pull": func(*forwarder.OutPacket) {},
		"write": func(p *forwarder.OutPacket) {
			if _, err := p.MarshalTo(buffer()); err != nil {
				b.Fatal(err)
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			a := newAudience(b, 200)
			for range 300 {
				a.push()
				a.serve(do)
			}
			b.ReportAllocs()
			packets := 0
			for b.Loop() {
				a.push()
				packets += a.serve(do)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(packets), "ns/packet")
			if packets < b.N*200*burst*9/10 {
				b.Fatalf("%d packets in %d rounds", packets, b.N)
			}
		})
	}
}

// mostMemory bounds a session with audio and video: twice the entries of its sent
// maps at 2.5 Mbit/s, (128 + 512) × 6 B, 2 KB, and an estimator's 14 KB.
const mostMemory = 24 << 10

// TestMemoryOfASubscriber reports what a session with audio and video holds, and
// fails where that is several times what it was built to be.
func TestMemoryOfASubscriber(t *testing.T) {
	const n = 500
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	a := newAudience(t, n)
	held := func() uint64 {
		subs, with := a.subs, heap()
		a.subs = nil
		runtime.KeepAlive(subs)
		subs = nil
		without := heap()
		runtime.KeepAlive(a)
		return (with - without) / n
	}
	joined := held()
	a = newAudience(t, n)
	for range 300 {
		a.push()
		a.serve(func(*forwarder.OutPacket) {})
	}
	watching := held()
	t.Logf("a new subscriber: %d B, watching 2.5 Mbit/s: %d B", joined, watching)
	if joined > mostMemory || watching > mostMemory {
		t.Errorf("more than %d B", mostMemory)
	}
}
