package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

var vp8 = codec.Format{Name: codec.VP8}

// source is a publisher that keeps what it was told.
type source struct {
	rtcp   int
	began  []bool // what it was told: whether it was a keyframe
	reason error
}

func (s *source) WriteRTCP([]byte) error { s.rtcp++; return nil }
func (s *source) RTT() time.Duration     { return 0 }
func (s *source) Began(b Beginning)      { s.began = append(s.began, b.Keyframe) }
func (s *source) Close(reason error)     { s.reason = reason }

// sink is a subscriber that keeps numbers. It is read after synctest.Wait.
type sink struct {
	seqs    []uint16
	skipped int
	full    bool
	began   []bool // see source
	reason  error
}

func (s *sink) WriteRTP(p *forwarder.OutPacket) error {
	if s.full {
		s.skipped++
		return ErrQueueFull
	}
	s.seqs = append(s.seqs, p.Seq)
	return nil
}
func (s *sink) WriteRTCP([]byte) error { return nil }
func (s *sink) Bind(Batch)             {}
func (s *sink) Began(b Beginning)      { s.began = append(s.began, b.Keyframe) }
func (s *sink) Close(reason error)     { s.reason = reason }

func publisherConfig() forwarder.PublisherConfig {
	return forwarder.PublisherConfig{Tracks: []forwarder.PublisherTrack{{
		Kind: codec.Video, MID: "0", Formats: map[uint8]codec.Format{96: vp8, 98: {Name: codec.VP9}}, PLI: true, NACK: true,
	}}}
}

func videoTrack() []forwarder.SubscriberTrack {
	return []forwarder.SubscriberTrack{{Kind: codec.Video, SSRC: 5, Formats: []forwarder.SubscriberFormat{{Format: vp8, PT: 100}}}}
}

// frame makes frame n as one packet; the pts of ten is a keyframe.
func frame(t testing.TB, pt uint8, n int) []byte {
	t.Helper()
	payload := append([]byte{0x10, 0x01, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01}, make([]byte, 200)...)
	if n%10 == 0 {
		payload[1] = 0
	}
	if pt == 98 {
		payload = []byte{0x0c, 0, 0} // VP9: begins and ends a frame that depends on none
	}
	b, err := (&rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: pt, SSRC: 9, SequenceNumber: uint16(n), Timestamp: uint32(n * 3000), Marker: true},
		Payload: payload,
	}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func publish(t *testing.T, r *Registry, name string) (*Claim, *Publication, *source) {
	t.Helper()
	c, err := r.Claim(context.Background(), name, "")
	if err != nil {
		t.Fatal(err)
	}
	src := &source{}
	p := c.Start(src, publisherConfig())
	if p == nil {
		t.Fatal("claim was lost")
	}
	return c, p, src
}

func subscribe(t *testing.T, r *Registry, name string) (*Subscription, *sink) {
	t.Helper()
	k := &sink{}
	s, err := r.Subscribe(name, k, videoTrack())
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	synctest.Wait()
	return s, k
}

// arrive pushes a packet that came alone.
func arrive(p *Publication, packet []byte) {
	p.PushRTP(packet, time.Now())
	p.stream.reg.Serve()
}

func play(t testing.TB, p *Publication, from, to int) {
	for n := from; n < to; n++ {
		arrive(p, frame(t, 96, n))
		time.Sleep(33 * time.Millisecond)
	}
}

func TestPublisherComesBackUnderTheSameSubscribers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		_, waiting := subscribe(t, r, "a") // before the publisher
		c, p, _ := publish(t, r, "a")
		play(t, p, 0, 50)
		_, late := subscribe(t, r, "a")
		play(t, p, 50, 100)
		c.Release()
		time.Sleep(5 * time.Second)
		_, p, _ = publish(t, r, "a")
		play(t, p, 30000, 30050)
		synctest.Wait()
		for name, k := range map[string]*sink{"waiting": waiting, "late": late} {
			for i := 1; i < len(k.seqs); i++ {
				if k.seqs[i] != k.seqs[i-1]+1 {
					t.Fatalf("%s: %d after %d", name, k.seqs[i], k.seqs[i-1])
				}
			}
		}
		if len(waiting.seqs) != 150 || len(late.seqs) != 110 {
			t.Errorf("%d and %d packets, want 150 and 110", len(waiting.seqs), len(late.seqs))
		}
	})
}

func TestAStalledSinkSkipsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		s, stalled := subscribe(t, r, "a")
		_, healthy := subscribe(t, r, "a")
		play(t, p, 0, 25)
		synctest.Wait()
		stalled.full = true
		play(t, p, 25, 45)
		synctest.Wait()
		stalled.full = false
		had := len(stalled.seqs)
		play(t, p, 45, 100)
		synctest.Wait()
		if len(healthy.seqs) != 100 {
			t.Errorf("the healthy subscriber got %d packets", len(healthy.seqs))
		}
		if got := len(stalled.seqs) - had; got != 50 {
			t.Errorf("after the stall %d packets came, want all from the keyframe at 50 on", got)
		}
		if skips := s.Counts().Video.Skips; skips == 0 || stalled.skipped > 20 {
			t.Errorf("%d skips, %d packets refused", skips, stalled.skipped)
		}
	})
}

func TestClaimRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		c1, err := r.Claim(context.Background(), "a", "alice")
		if err != nil {
			t.Fatal(err)
		}
		src := &source{}
		p := c1.Start(src, publisherConfig())
		play(t, p, 0, 100)
		if _, err := r.Claim(context.Background(), "a", "bob"); !errors.Is(err, ErrBusy) {
			t.Errorf("a live holder's name was given away: %v", err)
		}
		if _, err := r.Claim(context.Background(), "a", ""); !errors.Is(err, ErrBusy) {
			t.Errorf("no owner counted as the holder: %v", err)
		}
		time.Sleep(holderWindow)
		c2, err := r.Claim(context.Background(), "a", "bob")
		if err != nil {
			t.Fatalf("a dead holder keeps its name: %v", err)
		}
		if !errors.Is(src.reason, ErrReplaced) {
			t.Errorf("the dead holder was closed with %v", src.reason)
		}
		if _, err := r.Claim(context.Background(), "a", "carol"); !errors.Is(err, ErrBusy) {
			t.Errorf("two claims at once: %v", err)
		}
		c3, err := r.Claim(context.Background(), "a", "bob")
		if err != nil {
			t.Fatalf("the owner cannot take over: %v", err)
		}
		if c2.Start(&source{}, publisherConfig()) != nil {
			t.Error("a lost claim was started")
		}
		c1.Release()
		c2.Release()
		if c3.Start(&source{}, publisherConfig()) == nil {
			t.Error("others' releases ended a claim")
		}
		c3.Release()
		if n := r.Counts().Streams; n != 0 {
			t.Errorf("%d streams are left", n)
		}
	})
}

func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Takeover: true})
		defer r.Close()
		_, p1, src := publish(t, r, "a")
		_, k := subscribe(t, r, "a")
		play(t, p1, 0, 20)
		_, p2, _ := publish(t, r, "a")
		arrive(p1, frame(t, 96, 20)) // too late
		play(t, p2, 100, 120)
		synctest.Wait()
		if !errors.Is(src.reason, ErrReplaced) || len(k.seqs) != 40 {
			t.Errorf("closed with %v, %d packets", src.reason, len(k.seqs))
		}
	})
}

func TestASubscriberThatCannotReceiveTheCodecIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		_, k := subscribe(t, r, "a")
		for n := range 5 {
			arrive(p, frame(t, 98, n))
		}
		synctest.Wait()
		if !errors.Is(k.reason, ErrFormat) {
			t.Errorf("closed with %v", k.reason)
		}
	})
}

func TestBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{MaxSubscribers: 2, MaxNode: 3})
		defer r.Close()
		s, _ := subscribe(t, r, "a")
		subscribe(t, r, "a")
		if _, err := r.Subscribe("a", &sink{}, videoTrack()); !errors.Is(err, ErrFull) {
			t.Errorf("third of the stream: %v", err)
		}
		subscribe(t, r, "b")
		if _, err := r.Subscribe("c", &sink{}, videoTrack()); !errors.Is(err, ErrFull) {
			t.Errorf("fourth of the node: %v", err)
		}
		s.Close()
		s.Close()
		subscribe(t, r, "c")
		r.Close()
		if _, err := r.Claim(context.Background(), "d", ""); !errors.Is(err, ErrClosed) {
			t.Errorf("claim after Close: %v", err)
		}
		if _, err := r.Subscribe("d", &sink{}, videoTrack()); !errors.Is(err, ErrClosed) {
			t.Errorf("subscription after Close: %v", err)
		}
	})
}

func TestFeedbackIsDroppedAtTheBound(t *testing.T) {
	s := &shard{wake: make(chan struct{}, 1)} // without its goroutine
	for range maxFeedback + 7 {
		s.post(message{kind: feedback, sub: &Subscription{}})
	}
	s.post(message{kind: leave, sub: &Subscription{}})
	if len(s.box) != maxFeedback+1 || s.dropped.Load() != 7 {
		t.Errorf("%d messages kept, %d dropped", len(s.box), s.dropped.Load())
	}
}

