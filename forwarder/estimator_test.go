package forwarder_test

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// onPath returns a path with an estimator on it.
func onPath(cfg link.Config) (*forwarder.Estimator, *path) {
	e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
	return e, newPath(e, cfg)
}

// near tells whether v is within a share of want.
func near(v int64, want, share float64) bool {
	return float64(v) > want*(1-share) && float64(v) < want*(1+share)
}

func TestEstimateIsUnknownUntilFeedback(t *testing.T) {
	e, p := onPath(link.Config{Delay: []link.Shift{{Delay: 2 * time.Second}}})
	p.run(&constant{bitrate: 500_000, want: 1_000_000}, 1900*ms, nil)
	if got := e.Estimate(); got != 0 || e.Limit() != forwarder.LimitUnknown || e.Pace(100_000) != 0 {
		t.Errorf("before any feedback: %v, pace %d", e.State(), e.Pace(100_000))
	}
	p.run(&constant{bitrate: 500_000, want: 1_000_000}, time.Second, nil)
	if got := e.Estimate(); got == 0 || e.Limit() == forwarder.LimitUnknown {
		t.Errorf("with feedback: %v", e.State())
	}
}

// TestALongWayIsHeardOf: also where more packets are on their way from the first on than are
// remembered without feedback.
func TestALongWayIsHeardOf(t *testing.T) {
	e, p := onPath(link.Config{Delay: []link.Shift{{Delay: 300 * time.Millisecond}}, Back: 300 * time.Millisecond})
	p.run(&constant{bitrate: 10_000_000, want: 10_000_000}, 5*time.Second, nil)
	if got := e.Estimate(); got < 8_000_000 {
		t.Errorf("after 5 s at 10 Mbit/s: %v", e.State())
	}
}

// TestFeedbackIsAwaited for a while, where none came yet.
func TestFeedbackIsAwaited(t *testing.T) {
	e, p := onPath(link.Config{Delay: []link.Shift{{Delay: time.Second}}})
	p.run(&constant{bitrate: 100_000}, 900*ms, nil)
	if !e.Awaits() {
		t.Error("not before it can have come")
	}
	p.run(&constant{bitrate: 100_000, frame: p.now}, 300*ms, nil)
	if e.Awaits() {
		t.Error("still when it came")
	}
	e, p = onPath(link.Config{Delay: []link.Shift{{Delay: time.Minute}}})
	e.Probe(p.clock())
	p.now = 10 * time.Second // nobody published
	p.run(&constant{bitrate: 100_000, frame: p.now}, time.Second, nil)
	if !e.Awaits() {
		t.Error("not where sending has just begun")
	}
	p.run(&constant{bitrate: 100_000, frame: p.now}, 5*time.Second, nil)
	if e.Awaits() {
		t.Error("for ever")
	}
}

// TestStartRamp: what a link carries is found within two seconds, whatever that is,
// and a narrow one is not flooded for long.
func TestStartRamp(t *testing.T) {
	for _, bitrate := range []int64{150_000, 600_000, 1_500_000, 4_000_000, 10_000_000} {
		e, p := onPath(over(func(c *link.Config) { c.Capacity = always(bitrate) }))
		flooded := time.Duration(0)
		p.each = func() {
			if p.link.Queued(p.now) > 150*ms {
				flooded += ms
			}
		}
		p.run(&constant{bitrate: 100_000, want: 8_000_000}, 2*time.Second, nil)
		want := min(float64(bitrate), 8_000_000)
		if got := e.Estimate(); !near(got, want, 0.25) {
			t.Errorf("of %d bit/s after 2 s: %v", bitrate, e.State())
		}
		if flooded > 700*ms {
			t.Errorf("a link of %d bit/s was flooded for %v", bitrate, flooded)
		}
	}
}

// TestAnApplicationThatSendsLittleKeepsItsEstimate: it neither fades nor grows.
func TestAnApplicationThatSendsLittleKeepsItsEstimate(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = always(4_000_000) }))
	p.run(&constant{bitrate: 500_000, want: 2_000_000}, 5*time.Second, nil)
	before := e.Estimate()
	if !near(before, 2_000_000, 0.1) {
		t.Fatalf("2 Mbit/s were wanted: %v", e.State())
	}
	p.run(&constant{bitrate: 60_000}, 2*time.Minute, nil)
	if got := e.Estimate(); got != before || e.Limit() != forwarder.LimitApplication {
		t.Errorf("after two minutes of little: %d, was %d, %v", got, before, e.State())
	}
}

