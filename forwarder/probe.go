package forwarder

import "time"

// prober finds out whether the network carries more than is known, when more is wanted:
// for a short time it has padding sent beside the media, as much as makes up a bitrate,
// and looks at how that arrives.
//
// At the start each cluster goes further than the one before, until what is wanted fits or
// does not. Once the network was seen busy, a short cluster that makes no long queue looks
// first. Clusters in vain come less often; so do those after an estimate that they had
// raised did not hold. What is sent anyway tells for free when it is worth a try: bursts that
// arrive faster than the estimate.
type prober struct {
	want    float64
	starved bool // of what is wanted
	cluster probeCluster
	count   int   // clusters begun
	next    int64 // when the next may begin
	backoff int64 // time to it after one in vain
	busy    bool  // the network was seen busy
	follow  bool  // the next cluster is a longer one
	goal    float64
	again   int // times the last one was repeated because its result was doubtful

	raised   int64 // when a cluster raised the estimate; 0: not of late
	raisedTo float64
	failed   int // raised estimates that did not hold

	ahead, waited float64 // what was ahead of packets by the estimate, and how long they waited, ms
	hinted        bool    // the cluster is made because of that
	hints         int64   // when the next may be
	misled        int     // hints in a row that were wrong
}

const (
	probeFirstFactor = 3.0       // times the estimate, the first cluster
	probeFactor      = 2.0       // times the estimate, the others
	probeBeyond      = 1.05      // times what is wanted, at most
	probeWorth       = 1.03      // times the estimate, to be wanted at least
	followStep       = 1.1       // times what a short cluster found, and what it must find
	carried          = 0.87      // share of what is sent that arrives, where it fits
	yielded          = 0.67      // the same where others keep the queue long: 1/(1+½), what two get who share evenly
	probeShare       = 0.95      // of what arrives, where it does not fit
	muchDoubt        = 0.05      // of a result; more, and it may be repeated
	repeats          = 2         // at most
	raisedShare      = 0.96      // of a raised estimate that must hold
	heldShort        = 10e6      // µs it must hold
	heldAbrupt       = 2_500_000 // µs it must hold where less than abruptShare of it is left then: that is another network
	abruptShare      = 0.6
	heldLong         = 30e6      // µs after which earlier failures are forgotten
	failedMost       = 4         // failures that make clusters rarer, at most
	staleFactor      = 1.2       // times what is sent, to be wanted, where the estimate is checked
	staleTime        = 5_000_000 // µs after which it is
	gatedTime        = 50_000    // µs to the next look while there is a queue

	clusterTime = 100_000    // µs
	clusterMost = 800_000    // µs, at most
	longTime    = 150_000    // µs, of one that follows a short one
	shortQueued = 35_000     // µs that a short one may make the queue longer by
	shortBytes  = 6000       // that a short one has at least
	longBytes   = 14_000     // the same of a long one: of few packets, each as long as the queue that is looked for, no slope is told
	chunkTime   = 5_000      // µs between what is sent of a cluster, at least
	chunkBytes  = 200        // that is worth a packet
	fillTime    = 3_000_000  // µs of steady padding
	fillGain    = 1.05       // by how much that must raise a REMB to go on
	spreadTime  = 120_000    // µs that a burst must be spread over to tell of the network
	resultTime  = 500_000    // µs that feedback is waited for at least
	noiseTime   = 30_000.0   // µs of a long cluster for each ms of noise
	noiseShort  = 4_000.0    // the same of a short one
	probeFirst  = 1_500_000  // µs to the next cluster after one in vain, at first
	probeMost   = 4_000_000  // µs, at most
	probeRare   = 60_000_000 // µs, at most after failures

	hintBacklog = 10_000 / backlogUnit // that must be ahead of a packet to tell something
	hintLeast   = 60.0                 // ms of it
	hintShare   = 0.5                  // of the time that it should have waited
	hintFade    = 0.9                  // of both, from group to group
	hintAgain   = 2_000_000            // µs from a cluster in vain to the next hint, doubled by each wrong one
	hintMost    = 4                    // such doublings
)

