package forwarder

import "math"

// A probeCluster is packets sent at a rate to see whether they arrive at it.
type probeCluster struct {
	rate                float64
	start, end          int64 // µs
	first, last         uint64
	running             bool
	waiting             bool // for feedback, from the cluster's end on
	short               bool
	sent                int // bytes
	lastSent            int64
	lastSize            int
	firstSent           int64
	here                int // bytes
	gone                int
	firstSize           int
	arrived             int64
	lastArrived         int64
	packets             int
	thirds              [3]int32
	early               int
	n, x, y, xx, xy, yy float64
}

type prober struct {
	want         float64
	c            probeCluster
	next         int64
	backoff      int64
	starts       int
	fails        int
	raised       int64
	raisedTo     float64
	carried      bool // a short cluster was
	busy         bool // the link was seen busy
	sendR, recvR float64
	again        int
	goal         float64
	hintQ, hintB float64
	hintAt       int64
	hinted       bool
	hintFails    int
}

const (
	probeTime    = 100_000 // µs
	probeLong    = 150_000
	probeQueue   = 35_000 // µs that a short cluster may make a queue longer by
	probeLeast   = 7200   // bytes
	probeFirst   = 1_500_000
	probeMost    = 6_000_000
	probeWorth   = 1.03
	probeCarried = 0.87
)

func (c *probeCluster) covers(n uint64) bool {
	return (c.running || c.waiting) && n >= c.first && n <= c.last
}

func (c *probeCluster) note(n uint64, now int64, size int) {
	if c.sent == 0 {
		c.first, c.firstSent = n, now
	}
	c.last = n
	c.sent += size
	if now-c.lastSent > 1000 {
		c.lastSize = 0
	}
	c.lastSent = now
	c.lastSize += size
	c.packets++
	if now-c.start < (c.end-c.start)/3 {
		c.early += size
	}
}

func (c *probeCluster) heard(sent, at int64, d int32, size int) {
	if c.here == 0 {
		c.arrived, c.lastArrived = at, at
		c.firstSize = size
		c.thirds = [3]int32{noDelay, noDelay, noDelay}
	}
	c.here += size
	c.lastArrived = max(c.lastArrived, at)
	x, y := float64(sent-c.start), float64(d)
	c.n++
	c.x += x
	c.y += y
	c.xx += x * x
	c.xy += x * y
	c.yy += y * y
	k := min(2, max(0, (sent-c.start)*3/max(1, c.end-c.start)))
	c.thirds[k] = min(c.thirds[k], d)
}

// result returns what was sent and what arrived
func (c *probeCluster) result(noise float64) (send, recv, doubt float64) {
	send = float64((c.sent-c.lastSize)*8) / float64(max(c.lastSent-c.firstSent, 10_000)) * 1e6
	recv = float64((c.here-c.firstSize)*8) / float64(max(c.lastArrived-c.arrived, 10_000)) * 1e6
	if float64(c.early*8) > 1.5*c.rate*float64(c.end-c.start)/3e6 {
		return send, recv, 0
	}
	slope := 0.0
	if v := c.n*c.xx - c.x*c.x; v > 0 {
		b := (c.n*c.xy - c.x*c.y) / v
		rest := c.yy - c.y*c.y/c.n - b*b*v/c.n
		doubt = math.Sqrt(max(0, rest) / max(1, c.n-2) / (v / c.n))
		slope = max(0, b)
	}
	t := &c.thirds
	if t[1] != noDelay && t[2] != noDelay {
		third := float64(c.end-c.start) / 3
		slope = max(slope, (float64(t[2]-t[1])-1000*noiseFactor*noise)/third)
	}
	lost := float64(c.gone) / float64(c.gone+c.here)
	return send, send / (1 + slope) * (1 - lost), doubt
}

// begin starts a cluster
func (e *Estimator) startProbe(short bool) {
	p := &e.probe
	goal := 2 * e.rate.estimate
	if p.starts == 0 {
		goal = 3 * e.rate.estimate
	}
	goal = min(goal, 1.05*p.want)
	if p.carried && p.goal > 0 {
		goal = min(goal, p.goal)
	}
	p.goal = 0
	if goal <= 0 {
		return
	}
	p.starts++
	d := float64(probeTime)
	if p.busy {
		d = float64(int64(probeLong) << min(p.fails, 2))
		d = max(d, 30*e.delay.noise*1000)
		if short {
			d = probeQueue * e.rate.estimate / max(goal-e.rate.estimate, 1)
			d = max(min(d, probeTime), probeLeast*8e6/goal, 4*e.delay.noise*1000)
		}
	}
	d *= float64(int(1) << p.again)
	p.c = probeCluster{rate: goal, start: e.now, end: e.now + int64(d), running: true, short: short && p.busy}
}

