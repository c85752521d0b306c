package forwarder

import (
	"slices"
	"time"
)

// A driftMeter follows how much later sound comes than the picture that belongs to it.
// The zero value is ready.
type driftMeter struct {
	audio, video *Encoding // that are compared; others, and it begins anew
	ends         time.Time // when the block that is being filled is full
	reported     bool      // both encodings have sender reports
	count        int       // of blocks filled
	blocks       [driftBlocks]apart
}

// apart is by how much sound is later than the picture: by arrival, where only changes
// mean something, and by sender reports.
type apart struct{ arrival, report time.Duration }

// A driftWindow is how many blocks must agree on a drift of at least so much a minute.
type driftWindow struct {
	blocks  int
	least   time.Duration
	arrival bool // sender reports do not excuse it
}

func driftWindows() [3]driftWindow {
	return [...]driftWindow{
		{blocks: 4, least: driftGross, arrival: true},
		{blocks: 20, least: driftFast},
		{blocks: driftBlocks, least: driftSlow},
	}
}

// add is called at each look, after both encodings were looked at.
func (m *driftMeter) add(now time.Time, audio, video *Encoding) {
	if audio != m.audio || video != m.video {
		*m = driftMeter{audio: audio, video: video}
	}
	if audio == nil || video == nil || now.Before(m.ends) {
		return
	}
	first := m.ends.IsZero() // what was measured before the two were compared is no block
	m.ends = now.Add(driftBlock)
	a, v := audio.facts.transit.take(), video.facts.transit.take()
	reported := a.report.any && v.report.any
	if !a.arrival.any || !v.arrival.any || reported != m.reported {
		m.count, m.reported = 0, reported
	}
	if first || !a.arrival.any || !v.arrival.any {
		return
	}
	m.blocks[m.count%driftBlocks] = apart{a.arrival.d - v.arrival.d, a.report.d - v.report.d}
	m.count++
}

// drift returns by how much a minute sound falls behind the picture, less than 0 if it
// runs ahead; 0 if the two keep together as far as can be told.
func (m *driftMeter) drift() time.Duration {
	for _, w := range driftWindows() {
		if d := m.over(w); d != 0 {
			return d
		}
	}
	return 0
}

// over compares the medians of a window's quarters. A drift moves all of them one way; a
// delay that changed once, the network's or a busy encoder's, moves one or two.
func (m *driftMeter) over(w driftWindow) time.Duration {
	if m.count < w.blocks {
		return 0
	}
	const quarters = 4
	n := w.blocks / quarters
	var medians [quarters]time.Duration
	for i := range medians {
		medians[i] = m.median(m.count-w.blocks+i*n, n, w.arrival)
	}
	step := (medians[quarters-1] - medians[0]) / (quarters - 1)
	for i := range quarters - 1 {
		if one := medians[i+1] - medians[i]; one < 0 != (step < 0) || one.Abs() < step.Abs()/2 {
			return 0
		}
	}
	minute := step * time.Duration(time.Minute/driftBlock) / time.Duration(n)
	if minute.Abs() < w.least {
		return 0
	}
	return minute
}

// offset returns by how much sound is later than the picture, by sender reports; 0
// where there are none, or too few.
func (m *driftMeter) offset() time.Duration {
	const blocks = 3
	if !m.reported || m.count < blocks {
		return 0
	}
	d := m.median(m.count-blocks, blocks, false)
	if d.Abs() > clockSkew {
		return 0 // not believed elsewhere either
	}
	return d
}

// median of n blocks, the given one first: by sender reports where there are any,
// unless arrival is asked for.
func (m *driftMeter) median(from, n int, arrival bool) time.Duration {
	var buf [driftBlocks]time.Duration
	list := buf[:0]
	for i := from; i < from+n; i++ {
		b := m.blocks[i%driftBlocks]
		if m.reported && !arrival {
			list = append(list, b.report)
		} else {
			list = append(list, b.arrival)
		}
	}
	slices.Sort(list)
	return list[n/2]
}

// transit is how late packets come, the least of some: by a clock that began with the
// encoding, and by the publisher's where its sender reports give one. What the network
// or the encoder delays only at times does not count.
type transit struct {
	origin  clockPoint
	arrival least
	report  least
}

// least is the smallest of some durations.
type least struct {
	d   time.Duration
	any bool
}

func (l *least) add(d time.Duration) {
	if !l.any || d < l.d {
		l.d, l.any = d, true
	}
}

func (t *transit) add(e *Encoding, p *Packet) {
	clock := e.format.Name.ClockRate()
	if t.origin.at.IsZero() {
		t.origin = clockPoint{p.At, p.Timestamp}
	}
	// It goes along with the packets, so that timestamps never wrap around it.
	t.origin = clockPoint{t.origin.timeOf(p.Timestamp, clock), p.Timestamp}
	t.arrival.add(p.At.Sub(t.origin.at))
	if c := e.clock.Load(); c != nil {
		t.report.add(p.At.Sub(c.timeOf(p.Timestamp, clock)))
	}
}

// take returns what was measured and begins anew.
func (t *transit) take() transit {
	taken := *t
	t.arrival, t.report = least{}, least{}
	return taken
}

// timeOf returns when, on our clock, an RTP timestamp near the point's was taken.
func (c *clockPoint) timeOf(timestamp, clock uint32) time.Time {
	return c.at.Add(duration(int32(timestamp-c.timestamp), clock))
}