// Probe returns how many bytes to send now beside all else, as padding or in packets
// that are sent again, to find out whether the network carries more; false if none. It
// is to be called at Deadline, and each packet sent for it goes to Sent. One that is not
// sent does no harm.
func (e *Estimator) Probe(now time.Time) (bytes int, ok bool) {
	e.step(now)
	c := &e.probe.cluster
	if c.running && e.now >= c.end {
		e.endCluster()
	}
	if !c.running {
		e.tryProbe()
	}
	if !c.running {
		return 0, false
	}
	c.asked = e.now
	due := int(c.bitrate/8*float64(e.now-c.start+chunkTime)/1e6) - c.sent
	return due, due >= chunkBytes
}

// due is when the next chunk is to be sent, at the latest when the cluster ends.
func (c *probeCluster) due() int64 {
	chunk := max(chunkBytes, c.bitrate/8*chunkTime/1e6)
	at := c.start - chunkTime + int64((float64(c.sent)+chunk)*8e6/c.bitrate) + 1
	return min(c.end, max(at, c.asked+chunkTime))
}

// Deadline returns when Probe is to be called next; zero: not before something else
// happens. Every other call may change it.
func (e *Estimator) Deadline() time.Time {
	p := &e.probe
	switch {
	case p.cluster.running:
		return e.at(max(p.cluster.due(), e.now))
	case !e.wanted():
		return time.Time{}
	case p.cluster.waiting:
		return e.at(max(e.patience(), e.now))
	}
	return e.at(max(p.next, e.now))
}

// patience is until when feedback on a cluster is waited for, where none comes at all.
func (e *Estimator) patience() int64 { return e.probe.cluster.end + resultTime + silentTime + 2*e.rtt }

// wanted tells whether more is wanted than is known to fit.
func (e *Estimator) wanted() bool {
	r, limit := e.bounded()
	if limit == LimitUnknown || e.probe.want < probeWorth*r && !e.stale() {
		return false
	}
	return e.hears() && limit != LimitReceiver || !e.hears() && limit == LimitReceiver
}

// stale tells whether what is wanted was never tried of late, though it is within the
// estimate: the network may have changed since.
func (e *Estimator) stale() bool {
	r := &e.rate
	return e.hears() && e.probe.want > staleFactor*r.sent && e.now-r.proven > staleTime
}

// tryProbe begins a cluster if it is time.
func (e *Estimator) tryProbe() {
	p := &e.probe
	if p.raised > 0 && e.now-p.raised > heldLong {
		p.failed, p.raised = 0, 0
	}
	if p.cluster.waiting && e.now >= e.patience() {
		e.conclude() // no feedback comes any more
	}
	if p.cluster.waiting || e.now < p.next || !e.wanted() {
		return
	}
	if e.silent() || e.queues() {
		p.next = e.now + gatedTime
		return
	}
	e.begin(!p.follow)
	p.follow = false
}

// queues tells whether there is a queue. That of a pause is gone when it had the time to go.
func (e *Estimator) queues() bool {
	gone := e.pauses() && float64(e.now-e.lastSent-pauseTime) > 1000*e.delay.queue
	return e.congested != congestionNone && !gone
}

// begin begins a cluster.
func (e *Estimator) begin(short bool) {
	p := &e.probe
	factor := probeFactor
	if p.count == 0 {
		factor = probeFirstFactor
	}
	goal := min(factor*e.rate.estimate, probeBeyond*p.want)
	if p.follow && p.goal > 0 {
		goal = min(goal, p.goal)
	}
	if p.goal = 0; goal <= 0 {
		return
	}
	p.count++
	check := goal < e.rate.estimate
	short = short && (p.busy || check)
	p.cluster = probeCluster{running: true, short: short, check: check, bitrate: goal, start: e.now, end: e.now + e.clusterTime(short, goal)}
	if m := e.remb(); m > 0 && !e.hears() {
		p.cluster.fill, p.cluster.short, p.cluster.end = true, false, e.now+fillTime
		p.cluster.bitrate = min(ackedFactor*m, probeBeyond*p.want)
		p.goal = m
	}
}