// TestLittleSentProvesLittle: without probes an estimate stays near what was sent.
func TestLittleSentProvesLittle(t *testing.T) {
	e, p := onPath(over(func(*link.Config) {}))
	p.run(&constant{bitrate: 400_000}, 2*time.Minute, nil)
	if got := e.Estimate(); got < 400_000 || got > 700_000 {
		t.Errorf("of 400 kbit/s sent: %v", e.State())
	}
	if p.asked > 0 {
		t.Errorf("probes asked for %d bytes though nothing more was wanted", p.asked)
	}
}

// TestProbesAreBounded: while more is wanted than fits, little is spent to find that out,
// ever less often than the backoff allows.
func TestProbesAreBounded(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = always(1_000_000) }))
	p.run(&constant{bitrate: 500_000, want: 1_600_000}, 10*time.Second, nil)
	before, most, since := p.asked, 0, p.asked
	p.each = func() {
		if !e.State().Probing {
			since = p.asked
		}
		most = max(most, p.asked-since)
	}
	p.run(&constant{bitrate: 500_000, want: 1_600_000}, time.Minute, nil)
	if all := p.asked - before; all < 50_000 || all > 200_000 {
		t.Errorf("%d bytes were asked for in a minute", all)
	}
	if most > 20_000 {
		t.Errorf("%d bytes were asked for in one cluster", most)
	}
}

// TestNothingToSendForAProbe: where nothing can be sent for probes, they are asked for
// rarely, and Deadline never makes its caller spin.
func TestNothingToSendForAProbe(t *testing.T) {
	e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
	p := newPath(silent{e}, over(func(*link.Config) {}))
	calls := 0
	p.each = func() {
		for range 10 { // at one time
			if d := e.Deadline(); d.IsZero() || d.After(p.clock()) {
				return
			}
			calls++
			e.Probe(p.clock())
		}
		t.Fatalf("Deadline stays at %v", p.now)
	}
	p.run(&constant{bitrate: 500_000, want: 5_000_000}, time.Minute, nil)
	if calls > 60*25 {
		t.Errorf("%d calls of Probe in a minute", calls)
	}
}

// silent is an estimator whose path sends nothing for probes.
type silent struct{ *forwarder.Estimator }

func (silent) Deadline() (none time.Time) { return none }

func TestSilenceHalvesTheEstimate(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = always(4_000_000) }))
	src := &constant{bitrate: 1_000_000, want: 2_000_000}
	p.run(src, 5*time.Second, nil)
	before := e.Estimate()
	p.next = p.now + 3500*ms // no feedback until then
	p.run(src, 3500*ms, nil)
	if got := e.Estimate(); got > before/3 || got < before/20 {
		t.Errorf("after 3.5 s of silence %d, was %d", got, before)
	}
	if pad := p.padding; pad > 0 {
		p.padding = 0
		p.next = p.now + time.Second
		p.run(src, 900*ms, nil)
		if p.padding > 0 {
			t.Errorf("%d bytes of probes into the silence", p.padding)
		}
	}
	p.run(src, 3*time.Second, nil)
	if got := e.Estimate(); !near(got, float64(before), 0.15) {
		t.Errorf("3 s after it ended %d, was %d: %v", got, before, e.State())
	}
}

// TestAPauseIsNoSilence: who sends nothing gets no feedback.
func TestAPauseIsNoSilence(t *testing.T) {
	e, p := onPath(over(func(*link.Config) {}))
	p.run(&constant{bitrate: 1_000_000, want: 2_000_000}, 5*time.Second, nil)
	before := e.Estimate()
	p.est.Want(0)
	p.run(nil, time.Minute, nil)
	p.run(&constant{bitrate: 1_000_000, frame: p.now}, 5*time.Second, nil)
	if got := e.Estimate(); got < before {
		t.Errorf("after a pause of a minute %d, was %d", got, before)
	}
}

// TestALatePacketIsNotLost: what feedback calls missing and then arrived counts as arrived.
func TestALatePacketIsNotLost(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Jitter, c.Reorder = 80*ms, true }))
	p.interval = 20 * ms
	worst := 0.0
	p.each = func() {
		if p.now > time.Second { // how late they come is not known at first
			worst = max(worst, e.State().Loss)
		}
	}
	p.run(&constant{bitrate: 2_000_000}, 30*time.Second, nil)
	if worst > 0 {
		t.Errorf("loss of %.3f where nothing is lost", worst)
	}
}

