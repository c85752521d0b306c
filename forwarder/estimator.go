package forwarder

import (
	"fmt"
	"time"
)

// EstimatorConfig bounds an [Estimator]. All bitrates are bits per second on the wire;
// a zero field has its default.
type EstimatorConfig struct {
	Start int64 // what is assumed at first; 0: 300 kbit/s
	Min   int64 // the least estimate; 0: 30 kbit/s
	Max   int64 // the greatest; 0: 50 Mbit/s
}

// Defaults of an EstimatorConfig. Sound fits the least; the greatest is more than any
// publisher sends.
const (
	startBitrate = 300_000
	leastBitrate = 30_000
	mostBitrate  = 50_000_000
)

// A Limit says what bounds an estimate.
type Limit uint8

// What may bound an estimate.
const (
	LimitUnknown     Limit = iota // nothing was measured yet
	LimitNone                     // the greatest estimate the configuration allows
	LimitApplication              // more was never sent, so that more is not known to fit
	LimitDelay                    // a queue grew where more was sent
	LimitLoss                     // packets were lost where more was sent
	LimitReceiver                 // the subscriber asked for no more (REMB)
	LimitSilence                  // nothing is heard of what is sent
)

// String returns the word for the limit.
func (l Limit) String() string {
	return [...]string{"unknown", "none", "application", "delay", "loss", "receiver", "silence"}[l]
}

// An Estimator says what a subscriber's network carries, from what was sent to it and
// what it reports. It is fed each packet sent and all feedback, and asked for an
// estimate; told what would be sent next, it finds out by probes whether that fits. It
// is pure: the time is an argument; of a time that steps back, the latest seen is
// taken. It is not safe for concurrent use.
//
// Delay tells of a queue that grows at the bottleneck, see delayTrend; loss of one that
// overflows, see lossModel; probes and all else that is sent faster than the estimate
// tell of room, see prober. What an application sends bounds what is learned, but an
// estimate does not fade because less is sent.
//
// Inside, points of time are µs since the first call and bitrates are float64.
type Estimator struct {
	cfg   EstimatorConfig
	epoch time.Time
	now   int64

	sent    estimatedSent
	groups  packetGroups
	arrival arrivalClock
	delay   delayTrend
	loss    lossModel
	rate    rateControl
	probe   prober
	run     busyRun
	reports reportControl

	backlog   float64 // bits ahead at a bottleneck a little faster than the estimate, at backlogAt
	backlogAt int64
	perBit    float64 // backlogUnits that a bit takes there
	perMicro  float64 // bits that leave it in a µs

	congested congestion // what the last group says
	highest   uint64     // number of the newest packet that arrived
	judged    int        // groups whose delay was looked at
	late      int        // groups back that packets still arrive out of order
	lateAt    int64      // when that was last seen
	told      bool       // feedback came, if only of packets that are forgotten
	heard     int64      // when feedback came last of what is remembered; 0: never
	resumed   int64      // when sending began after the last pause
	lastSent  int64
	rtt       int64 // of the newest feedback; 0: unknown
}

// NewEstimator returns an estimator that knows nothing yet.
func NewEstimator(cfg EstimatorConfig) *Estimator {
	if cfg.Min <= 0 {
		cfg.Min = leastBitrate
	}
	if cfg.Max <= 0 {
		cfg.Max = mostBitrate
	}
	if cfg.Start <= 0 {
		cfg.Start = startBitrate
	}
	cfg.Max = max(cfg.Max, cfg.Min)
	e := &Estimator{cfg: cfg}
	e.set(float64(cfg.Start))
	return e
}

// step takes the time. Point 0 stands for never, so that the first call is later.
func (e *Estimator) step(now time.Time) {
	if e.epoch.IsZero() {
		e.epoch = now.Add(-time.Millisecond)
	}
	e.now = max(e.now, int64(now.Sub(e.epoch)/time.Microsecond))
}

// at turns a point of time to one of the caller's clock.
func (e *Estimator) at(micros int64) time.Time {
	return e.epoch.Add(time.Duration(micros) * time.Microsecond)
}

// set makes bitrate the estimate, within the bounds.
func (e *Estimator) set(bitrate float64) {
	bitrate = min(max(bitrate, float64(e.cfg.Min)), float64(e.cfg.Max))
	e.rate.estimate = bitrate
	e.perMicro = backlogSpeed * bitrate / 1e6
	e.perBit = 1 / (e.perMicro * backlogUnit)
}