// clusterTime is how long a cluster takes.
func (e *Estimator) clusterTime(short bool, goal float64) int64 {
	p, d := &e.probe, float64(clusterTime)
	switch {
	case short:
		fits := min(e.rate.estimate, max(e.rate.acked, goal/2))
		d = shortQueued * fits / max(goal-fits, 1)
		d = max(min(d, clusterTime), shortBytes*8e6/goal, noiseShort*e.delay.noise)
	case p.busy:
		d = max(float64(int64(longTime)<<min(p.failed, 2)), noiseTime*e.delay.noise)
		if e.delay.saw.falls == 0 { // else what a longer one tells is of others
			d = max(d, longBytes*8e6/goal)
		}
	}
	return min(int64(d)<<p.again, clusterMost)
}

// endCluster ends the sending of a cluster.
func (e *Estimator) endCluster() {
	p := &e.probe
	c := &p.cluster
	c.running, c.waiting = false, c.sent > 0 && !c.fill
	switch {
	case c.fill && e.remb() > fillGain*p.goal:
		p.next, p.backoff, p.goal = e.now, probeMost, 0
	case c.fill:
		p.next, p.backoff, p.goal = e.now+p.backoff, min(max(2*p.backoff, probeMost), probeRare), 0
	case !c.waiting:
		p.rest(e.now)
	}
}

// rest makes no cluster for a while.
func (p *prober) rest(now int64) {
	p.again, p.hinted, p.next, p.hints = 0, false, now+probeMost, now+probeMost
}

// cancel ends a cluster whose result would tell nothing.
func (p *prober) cancel() { p.cluster.running, p.cluster.waiting = false, false }

// anticipate does not wait for all of a burst that a slow network spreads out, while
// nothing else is known.
func (e *Estimator) anticipate() {
	c := &e.probe.cluster
	if arrived, span := c.spread(); span >= spreadTime {
		c.waiting = false
		e.saturated(arrived)
	}
}

// conclude draws the conclusion from a cluster.
func (e *Estimator) conclude() {
	p := &e.probe
	c := &p.cluster
	c.waiting = false
	if !c.made() {
		p.rest(e.now) // there is nothing to send for it
		return
	}
	if !c.heard() {
		p.repeat(e.now)
		return
	}
	sent, arrived, doubt := c.result(e.delay.noise)
	arrived /= 1 - e.loss.inherent
	if e.delay.contended {
		arrived *= carried / yielded
	}
	e.rate.tried(sent, arrived, e.now)
	doubtful := doubt > muchDoubt && (carried-doubt)*sent < arrived && arrived < (carried+doubt)*sent
	switch {
	case doubtful && p.again < repeats:
		p.repeat(e.now)
	case c.check && arrived > carried*sent:
		e.rate.proven, p.next, p.again = e.now, e.now, 0
	case c.check && c.short:
		p.follow, p.next, p.goal = true, e.now, c.bitrate
	case c.check && c.gone > 0 && p.again == 0:
		p.repeat(e.now) // a burst of losses may have met it
	case c.check:
		p.again = 0
		e.cut(max(probeShare*arrived, mildStep*e.rate.acked), arrived, LimitDelay)
	case c.short && arrived > followStep*e.rate.estimate:
		p.follow, p.next, p.goal = true, e.now, followStep*arrived
	case arrived > carried*sent && e.delay.contended:
		e.carried(sent) // others will yield some more
	case arrived > carried*sent:
		e.carried(min(arrived, sent))
	default:
		e.saturated(arrived)
	}
}

// repeat has the cluster made again, longer, if it was not often enough.
func (p *prober) repeat(now int64) {
	if p.again >= repeats {
		p.rest(now)
		return
	}
	p.again++
	p.follow, p.next, p.goal = !p.cluster.short, now, p.cluster.bitrate
}

