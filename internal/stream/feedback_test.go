package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtcp"

	"github.com/whippet-media/whippet/forwarder"
)

// countingBatch counts flushes, and what is written between them.
type countingBatch struct{ flushes, held, most int }

func (b *countingBatch) Flush() { b.flushes, b.held = b.flushes+1, 0 }

// heldSink writes to a countingBatch.
type heldSink struct {
	sink
	batch *countingBatch
}

func (s *heldSink) Bind(b Batch) { s.batch = b.(*countingBatch) } //nolint:forcetypeassert // the test's own
func (s *heldSink) WriteRTP(p *forwarder.OutPacket) error {
	s.batch.held++
	s.batch.most = max(s.batch.most, s.batch.held)
	return s.sink.WriteRTP(p)
}

// What arrived together leaves together, after Serve and not before.
func TestWhatArrivesTogetherLeavesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b countingBatch
		r := NewRegistry(Config{Shards: 1, NewBatch: func() Batch { return &b }})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		k := &heldSink{}
		s, err := r.Subscribe("a", k, videoTrack())
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		play(t, p, 0, 1)
		synctest.Wait()
		b.most = 0
		for n := 1; n < 5; n++ {
			p.PushRTP(frame(t, 96, n), time.Now())
		}
		synctest.Wait()
		if b.most != 0 {
			t.Fatalf("%d packets written before Serve", b.most)
		}
		before := b.flushes
		r.Serve()
		synctest.Wait()
		if b.most != 4 || b.flushes != before+1 || b.held != 0 {
			t.Errorf("%d packets in the largest of %d batches, %d held back", b.most, b.flushes-before, b.held)
		}
		r.Serve() // nothing new
		synctest.Wait()
		if b.flushes != before+1 {
			t.Error("woken for nothing")
		}
	})
}

// A report waits for the shard to wake by itself, if that is soon; a NACK does not.
func TestReportsDoNotWakeAShardThatWakesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry(Config{Shards: 1})
		defer r.Close()
		_, p, _ := publish(t, r, "a")
		s, _ := subscribe(t, r, "a")
		play(t, p, 0, 30)
		send := func(packet rtcp.Packet) {
			b, err := packet.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			s.PushRTCP(b)
			r.Serve()
			synctest.Wait()
		}
		sh := r.shards[0]
		waiting := func() int {
			sh.mu.Lock()
			defer sh.mu.Unlock()
			return len(sh.box)
		}
		report := &rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: 5}}}
		nack := &rtcp.TransportLayerNack{MediaSSRC: 5, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{1})}

		for time.Until(time.Unix(0, sh.sleepsUntil.Load())) > feedbackPatience {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		send(report)
		if waiting() != 1 {
			t.Fatal("a report woke the shard that was about to wake")
		}
		send(nack)
		if waiting() != 0 {
			t.Fatal("a NACK waits")
		}
		for time.Until(time.Unix(0, sh.sleepsUntil.Load())) <= feedbackPatience {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		send(nack)
		send(report)
		if waiting() != 1 {
			t.Fatal("a report made a pass right behind another one")
		}
		for !sh.quiet(time.Now()) {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		send(report)
		if waiting() != 0 {
			t.Fatal("a report waits for a shard that sleeps long")
		}
	})
}