// twice tells of each packet once more, as one that is sent again under its number.
type twice struct{ *forwarder.Estimator }

func (e twice) Sent(now time.Time, number uint16, size int, probe bool) {
	e.Estimator.Sent(now, number, size, probe)
	e.Estimator.Sent(now, number, size, probe)
}

func TestANumberCountsOnce(t *testing.T) {
	var states []forwarder.EstimatorState
	for _, again := range []bool{false, true} {
		e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
		p := newPath(e, over(func(c *link.Config) { c.Capacity = always(2_000_000) }))
		if again {
			p.est = twice{e}
		}
		p.run(&constant{bitrate: 1_000_000, want: 3_000_000}, 5*time.Second, nil)
		states = append(states, e.State())
	}
	if states[0] != states[1] {
		t.Errorf("numbers told twice make a difference:\n%v\n%v", states[0], states[1])
	}
}

// TestAResendTellsNoDelay: a packet that is sent again under its number arrives late, and the
// line is not slower for that. Those who are not told take it for a queue.
func TestAResendTellsNoDelay(t *testing.T) {
	if before, after := resends((*forwarder.Estimator).Resent); after.Estimate < before || after.Loss == 0 {
		t.Errorf("the estimate was %d and is %v", before, after)
	}
	if before, after := resends(func(*forwarder.Estimator, uint16) {}); after.Estimate >= before {
		t.Errorf("who is not told keeps %v, it was %d: this shows nothing", after, before)
	}
}

// resends sends a packet each 60 ms, which is a group, over a line of 20 ms. Of the last 40
// each eighth is lost and arrives 200 ms late, sent again. It returns the estimate before
// them and the state after.
func resends(resent func(e *forwarder.Estimator, number uint16)) (before int64, after forwarder.EstimatorState) {
	const interval, way, again = 60 * ms, 20 * ms, 200 * ms
	e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
	lost := func(i int) bool { return i >= 40 && i%8 == 0 }
	begin := time.Unix(1_000_000, 0)
	for i := range 80 {
		at := time.Duration(i) * interval
		if i == 40 {
			before = e.Estimate()
		}
		if k, late := i-4, at-4*interval+again; lost(k) {
			e.Feedback(begin.Add(late+way), aboutOne(k, late))
		}
		e.Sent(begin.Add(at), uint16(i), 1000, false)
		if !lost(i) {
			e.Feedback(begin.Add(at+2*way), aboutOne(i, at+way))
			continue
		}
		e.Feedback(begin.Add(at+2*way), aboutOne(i, 0))
		resent(e, uint16(i))
	}
	return before, e.State()
}

// aboutOne is the body of transport-wide feedback about one packet; at 0 it did not arrive.
func aboutOne(number int, at time.Duration) []byte {
	body := binary.BigEndian.AppendUint16(make([]byte, 8), uint16(number))
	if body = append(body, 0, 1, 0, 0, 0, 0); at == 0 {
		return append(body, 0, 1) // a run of one that is not here
	}
	body = append(body, 2<<5, 1) // a run of one with a large delta
	return binary.BigEndian.AppendUint16(body, uint16(at/(250*time.Microsecond)))
}

func TestLossIsSeen(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Loss = 0.1 }))
	p.run(&constant{bitrate: 2_000_000}, 30*time.Second, nil)
	if s := e.State(); s.Inherent < 0.05 || s.Inherent > 0.15 || s.Limit == forwarder.LimitLoss {
		t.Errorf("of 10 %% that is there anyway: %v", s)
	}
}

// TestPolicerLimits: a link that drops what is too much without any queue is told from
// one that loses anyway.
func TestPolicerLimits(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) {
		c.Capacity, c.Queue, c.Bucket = steps(20*time.Second, 4_000_000, 1_000_000), ms, 16_000
	}))
	src := newElastic()
	p.run(src, 20*time.Second, nil)
	p.run(src, 10*time.Second, nil)
	if got := e.Estimate(); got < 400_000 || got > 1_500_000 {
		t.Errorf("1 Mbit/s without a queue: %v", e.State())
	}
}