func (e *Estimator) concluded() {
	p := &e.probe
	c := p.c
	p.c.waiting = false
	if (c.here+c.gone)*2 < c.sent && p.again < 2 {
		p.again++
		p.carried, p.next = true, e.now
		return
	}
	if c.here <= c.firstSize {
		p.next = e.now + probeMost
		return
	}
	send, recv, doubt := c.result(e.delay.noise)
	r := recv / (1 - e.loss.inherent)
	p.sendR, p.recvR = send, r
	carried := probeCarried
	if e.delay.contended {
		carried = 0.75
		r = r / carried * probeCarried
	}
	if lo, hi := (probeCarried-doubt)*send, (probeCarried+2*doubt)*send; doubt > 0.05 && p.again < 2 && r > lo-doubt*send && r < hi-doubt*send {
		p.again++
		p.carried, p.next = true, e.now
		return
	}
	if c.short && r > 1.1*e.rate.estimate {
		p.carried, p.next, p.goal = true, e.now, 1.1*r
		return
	}
	if r > probeCarried*send {
		if m := min(r, send); m > e.rate.estimate || !e.rate.known {
			if m > 1.05*e.rate.estimate && p.busy {
				p.raised, p.raisedTo = e.now, m
			}
			e.setRate(max(m, e.rate.estimate))
			e.rate.limit = LimitApplication
		}
		e.rate.known = true
		p.again = 0
		p.hinted, p.hintFails = false, 0
		p.next = e.now
		p.backoff = probeFirst
		return
	}
	p.again = 0
	p.busy = true
	if m := 0.95 * r; !c.short && m > e.rate.estimate || !e.rate.known {
		e.setRate(m)
	}
	e.rate.busy(r, e.now)
	e.rate.known = true
	e.rate.limit = LimitDelay
	if p.hinted {
		p.hintFails = min(p.hintFails+1, 4)
	}
	p.hintAt = e.now + int64(2_000_000)<<p.hintFails
	p.hinted = false
	p.backoff = min(max(2*p.backoff, probeFirst), probeMost)
	p.next = e.now + p.backoff
	if p.fails > 0 {
		p.next = e.now + min(int64(probeMost)<<p.fails, 60_000_000)
	}
}

// lowered is called on each decrease.
func (p *prober) lowered(now int64, to float64, contended bool) {
	p.busy = true
	p.carried, p.hinted = false, false
	p.hintAt = max(p.hintAt, now+2_000_000)
	if !contended && p.raised > 0 && now-p.raised < 10_000_000 && to < 0.9*p.raisedTo {
		p.fails = min(p.fails+1, 4)
		p.raised = 0
	}
	p.backoff = probeFirst
	p.next = max(p.next, now+probeFirst)
	if p.fails > 0 {
		p.next = max(p.next, now+min(int64(probeMost)<<(p.fails-1), 60_000_000))
	}
}

// hint brings the next cluster forward when what was sent shows that the link got faster.
func (p *prober) hint(now int64) {
	if !p.c.running && !p.c.waiting && now >= p.hintAt && p.hintB > 60 && p.hintQ < 0.5*p.hintB && p.next > now && p.fails == 0 {
		p.next, p.hinted = now, true
	}
	p.hintB *= 0.9
	p.hintQ *= 0.9
}

// due decides whether a cluster begins now.
func (e *Estimator) probeDue() {
	p := &e.probe
	if p.raised > 0 && e.now-p.raised > 30_000_000 {
		p.fails, p.raised = 0, 0
	}
	if p.c.running || p.c.waiting || !e.rate.known || e.now < p.next || e.delay.usage != usageNormal {
		return
	}
	if p.want < probeWorth*e.rate.estimate {
		return
	}
	e.startProbe(!p.carried)
	p.carried = false
}

var _ = math.Abs