const (
	// backlogSpeed times the estimate is how fast the backlog of what is sent is
	// taken to leave: a little faster, so that an application that sends just the
	// estimate for long has none.
	backlogSpeed = 1.05

	// backlogMost bounds how much of a delay a backlog explains: a keyframe on a
	// narrow link. What sends more than the estimate for longer is congestion.
	backlogMost = 250_000 // µs

	// backlogKept bounds a backlog: what was sent beyond it was lost, or the
	// bottleneck was faster than the estimate then. It does not explain the
	// delays of minutes to come.
	backlogKept = 500_000 // µs
)

// Sent says that a packet was given to the network under a transport-wide number, in
// order of numbers; one that is left out was not sent. A number that is not above the
// last is passed over: the packet was sent again. Where none are negotiated, a count
// of the packets stands for them. size is bytes on the wire, IP and UDP headers
// included; probe says that the packet was sent because [Estimator.Probe] asked for it.
// Nothing is allocated but while the memory of sent packets grows to its bound.
func (e *Estimator) Sent(now time.Time, number uint16, size int, probe bool) {
	e.step(now)
	if size <= 0 {
		return
	}
	size = min(size, packetSize)
	bits := e.backlog - float64(e.now-e.backlogAt)*e.perMicro
	if bits < 0 {
		bits = 0
	}
	bits = min(bits+float64(size*8), backlogKept*e.perMicro)
	backlog := uint16(min(bits*e.perBit, backlogMost/backlogUnit))
	if !e.sent.put(number, estimatedPacket{uint32(e.now), backlog, uint16(size)}, e.told) {
		return
	}
	e.backlog, e.backlogAt = bits, e.now
	n := e.sent.next - 1
	first := e.groups.count == 0
	e.groups.add(n, e.now, size, probe, e.waiting())
	if first {
		e.begin(false)
	}
	if e.probe.cluster.running {
		e.probe.cluster.send(n, e.now, size)
	}
	e.listen()
}

// waiting is how many groups may still be heard of.
func (e *Estimator) waiting() int {
	if e.heard == 0 {
		return 0
	}
	return e.groups.count - e.judged
}

// NotSent says that the packet last told to Sent under a number did not leave after all.
func (e *Estimator) NotSent(number uint16) {
	n, ok := e.sent.extend(number)
	p := e.sent.get(n)
	if !ok || p == nil || p.size&^packetSize != 0 {
		return
	}
	if g := e.groups.find(n); g != nil {
		g.sent -= uint32(p.size)
	}
	if c := &e.probe.cluster; c.covers(n) {
		c.sent -= int(p.size)
	}
	*p = estimatedPacket{}
}

// Resent says that a packet was asked for again and sent again under its number. It counts
// as missing if nothing was heard of it; when it arrives tells no delay, since it is not
// known which of the two did, and the second is late by more than a round trip.
func (e *Estimator) Resent(number uint16) {
	n, ok := e.sent.extend(number)
	p := e.sent.get(n)
	if !ok || p == nil || p.size&packetArrived != 0 {
		return
	}
	e.missing(n)
	*p = estimatedPacket{}
}

// Want says what would be sent next if the network carried it, all of the session, in
// bits per second on the wire; 0: nothing more than now. While it is above the
// estimate, probes are made for it.
func (e *Estimator) Want(bitrate int64) { e.probe.want = float64(min(bitrate, e.cfg.Max)) }

// Starved says whether no more is sent than must be, since what is wanted does not fit. The
// estimate then falls little by little, since so little fills no queue but others' do, and
// probes for what is wanted do not become rare, however many were in vain.
func (e *Estimator) Starved(starved bool) {
	p := &e.probe
	if p.starved = starved; starved {
		p.failed, p.next = 0, min(p.next, e.now+probeMost)
	}
}

// Estimate returns what the network carries, in bits per second on the wire, within
// the configuration's bounds; 0 while it is unknown. While a queue is long that what
// is sent does not explain, it is less than that, so that the queue gets shorter.
func (e *Estimator) Estimate() int64 {
	r, limit := e.bounded()
	if limit == LimitUnknown {
		return 0
	}
	return int64(min(max(r, float64(e.cfg.Min)), float64(e.cfg.Max)))
}