// TestMassLossIsBelievedAtOnce: where nearly all is lost all the time, what arrives is all
// that the network carries, whether a queue shows it or not.
func TestMassLossIsBelievedAtOnce(t *testing.T) {
	for name, cfg := range map[string]link.Config{"policed": {Queue: ms, Bucket: 4000}, "short queue": {Queue: 25 * ms}} {
		for _, capacity := range []int64{100_000, 300_000} {
			e, p := onPath(over(func(c *link.Config) {
				c.Capacity, c.Queue, c.Bucket = steps(10*time.Second, 4_000_000, capacity), cfg.Queue, cfg.Bucket
			}))
			p.run(&constant{bitrate: 1_500_000}, 10*time.Second, nil)
			if before := e.Estimate(); before < 1_200_000 {
				t.Errorf("%s: %d before", name, before)
			}
			p.run(&constant{bitrate: 1_500_000, frame: p.now}, time.Second, nil)
			if got := e.Estimate(); !near(got, float64(capacity), 0.5) {
				t.Errorf("%s: %d kbit/s, a second later the estimate is %v", name, capacity/1000, e.State())
			}
		}
	}
}

// TestWaitForAFullQueue: after a long queue lowered the estimate, nothing should be sent
// until it is half as long; that is known well enough.
func TestWaitForAFullQueue(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = steps(10*time.Second, 4_000_000, 400_000) }))
	p.run(&constant{bitrate: 1_500_000}, 10*time.Second, nil)
	if wait := e.Wait(p.clock()); wait != 0 {
		t.Errorf("a wait of %v where there is no queue", wait)
	}
	before, src := e.Estimate(), &constant{bitrate: 1_500_000, frame: p.now}
	for e.Estimate() > before/2 && p.now < 12*time.Second {
		p.run(src, ms, nil)
	}
	p.run(nil, 20*ms, nil)
	wait, half := e.Wait(p.clock()), p.link.Queued(p.now)-150*ms
	if wait < half-60*ms || wait > half+90*ms {
		t.Errorf("a wait of %v, the queue is half as long in %v", wait, half)
	}
	p.run(nil, wait+ms, nil)
	if wait := e.Wait(p.clock()); wait != 0 {
		t.Errorf("a wait of %v more", wait)
	}
}

// TestBurstsAreNoMassLoss: nor is an outage; both end.
func TestBurstsAreNoMassLoss(t *testing.T) {
	for _, b := range []link.Bursts{
		{Every: 3 * time.Second, Length: 200 * ms, Loss: 0.5},
		{Every: 3 * time.Second, Length: 200 * ms, Loss: 1},
	} {
		e, p := onPath(over(func(c *link.Config) { c.Bursts = b }))
		src := &constant{bitrate: 1_500_000}
		p.run(src, 5*time.Second, nil)
		before, low := e.Estimate(), 0
		p.each = func() {
			if e.Estimate() < before/3 {
				low++
			}
		}
		p.run(src, 5*time.Minute, nil)
		if low > 3000 {
			t.Errorf("%.0f %% lost in bursts: for %v of five minutes less than a third of %d", 100*b.Loss, time.Duration(low)*ms, before)
		}
	}
}

// TestOthersQueuesAreTold: where a greedy flow fills and empties a queue, who sends little
// keeps its estimate. When the flow ends, that is forgotten.
func TestOthersQueuesAreTold(t *testing.T) {
	for _, queue := range []time.Duration{60 * ms, 300 * ms} {
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity, c.Queue, c.Others = always(4_000_000), queue, []link.Traffic{{Start: 5 * time.Second, End: 40 * time.Second}}
		}))
		src := &constant{bitrate: 600_000, want: 1_200_000}
		p.run(src, 20*time.Second, nil)
		told, low := 0, 0
		p.each = func() {
			if e.State().Contended {
				told++
			}
			if e.Estimate() < 600_000 {
				low++
			}
		}
		p.run(src, 20*time.Second, nil)
		if told < 10_000 || low > 1000 {
			t.Errorf("a queue of %v: told of others for %v of 20 s, for %v the estimate was below what is sent", queue, time.Duration(told)*ms, time.Duration(low)*ms)
		}
		p.run(src, 12*time.Second, nil)
		if s := e.State(); s.Contended {
			t.Errorf("a queue of %v: 12 s after the others ended: %v", queue, s)
		}
	}
}