// carried takes that a bitrate fits.
func (e *Estimator) carried(bitrate float64) {
	p, r := &e.probe, &e.rate
	if bitrate > r.estimate || !r.known {
		if p.busy && bitrate > probeBeyond*r.estimate {
			p.raised, p.raisedTo = e.now, bitrate
		}
		e.set(max(bitrate, r.estimate))
		r.limit = LimitApplication
	}
	r.known, r.proven = true, e.now
	p.again, p.misled, p.hinted = 0, 0, false
	p.next, p.backoff = e.now, probeFirst
}

// saturated takes that no more than a bitrate arrived.
func (e *Estimator) saturated(bitrate float64) {
	p, r := &e.probe, &e.rate
	if target := probeShare * bitrate; !r.known || p.count == 1 || target > r.estimate && !p.cluster.short {
		e.set(target)
	}
	r.busy(max(bitrate, r.acked), e.now)
	r.known, r.limit, r.proven = true, LimitDelay, e.now
	p.busy, p.again = true, 0
	if p.hinted {
		p.misled = min(p.misled+1, hintMost)
	}
	p.hinted = false
	p.hints = e.now + int64(hintAgain)<<p.misled
	p.backoff = min(max(2*p.backoff, probeFirst), probeMost)
	p.next = e.now + p.backoff
	if p.failed > 0 {
		p.next = e.now + rarely(p.failed)
	}
}

// lowered is told that the estimate was lowered.
func (p *prober) lowered(now int64, to float64, contended bool) {
	p.busy, p.follow, p.hinted = true, false, false
	p.hints = max(p.hints, now+hintAgain)
	if !contended && p.raised > 0 && to < raisedShare*p.raisedTo && !p.held(now, to) {
		p.failed, p.raised = min(p.failed+1, failedMost), 0
	}
	p.backoff = probeFirst
	p.next = max(p.next, now+probeFirst)
	if p.failed > 0 {
		p.next = max(p.next, now+rarely(p.failed-1))
	}
}

// held tells whether a raised estimate, of which so much is left now, held long enough.
func (p *prober) held(now int64, to float64) bool {
	if to < abruptShare*p.raisedTo {
		return now-p.raised >= heldAbrupt
	}
	return now-p.raised >= heldShort
}

// rarely is the time between clusters after so many failures.
func rarely(failed int) int64 { return min(int64(probeMost)<<failed, probeRare) }

// compare brings the next cluster forward if packets waited much less than what was
// ahead of them: the network is faster than the estimate.
func (p *prober) compare(now int64) {
	free := p.ahead > hintLeast && p.waited < hintShare*p.ahead
	if free && now >= p.hints && now < p.next && p.failed == 0 && !p.cluster.running && !p.cluster.waiting {
		p.next, p.hinted = now, true
	}
	p.ahead *= hintFade
	p.waited *= hintFade
}

// receive takes a packet that was sent and arrived: with a delay, that is beyond the
// base by waited µs.
func (p *prober) receive(number uint64, packet *estimatedPacket, sent, at int64, delay, waited int32) {
	if packet.backlog > hintBacklog {
		p.ahead += float64(packet.backlog) * backlogUnit / 1000
		p.waited += float64(waited) / 1000
	}
	if p.cluster.covers(number) {
		p.cluster.receive(int(packet.size&packetSize), sent, at, delay)
	}
}

// lose takes a packet that is missing: it tells of no room.
func (p *prober) lose(number uint64, packet *estimatedPacket) {
	if packet.backlog > hintBacklog {
		p.waited += float64(packet.backlog) * backlogUnit / 1000
	}
	if p.cluster.covers(number) {
		p.cluster.gone += int(packet.size)
	}
}

// find takes back that a packet is missing.
func (p *prober) find(number uint64, packet *estimatedPacket) {
	if p.cluster.covers(number) {
		p.cluster.gone -= int(packet.size & packetSize)
	}
}