// TestCyclesLeaveNothing runs in a bubble: a goroutine left over fails it.
func TestCyclesLeaveNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		for i := range 1000 {
			name := fmt.Sprint("s", i%7)
			c, p, _ := publish(t, r, name)
			s, k := subscribe(t, r, name)
			arrive(p, frame(t, 96, 0))
			synctest.Wait()
			if len(k.seqs) != 1 {
				t.Fatalf("cycle %d: %d packets", i, len(k.seqs))
			}
			if i%2 == 0 {
				s.Close()
				c.Release()
			} else {
				c.Release()
				s.Close()
			}
		}
		synctest.Wait()
		if c := r.Counts(); c.Streams != 0 || c.Subscribers != 0 || c.HistoryBytes != 0 {
			t.Errorf("left: %+v", c)
		}
		for _, sh := range r.shards {
			if len(sh.due) != 0 || len(sh.more) != 0 || sh.load.Load() != 0 {
				t.Errorf("shard: %d due, %d more, load %d", len(sh.due), len(sh.more), sh.load.Load())
			}
		}
		r.Close()
	})
}

// nullSink takes everything.
type nullSink struct{ n int }

func (s *nullSink) WriteRTP(*forwarder.OutPacket) error { s.n++; return nil }
func (s *nullSink) WriteRTCP([]byte) error              { return nil }
func (s *nullSink) Bind(Batch)                          {}
func (s *nullSink) Began(Beginning)                     {}
func (s *nullSink) Close(error)                         {}

// TestDeliveryDoesNotAllocate holds the whole pass of a shard to its budget: 0
// for each packet delivered.
func TestDeliveryDoesNotAllocate(t *testing.T) {
	const subscribers, frames = 50, 400
	r := NewRegistry(Config{Shards: 1})
	defer r.Close()
	_, p, _ := publish(t, r, "a")
	packets := make([][]byte, frames)
	for n := range packets {
		packets[n] = frame(t, 96, n)
	}
	for range subscribers {
		s, err := r.Subscribe("a", &nullSink{}, videoTrack())
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
	}
	await := func(what string, reached func() bool) {
		for deadline := time.Now().Add(20 * time.Second); !reached(); time.Sleep(100 * time.Microsecond) {
			if time.Now().After(deadline) {
				t.Fatal("waited in vain for ", what)
			}
		}
	}
	joined := r.streams["a"].members[0]
	await("joins", func() bool { return joined.count.Load() == subscribers })
	next := 0
	push := func(n int) {
		for range n {
			arrive(p, packets[next])
			next++
		}
		await("packets", func() bool { return r.Counts().PacketsOut == uint64(next*subscribers) })
	}
	push(1) // all begin with it
	push(299)
	a := testing.AllocsPerRun(3, func() { push(20) })
	if perPacket := a / (20 * subscribers); perPacket > 0.1 {
		t.Errorf("%.2f allocations per packet delivered (%v in all)", perPacket, a)
	}
}

// E28: B-frames are told to the operator, once, and to whoever asks about the stream.
func TestE28_BFramesAreWarnedOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		r := NewRegistry(Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		play(t, p, 0, 50)
		if log.Len() != 0 {
			t.Fatalf("warned of frames in order: %s", log.String())
		}
		for n := 50; n < 450; n += 2 { // each second frame is shown before the first
			later, earlier := frame(t, 96, n), frame(t, 96, n+1)
			copy(later[4:8], frame(t, 96, n+1)[4:8])
			copy(earlier[4:8], frame(t, 96, n)[4:8])
			arrive(p, later)
			arrive(p, earlier)
			time.Sleep(66 * time.Millisecond)
		}
		if n := strings.Count(log.String(), "code=b-frames"); n != 1 || r.Counts().Received.Reordered != 200 {
			t.Errorf("%d warnings, %d frames: %s", n, r.Counts().Received.Reordered, log.String())
		}
		info, _ := r.Lookup("a")
		if d := p.Diagnosis(); len(d) != 1 || d[0].Code != forwarder.FindingBFrames || !slices.Equal(d, info.Diagnosis) {
			t.Errorf("%v; of the stream %v", d, info.Diagnosis)
		}
		play(t, p, 450, 1200)
		if d := p.Diagnosis(); d != nil || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("after they ended %v: %s", d, log.String())
		}
	})
}

// TestBothEndsAreToldOnceWhenMediaBegins: not at the start, and not by what is no media.
func TestBothEndsAreToldOnceWhenMediaBegins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{})
		defer r.Close()
		_, p, src := publish(t, r, "a")
		_, k := subscribe(t, r, "a")
		arrive(p, []byte{0x80, 1})
		synctest.Wait()
		if src.began != nil || k.began != nil {
			t.Error("told before media came")
		}
		for seq := range 5 {
			play(t, p, seq, seq+1)
			synctest.Wait()
		}
		want := []bool{false, true} // VP8 begins with a keyframe
		if !slices.Equal(src.began, want) || !slices.Equal(k.began, want) {
			t.Errorf("publisher %v, subscriber %v", src.began, k.began)
		}
		if info, _ := r.Lookup("a"); info.Publication != 1 {
			t.Errorf("publication %d", info.Publication)
		}
	})
}