// TestSoundMakesNoQueue: where hardly anything is sent and a queue stays long, it is others',
// unless no more than that was ever carried.
func TestSoundMakesNoQueue(t *testing.T) {
	for before, want := range map[float64]bool{1_500_000: true, 200_000: false} {
		e, p := onPath(over(func(c *link.Config) {
			c.Capacity, c.Queue, c.Others = always(4_000_000), 2*time.Second, []link.Traffic{{Start: 10 * time.Second}}
		}))
		p.run(&constant{bitrate: before}, 12*time.Second, nil)
		src, low := &constant{bitrate: 65_000, frame: p.now}, 0
		p.each = func() {
			if e.Estimate() < 200_000 {
				low++
			}
		}
		p.run(src, 15*time.Second, nil)
		if got := low < 6000; got != want {
			t.Errorf("after %.0f kbit/s, 65 beside a greedy flow: for %v of 15 s less than 200 is believed", before/1000, time.Duration(low)*ms)
		}
	}
}

// TestOwnQueuesAreNotOthers: an encoder that follows the estimate makes queues that come
// and go, and so does a network that stalls.
func TestOwnQueuesAreNotOthers(t *testing.T) {
	for name, cfg := range map[string]link.Config{
		"2 Mbit/s":      over(func(c *link.Config) { c.Capacity = always(2_000_000) }),
		"4, 1, 4, 1":    over(func(c *link.Config) { c.Capacity = steps(5*time.Second, 4e6, 1e6, 4e6, 1e6) }),
		"queue of 25ms": over(func(c *link.Config) { c.Capacity, c.Queue = always(1_000_000), 25*ms }),
	} {
		e, p := onPath(cfg)
		told := 0
		p.each = func() {
			if e.State().Contended {
				told++
			}
		}
		p.run(newElastic(), time.Minute, nil)
		if told > 3000 {
			t.Errorf("%s: told of others for %v of a minute", name, time.Duration(told)*ms)
		}
	}
}

// TestClockOfTheReceiverJumps: delays across the jump say nothing.
func TestClockOfTheReceiverJumps(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		e, p := onPath(over(func(c *link.Config) { c.Capacity = always(4_000_000) }))
		src := &constant{bitrate: 1_000_000, want: 2_000_000}
		p.run(src, 5*time.Second, nil)
		before := e.Estimate()
		p.recv.Offset += 2 * by
		least := before
		p.each = func() { least = min(least, e.Estimate()) }
		p.run(src, 10*time.Second, nil)
		if least < before*8/10 {
			t.Errorf("the receiver's clock jumped by %v, the estimate to %d from %d", by, least, before)
		}
	}
}

// TestREMBWhereThereIsNothingElse: it is the estimate, while it is fresh; padding
// makes receivers raise it.
func TestREMBWhereThereIsNothingElse(t *testing.T) {
	e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
	now, number, estimate, sent, padding := start, uint16(0), 400_000.0, 0, 0
	step := func(bitrate int) {
		for i := range 10 {
			now = now.Add(20 * ms)
			e.Sent(now, number, bitrate/8/50, false)
			number++
			sent += bitrate / 8 / 50
			if d := e.Deadline(); i%2 == 0 && !d.IsZero() && !d.After(now) {
				if n, ok := e.Probe(now); ok {
					e.Sent(now, number, n, true)
					number, sent, padding = number+1, sent+n, padding+n
				}
			}
		}
		if e.Feedback(now, nil) {
			t.Fatal("no feedback was taken for some")
		}
		// As receivers do: 8 % more a second, but not over 1.5 times what came.
		estimate = max(estimate, min(estimate*1.016, 1.5*float64(sent*8*5)))
		sent = 0
		e.REMB(now, int64(estimate))
	}
	step(300_000)
	if got := e.Estimate(); got != int64(estimate) || e.Limit() != forwarder.LimitReceiver {
		t.Errorf("a REMB of %.0f makes an estimate of %d, limit %v", estimate, got, e.Limit())
	}
	for range 300 {
		step(300_000)
	}
	if padding > 0 || e.Estimate() > 450_000 {
		t.Errorf("without a wish: %d bytes of padding, estimate %d", padding, e.Estimate())
	}
	e.Want(1_000_000)
	for range 300 {
		step(300_000)
	}
	if got := e.Estimate(); got < 900_000 {
		t.Errorf("a minute after 1 Mbit/s was wanted, the estimate is %d, padding %d", got, padding)
	}
	if e.REMB(now, 1); e.Estimate() != 30_000 {
		t.Errorf("a REMB of nearly nothing makes %d", e.Estimate())
	}
	e.Sent(now.Add(11*time.Second), number, 100, false)
	if got := e.Estimate(); got != 0 {
		t.Errorf("11 s after the last REMB it is still %d", got)
	}
}