// Lasting returns what the network carries in the longer run, in bits per second: the estimate,
// or more where that was just lowered so that a queue gets shorter. What is sent already, and takes
// no more than this, need not be given up.
func (e *Estimator) Lasting() int64 {
	r := &e.rate
	since := e.now - r.carriedAt
	if r.carriedAt == 0 || since > lastingTime || !e.hears() {
		return e.Estimate()
	}
	carried := r.carried
	if since > ackedTime {
		carried = max(carried, r.acked) // all of it since then
	}
	return max(e.Estimate(), int64(min(fullShare*carried, float64(e.cfg.Max))))
}

// Awaits tells whether nothing was heard of what is sent, and may still be: on a long way, or
// behind a long queue, it takes its time.
func (e *Estimator) Awaits() bool {
	_, limit := e.bounded()
	return limit == LimitUnknown && !e.told && e.now-e.resumed < awaitTime
}

// awaitTime is how long something is sent without any feedback until none is expected any more.
const awaitTime = 5_000_000 // µs

// Limit says what bounds the estimate.
func (e *Estimator) Limit() Limit {
	_, limit := e.bounded()
	return limit
}

// bounded returns the estimate by all that is known, and what bounds it.
func (e *Estimator) bounded() (float64, Limit) {
	if !e.hears() {
		return e.reported()
	}
	if !e.rate.known {
		return 0, LimitUnknown
	}
	r, limit := e.rate.estimate*e.delay.drain(), e.rate.limit
	if m := e.remb(); m > 0 && m <= r {
		return m, LimitReceiver
	}
	if e.rate.estimate >= float64(e.cfg.Max) {
		limit = LimitNone
	}
	return r, limit
}

// Pace returns the bitrate at which packets should leave, in bits per second, so that
// a keyframe of the given bytes does not flood the network; 0: there is nothing to
// wait for. It is for [Pacer.Set].
func (e *Estimator) Pace(keyframe int) int64 {
	r, limit := e.bounded()
	switch limit {
	case LimitUnknown, LimitNone:
		return 0
	case LimitApplication:
		return int64(max(paceFactor*r, float64(keyframe)*8/keyframeTime.Seconds()))
	}
	return int64(paceFactor * r)
}

const (
	// paceFactor times the estimate is the pace: well above it, since what is late
	// is as bad as a queue in the network.
	paceFactor = 2.5

	// keyframeTime is what a keyframe takes at most where nothing is known to be
	// too much.
	keyframeTime = 40 * time.Millisecond
)

// EstimatorState is what an estimator knows, for those who look on.
type EstimatorState struct {
	Estimate  int64 // bits per second; 0: unknown
	Limit     Limit
	Acked     int64         // bits per second that arrived in about the last second
	Capacity  int64         // bits per second that the network carried when it was last seen busy; 0: never
	Queue     time.Duration // at the bottleneck, beyond the least delay of late
	Growth    time.Duration // of the queue, over the last groups
	Loss      float64       // of the last interval, 0 to 1
	Inherent  float64       // what of it does not depend on what is sent
	Contended bool          // others keep the queue long: to send less makes no difference
	Probing   bool
}

// State returns what the estimator knows.
func (e *Estimator) State() EstimatorState {
	return EstimatorState{
		Estimate: e.Estimate(), Limit: e.Limit(),
		Acked: int64(e.rate.acked), Capacity: int64(e.rate.capacity),
		Queue: millis(e.delay.queue), Growth: millis(e.delay.growth),
		Loss: e.loss.recent, Inherent: e.loss.inherent,
		Contended: e.delay.contended, Probing: e.probe.cluster.running,
	}
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// String returns the state in a line.
func (s EstimatorState) String() string {
	return fmt.Sprintf("estimate=%dk limit=%v acked=%dk capacity=%dk queue=%v growth=%v loss=%.3f inherent=%.3f contended=%v probing=%v",
		s.Estimate/1000, s.Limit, s.Acked/1000, s.Capacity/1000, s.Queue.Round(time.Millisecond), s.Growth.Round(time.Millisecond),
		s.Loss, s.Inherent, s.Contended, s.Probing)
}
