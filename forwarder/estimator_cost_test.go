package forwarder

import (
	"testing"
	"time"
	"unsafe"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// busyEstimator is one in the midst of 500 packets a second, with feedback each 100 ms
// that says of 50 packets when they arrived, two of them missing.
type busyEstimator struct {
	*Estimator
	now    time.Time
	number uint16
}

func newBusyEstimator() *busyEstimator {
	b := &busyEstimator{Estimator: NewEstimator(EstimatorConfig{}), now: time.Unix(0, 0)}
	b.Want(8_000_000)
	for range 100 {
		b.send()
		b.Feedback(b.now, b.feedback(0))
	}
	return b
}

const packetsAFeedback = 50

func (b *busyEstimator) send() {
	for range packetsAFeedback {
		b.now = b.now.Add(2 * time.Millisecond)
		b.Sent(b.now, b.number, 1200, false)
		b.number++
	}
}

// feedback is what a receiver says in 2 ms a packet of the last packets, or of those
// some feedbacks later.
func (b *busyEstimator) feedback(later int) []byte {
	times := make([]time.Duration, packetsAFeedback)
	at := b.now.Sub(time.Unix(0, 0)) + time.Duration(later)*packetsAFeedback*2*time.Millisecond
	for i := range times {
		times[i] = at + time.Duration(i)*2*time.Millisecond
	}
	times[20], times[33] = link.Missing, link.Missing
	return link.AppendFeedback(nil, 0, b.number-packetsAFeedback+uint16(later*packetsAFeedback), times)
}

func TestEstimatorDoesNotAllocate(t *testing.T) {
	b := newBusyEstimator()
	var bodies [][]byte
	for i := range 100 {
		bodies = append(bodies, b.feedback(1+i))
	}
	i := 0
	allocs := testing.AllocsPerRun(len(bodies)-1, func() {
		b.send()
		if !b.Feedback(b.now, bodies[i]) {
			t.Fatal("feedback was taken as malformed")
		}
		i++
		if bytes, ok := b.Probe(b.now); ok {
			_ = bytes
		}
		_, _, _ = b.Deadline(), b.Estimate(), b.Pace(50_000)
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations for %d packets", allocs, packetsAFeedback)
	}
}

// TestEstimatorIsSmall: there is one for each subscriber.
func TestEstimatorIsSmall(t *testing.T) {
	size := func(packets, groups uintptr) uintptr {
		return unsafe.Sizeof(Estimator{}) + packets*unsafe.Sizeof(estimatedPacket{}) + groups*unsafe.Sizeof(packetGroup{})
	}
	least, most := size(estimatedLeast, groupLeast), size(estimatedMost, groupMost)
	t.Logf("from %d to %d bytes", least, most)
	if least > 4<<10 || most > 40<<10 {
		t.Errorf("from %d to %d bytes", least, most)
	}
}

// TestMemoryOfSentPacketsIsBounded: however many wait for feedback, and it stays small
// where there is none.
func TestMemoryOfSentPacketsIsBounded(t *testing.T) {
	e := NewEstimator(EstimatorConfig{})
	now := time.Unix(0, 0)
	for i := range 200_000 {
		now = now.Add(time.Millisecond)
		e.Sent(now, uint16(i), 1200, false)
	}
	if n := len(e.sent.records); n > estimatedUnheard {
		t.Errorf("%d records without any feedback", n)
	}
	b := newBusyEstimator()
	for range 500_000 {
		b.now = b.now.Add(400 * time.Microsecond)
		b.Sent(b.now, b.number, 1200, false)
		b.number++
	}
	if n := len(b.sent.records); n != estimatedMost {
		t.Errorf("%d records though nothing was heard of for long", n)
	}
	if n := len(b.groups.ring); n != groupMost {
		t.Errorf("%d groups though nothing was heard of for long", n)
	}
}

func BenchmarkEstimatorSent(b *testing.B) {
	e := newBusyEstimator()
	b.ReportAllocs()
	for b.Loop() {
		e.now = e.now.Add(2 * time.Millisecond)
		e.Sent(e.now, e.number, 1200, false)
		e.number++
	}
}

// BenchmarkEstimatorFeedback is the cost of one packet that feedback reports; its Sent,
// which is measured with it, is another benchmark's.
func BenchmarkEstimatorFeedback(b *testing.B) {
	e := newBusyEstimator()
	var bodies [][]byte
	for i := range 1000 {
		bodies = append(bodies, e.feedback(1+i))
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += packetsAFeedback {
		if i/packetsAFeedback%len(bodies) == 0 && i > 0 {
			b.StopTimer()
			for j := range bodies {
				bodies[j] = e.feedback(1 + j)
			}
			b.StartTimer()
		}
		e.send()
		e.Feedback(e.now, bodies[i/packetsAFeedback%len(bodies)])
	}
}