// TestREMBBoundsTheEstimate: where there is transport-wide feedback too.
func TestREMBBoundsTheEstimate(t *testing.T) {
	e, p := onPath(over(func(*link.Config) {}))
	p.run(&constant{bitrate: 1_000_000, want: 2_000_000}, 5*time.Second, nil)
	e.REMB(p.clock(), 700_000)
	if e.Estimate() != 700_000 || e.Limit() != forwarder.LimitReceiver {
		t.Errorf("the receiver asked for 700 kbit/s at most: %v", e.State())
	}
	padding := p.padding
	p.run(&constant{bitrate: 1_000_000, want: 2_000_000, frame: p.now}, 5*time.Second, nil)
	if p.padding > padding {
		t.Error("probes for more than the receiver wants")
	}
	p.run(&constant{bitrate: 1_000_000, want: 2_000_000, frame: p.now}, 6*time.Second, nil)
	if e.Estimate() < 1_500_000 {
		t.Errorf("ten seconds later it counts no more: %v", e.State())
	}
}

// TestReceptionWhereThereIsNothingElse: nothing is known until much is lost; then the
// estimate falls, and rises as long as nothing is.
func TestReceptionWhereThereIsNothingElse(t *testing.T) {
	e := forwarder.NewEstimator(forwarder.EstimatorConfig{})
	now, number := start, uint16(0)
	second := func(lost float64) int64 {
		for range 50 {
			now = now.Add(20 * ms)
			e.Sent(now, number, 2500, false) // 1 Mbit/s
			number++
		}
		e.Reception(now, uint8(lost*256), 50*ms)
		return e.Estimate()
	}
	for range 10 {
		if got := second(0.05); got != 0 {
			t.Fatalf("with a loss of 5 %%: %d", got)
		}
	}
	first := second(0.3)
	if !near(first, 850_000, 0.03) || e.Limit() != forwarder.LimitLoss {
		t.Errorf("1 Mbit/s sent with a loss of 30 %%: %d, limit %v", first, e.Limit())
	}
	if got := second(0.05); got != first {
		t.Errorf("with a loss of 5 %% it went from %d to %d", first, got)
	}
	if got := second(0.3); got >= first*9/10 {
		t.Errorf("with a loss of 30 %% it went from %d to %d", first, got)
	}
	for range 5 {
		second(0)
	}
	if got := e.Estimate(); got < 1_000_000 {
		t.Errorf("after 5 s without loss: %d", got)
	}
	if got := second(0.9); !near(got, 100_000, 0.05) {
		t.Errorf("1 Mbit/s sent with a loss of 90 %%: %d", got)
	}
}

// TestPace: a keyframe takes at most 40 ms unless delay or loss bound the estimate.
func TestPace(t *testing.T) {
	e, p := onPath(over(func(c *link.Config) { c.Capacity = steps(10*time.Second, 4_000_000, 1_000_000) }))
	src := newElastic()
	src.most = 1_500_000
	p.run(src, 9*time.Second, nil)
	if took := 100_000 * 8 / float64(e.Pace(100_000)); e.Limit() != forwarder.LimitApplication || took > 0.0401 {
		t.Errorf("%v: 100 kB take %.3f s", e.State(), took)
	}
	if got := e.Pace(0); !near(got, 2.5*float64(e.Estimate()), 0.001) {
		t.Errorf("%v: a pace of %d", e.State(), got)
	}
	p.run(src, 3*time.Second, nil)
	if got := e.Pace(100_000); e.Limit() != forwarder.LimitDelay || !near(got, 2.5*float64(e.Estimate()), 0.001) {
		t.Errorf("%v: a pace of %d", e.State(), got)
	}
}

