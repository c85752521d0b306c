package forwarder

import "time"

// An audienceTold is how many subscribers a stream has in the whole cluster, as the origin said.
type audienceTold struct {
	n  int
	at time.Time
}

// Audience returns how many subscribers the publisher has on all nodes, as far as is known here: what the
// origin said lately, else those of this node and below it. It is safe for concurrent use.
func (p *Publisher) Audience(now time.Time) int {
	if t := p.audience.Load(); t != nil && now.Sub(t.at) <= linkSilence {
		return t.n
	}
	return p.audienceHere()
}

// audienceHere is how many subscribers this node and those below it have.
func (p *Publisher) audienceHere() int {
	if p.cfg.Audience == nil {
		return 0
	}
	return int(min(max(p.cfg.Audience.Load(), 0), maxAudience))
}

// Findings returns what Diagnose found last, for those who do not own the publisher; it
// must not be changed. It is safe for concurrent use.
func (p *Publisher) Findings() []Finding {
	if found := p.found.Load(); found != nil && !p.Ended() {
		return found.list
	}
	return nil
}

// findingsComing are those of a list that have come over a link. It is shown once it is whole.
type findingsComing struct {
	heard time.Time // when the origin said last which list holds
	holds uint32    // that
	n     int       // how many findings the list has; 0: none has come
	have  uint32    // those that have come, as bits
	list  [maxFindings]Finding
}

// whole takes what the origin says of the stream.
func (p *Publisher) whole(now time.Time, b []byte) {
	n, ok := readAudience(b)
	if !ok || len(b) < wholeBytes {
		p.counts.Malformed++
		return
	}
	p.audience.Store(&audienceTold{n, now})
	c := &p.coming
	c.heard = now
	if id := wholeID(b); id != c.holds {
		c.begin(id)
	}
	if c.holds == 0 {
		p.found.Store(nil)
	}
}

// begin waits for the findings of a list.
func (c *findingsComing) begin(id uint32) {
	*c = findingsComing{heard: c.heard, holds: id}
}

// finding takes one of the list that holds.
func (p *Publisher) finding(b []byte) {
	f, ok := readFinding(b)
	if !ok {
		p.counts.Malformed++
		return
	}
	c := &p.coming
	if shown := p.found.Load(); f.id != c.holds || f.id == 0 || shown != nil && shown.id == f.id {
		return
	}
	if f.n != c.n {
		c.begin(f.id)
		c.n = f.n
	}
	c.list[f.at] = f.Finding
	c.have |= 1 << f.at
	if c.have != 1<<c.n-1 {
		return
	}
	list := append([]Finding(nil), c.list[:c.n]...)
	c.begin(f.id)
	if codesRepeat(list) {
		p.counts.Malformed++
		return
	}
	p.found.Store(&foundList{f.id, list})
}

// codesRepeat tells whether two findings have one code.
func codesRepeat(list []Finding) bool {
	seen := map[string]bool{}
	for _, f := range list {
		if seen[f.Code] {
			return true
		}
		seen[f.Code] = true
	}
	return false
}

// diagnosed returns what the origin says is wrong, as long as it does say so.
func (p *Publisher) diagnosed(now time.Time) []Finding {
	if now.Sub(p.coming.heard) > linkSilence {
		p.coming.begin(0)
		p.found.Store(nil)
	}
	return p.Findings()
}
