package forwarder

import "math"

// delayTrend tells from the delays of groups whether a queue grows at the bottleneck.
//
// What a delay is compared with is the least of the last baseTime or two, which follows
// a receiver's clock that drifts. What the sent packets themselves explain, were the
// bottleneck as fast as the estimate, is subtracted: a keyframe or a probe is no
// congestion. Networks only ever add to a delay, so the least one of a group tells of
// the queue, whatever the jitter.
type delayTrend struct {
	origin    int64 // what delays are counted from, µs between the two clocks
	known     bool
	base      [2]int32 // least delay of this time and the one before, µs
	turn      int64    // when the next time begins
	last      int32    // delay seen last
	noise     float64  // mean deviation of groups' delays from a line, ms
	done      int      // groups evaluated
	queue     float64  // of the last group, ms
	usage     usage
	since     int64 // groups that were sent before tell of what was before: µs
	growth    float64
	over      int
	contended bool
	excess    float64
	cuts      int
	levelAt   float64
	level     int64 // since when the queue is long, µs; 0: it is not
}

type usage uint8

const (
	usageNormal usage = iota
	usageOver         // a queue grows, or is long and does not shrink
	usageHigh         // a queue is there
	usageVain
)

const (
	baseTime = 15_000_000 // µs

	// clockJump is how far delays jump only when the receiver's clock does.
	clockJump = 10_000_000 // µs

	growthLeast = 10.0 // ms that a queue must grow by to be told from noise
	levelLeast  = 40.0 // ms that a queue may stand for levelTime
	levelTime   = 1_000_000
	noiseFactor = 3.0
	trendGroups = 8
)

// delay takes when a packet was sent and arrived, each on its own clock, and returns its
// delay counted from the origin.
func (t *delayTrend) delay(sent, arrived int64) int32 {
	d := arrived - sent - t.origin
	if !t.known || d-int64(t.last) > clockJump || int64(t.last)-d > clockJump {
		t.known, t.origin, t.turn = true, arrived-sent, sent+baseTime
		t.base = [2]int32{0, math.MaxInt32}
		d = 0
	}
	if sent > t.turn {
		t.base, t.turn = [2]int32{int32(d), t.base[0]}, sent+baseTime
	}
	t.last = int32(d)
	t.base[0] = min(t.base[0], t.last)
	return t.last
}

func (t *delayTrend) least() int32 { return min(t.base[0], t.base[1]) }

// queueOf is the delay of a group beyond the base that its backlog does not explain, ms.
func (t *delayTrend) queueOf(p *packetGroup) float64 {
	return float64(max(0, p.low-t.least())) / 1000
}

// evaluate looks at the group at i, which is complete.
func (t *delayTrend) evaluate(g *packetGroups, i int) {
	p := g.at(i)
	t.usage = usageNormal
	if p.low == noDelay {
		return
	}
	t.trend(g, i)
	q := float64(max(0, p.raw-t.least())) / 1000
	t.rebase(g, i)
	limit := growthLeast + noiseFactor*t.noise
	if t.contended {
		limit += 0.15 * q
	} else {
		limit += 0.15 * max(0, q-t.excess)
	}
	long := levelLeast + noiseFactor*t.noise
	switch {
	case t.growth > limit:
		t.usage = usageOver
		t.level = 0
	case q > long && !t.contended:
		t.usage = usageHigh
		if t.level == 0 || q < t.levelAt-30-2*t.noise || p.start < t.since {
			t.level, t.levelAt = p.start, q
		}
		if p.start-t.level > levelTime {
			t.level, t.levelAt = p.start, q
			t.cuts++
			if t.cuts > 2 {
				t.contended, t.cuts = true, 0
				t.usage = usageVain
			} else {
				t.usage = usageOver
			}
		}
	case q > 15+noiseFactor*t.noise && !t.contended:
		t.level = 0
		t.usage = usageHigh
	default:
		t.level = 0
	}
	if q < 20+noiseFactor*t.noise {
		t.contended, t.cuts = false, 0
	}
	t.queue = q
}

// trend measures how much the queue grew, but for the greatest step.
func (t *delayTrend) trend(g *packetGroups, i int) {
	p := g.at(i)
	y := t.queueOf(p)
	low, biggest, last, count := y, 0.0, y, 1
	for j := i - 1; j >= g.oldest() && count < trendGroups; j-- {
		q := g.at(j)
		if q.low == noDelay {
			continue
		}
		v := t.queueOf(q)
		if count == 2 {
			t.noise += (min(math.Abs(y-2*last+v)/2, 20) - t.noise) / 16
		}
		if q.start < t.since || p.start-q.start > 2*trendGroups*groupTime {
			break
		}
		biggest = max(biggest, last-v)
		low = min(low, v)
		last = v
		count++
	}
	t.growth = y - low - biggest
	t.excess = y
}

// rebase finds a step of the delay that a change of route makes: all at once, and
// nothing is lost and nothing grows before and after.
func (t *delayTrend) rebase(g *packetGroups, i int) {
	const after = 5
	var v [2*after + 1]int32
	k := 0
	for j := i; j >= g.oldest() && k < len(v); j-- {
		q := g.at(j)
		if q.raw == noDelay {
			continue
		}
		if q.missing > 0 {
			return
		}
		v[k] = q.raw
		k++
	}
	if k < len(v) {
		return
	}
	least, most := v[0], v[0]
	for _, x := range v[:after] {
		least, most = min(least, x), max(most, x)
	}
	before := v[after]
	for _, x := range v[after:] {
		before = max(before, x)
	}
	// all groups before are under all behind
	step := least - before
	if step < 15_000 || most-least > step/3 {
		return
	}
	t.base[0] += step
	if t.base[1] != math.MaxInt32 {
		t.base[1] += step
	}
}
