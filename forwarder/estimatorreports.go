package forwarder

import "time"

// reportControl is what there is without transport-wide feedback: the receiver's own
// estimate, and what receiver reports say of loss.
type reportControl struct {
	remb   float64
	rembAt int64   // 0: never
	lossy  float64 // the estimate by loss in receiver reports; 0: none
	before float64 // the estimate before silence lowered it; 0: it did not
	limit  Limit   // the same of what bounded it
}

const (
	// feedbackLife is how long feedback counts, and a REMB: both come more than
	// once a second.
	feedbackLife = 10_000_000 // µs

	// silentTime without feedback while packets are sent halves the estimate, and
	// again each time it has passed.
	silentTime = 1_000_000 // µs

	// pauseTime without a packet is a pause: silence counts from its end.
	pauseTime = 500_000 // µs

	// Receiver reports of more than lossHigh lower the estimate by half of it, of
	// less than lossLow raise it by reportGrowth (draft-ietf-rmcat-gcc-02 §6). Of more
	// than lossMass, they lower it to what arrives at once.
	lossHigh     = 0.10
	lossMass     = 0.50
	lossLow      = 0.02
	reportGrowth = 1.08
	reportTime   = 1_000_000 // µs that what was sent is measured over
)

// hears tells whether there is transport-wide feedback. One that fell silent counts
// until something else says more.
func (e *Estimator) hears() bool {
	return e.heard > 0 && (e.now-e.heard < feedbackLife || e.remb() == 0)
}

// remb is the receiver's estimate; 0 if there is none of late.
func (e *Estimator) remb() float64 {
	if r := &e.reports; r.rembAt > 0 && e.now-r.rembAt < feedbackLife {
		return r.remb
	}
	return 0
}

// REMB takes the bitrate a receiver estimates, in bits per second: all there is where
// it sends no transport-wide feedback, else an upper bound
// (draft-alvestrand-rmcat-remb-03). It counts for ten seconds.
func (e *Estimator) REMB(now time.Time, bitrate int64) {
	e.step(now)
	e.reports.remb, e.reports.rembAt = float64(min(max(bitrate, e.cfg.Min), e.cfg.Max)), e.now
}

// Reception takes what a receiver report says: the fraction lost since the one before,
// in 1/256, and the round trip, 0 if unknown (RFC 3550 §6.4.1), believed up to longestRTT. It counts only where
// there is no transport-wide feedback: an estimate is then known once much was lost.
func (e *Estimator) Reception(now time.Time, fractionLost uint8, rtt time.Duration) {
	e.step(now)
	if e.hears() {
		return
	}
	if rtt > 0 {
		e.rtt = min(rtt, longestRTT).Microseconds()
	}
	r, loss := &e.reports, float64(fractionLost)/256
	switch sending := e.groups.sending(e.groups.count-1, reportTime); {
	case loss > lossMass && sending > 0:
		r.lower(sending*(1-loss), e.cfg.Min)
	case loss > lossHigh && sending > 0:
		r.lower(sending, e.cfg.Min)
		r.lower(r.lossy*(1-loss/2), e.cfg.Min)
	case loss < lossLow && r.lossy > 0:
		r.lossy = min(r.lossy*reportGrowth, float64(e.cfg.Max))
	}
}

// lower makes bitrate the estimate by loss, if that is higher or there is none.
func (r *reportControl) lower(bitrate float64, least int64) {
	if r.lossy == 0 || bitrate < r.lossy {
		r.lossy = max(bitrate, float64(least))
	}
}

// reported returns the estimate without transport-wide feedback, and what bounds it.
func (e *Estimator) reported() (float64, Limit) {
	m, l := e.remb(), e.reports.lossy
	switch {
	case m == 0 && l == 0:
		return 0, LimitUnknown
	case m == 0 || l > 0 && l < m:
		return l, LimitLoss
	}
	return m, LimitReceiver
}

// silent tells whether nothing is heard of what is sent. While nothing is sent, nothing can be:
// a probe ends that.
func (e *Estimator) silent() bool {
	long := e.reports.before > 0 || e.now-max(e.heard, e.resumed) > silentTime+e.rtt
	return e.hears() && !e.pauses() && long
}

// pauses tells whether nothing was sent for a while.
func (e *Estimator) pauses() bool { return e.now-e.lastSent > pauseTime }

// listen lowers the estimate when feedback does not come although packets are sent.
func (e *Estimator) listen() {
	if e.pauses() {
		e.resumed = e.now
	}
	e.lastSent = e.now
	if e.heard == 0 || e.now-max(e.heard, e.resumed) < silentTime+e.rtt {
		return
	}
	e.resumed = e.now // so that the next time counts from now
	if r := &e.reports; r.before == 0 {
		r.before, r.limit = e.rate.estimate, e.rate.limit
	}
	e.rate.limit = LimitSilence
	e.set(e.rate.estimate / 2)
	e.probe.cancel()
}

// hear notes that there is feedback. After a silence half of the estimate before holds
// until more is known, and a probe finds that out soon.
func (e *Estimator) hear() {
	e.heard = e.now
	if r := &e.reports; r.before > 0 {
		e.set(max(e.rate.estimate, r.before/2))
		e.probe.next, e.probe.backoff = e.now, probeFirst
		e.rate.limit = r.limit
		r.before = 0
	}
}