// TestNotSent: what did not leave is neither lost nor on its way.
func TestNotSent(t *testing.T) {
	e, p := onPath(over(func(*link.Config) {}))
	src := &constant{bitrate: 1_000_000}
	p.each = func() {
		if p.now%(50*ms) == 0 { // every third packet or so
			e.Sent(p.clock(), p.number, 1200, false)
			e.NotSent(p.number)
			p.number++
		}
	}
	p.run(src, 20*time.Second, nil)
	s := e.State()
	if s.Loss > 0 || s.Inherent > 0.001 || s.Acked > 1_150_000 {
		t.Errorf("packets that did not leave count: %v", s)
	}
	e.NotSent(p.number) // which was never told of
	e.NotSent(p.number - 2000)
}

func TestLimitsHaveWords(t *testing.T) {
	for l := forwarder.LimitUnknown; l <= forwarder.LimitSilence; l++ {
		if fmt.Sprint(l) == "" {
			t.Errorf("limit %d has none", l)
		}
	}
}

// TestEstimatorHoldsWhateverComes: no order of calls, however absurd, makes it panic or
// leave its bounds; probes are bounded and do not lie in the past.
func TestEstimatorHoldsWhateverComes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		const least, most = 100_000, 5_000_000
		e := forwarder.NewEstimator(forwarder.EstimatorConfig{Min: least, Max: most})
		now, number := start, rapid.Uint16().Draw(r, "first")
		recv := link.Receiver{}
		for range rapid.IntRange(1, 400).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "op") {
			default:
				for range rapid.IntRange(1, 40).Draw(r, "packets") {
					now = now.Add(time.Duration(rapid.IntRange(0, 30_000).Draw(r, "gap")) * time.Microsecond)
					number += uint16(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 0, -3, 3000, 40_000}).Draw(r, "step"))
					e.Sent(now, number, rapid.IntRange(-1, 70_000).Draw(r, "size"), rapid.Bool().Draw(r, "probe"))
					if rapid.IntRange(0, 9).Draw(r, "arrives") > 0 {
						recv.Receive(number, now.Sub(start)+time.Duration(rapid.IntRange(0, 200).Draw(r, "delay"))*ms)
					}
				}
			case 4, 5:
				e.Feedback(now, recv.Feedback(nil))
			case 6:
				e.Feedback(now, rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(r, "body"))
			case 7:
				e.REMB(now, rapid.Int64().Draw(r, "bitrate"))
				e.Reception(now, rapid.Uint8().Draw(r, "lost"), time.Duration(rapid.Int64().Draw(r, "rtt")))
			case 8:
				e.Want(rapid.Int64Range(-1, 1<<40).Draw(r, "want"))
				e.NotSent(number - uint16(rapid.IntRange(0, 2).Draw(r, "back")))
			case 9:
				now = now.Add(time.Duration(rapid.IntRange(-5_000, 20_000).Draw(r, "pause")) * ms)
			}
			if bytes, ok := e.Probe(now); ok && (bytes <= 0 || bytes > 10_000_000) {
				r.Fatalf("a probe of %d bytes", bytes)
			}
			if d := e.Deadline(); !d.IsZero() && !d.After(now) {
				r.Fatalf("after Probe the deadline is %v ago", now.Sub(d))
			}
			if got := e.Estimate(); got != 0 && (got < least || got > most) {
				r.Fatalf("an estimate of %d", got)
			}
			if s := e.State(); s.Inherent < 0 || s.Inherent > 1 || s.Loss < 0 || s.Loss > 1 || e.Pace(100_000) < 0 {
				r.Fatalf("a state of %v", s)
			}
		}
	})
}

// TestABurstAtTheStartIsNoBitrate: what a keyframe arrives at on an open link, over a few
// milliseconds, must not make all that is sent later seem too little to fill a queue.
func TestABurstAtTheStartIsNoBitrate(t *testing.T) {
	est, p := onPath(link.Config{Capacity: []link.Step{{Bitrate: 200_000_000}, {At: 3 * time.Second, Bitrate: 600_000}}})
	p.run(&constant{bitrate: 20_000_000}, 80*ms, nil)
	p.run(&constant{bitrate: 1_000_000, frame: p.now}, 3*time.Second, nil)
	p.run(&constant{bitrate: 1_000_000, frame: p.now}, 2700*ms, nil)
	if s := est.State(); !near(s.Estimate, 600_000, 0.25) {
		t.Errorf("%v, want about 600 kbit/s", s)
	}
}
