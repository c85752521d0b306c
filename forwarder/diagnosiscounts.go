package forwarder

import (
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// totals are what a publisher's streams add up to since they began.
type totals struct {
	expected int64 // numbers up to the highest
	lost     int64 // of them, before repair
	left     int64 // of video's, after repair: a lost piece of sound is soon forgotten
	taken    int64 // packets
	stray    int64 // packets of no track
}

func (p *Publisher) totals() totals {
	t := totals{taken: int64(p.counts.Packets), stray: int64(p.counts.Unknown)}
	for _, s := range p.order {
		if s.enc == nil || !s.rec.started {
			continue
		}
		expected := int64(s.rec.highest - s.rec.base + 1)
		lost := expected - int64(s.rec.received)
		t.expected += expected
		t.lost += lost
		if s.track.Kind == codec.Video {
			t.left += lost
		}
	}
	t.left -= int64(p.counts.Repaired)
	t.lost -= int64(p.counts.Duplicates) // late and not lost: its repair was faster
	return t
}

// A countMeter measures shares of packets, window by window. Packets that are on their
// way look lost, so of all looks in a window that with the least losses counts. The zero
// value is ready.
type countMeter struct {
	ends  time.Time // of the window
	least totals    // at the window's begin, with the least of lost and left since
	base  totals    // the same of the window before, and what was expected at its end
	ready bool      // base is set
	share shares
}

// shares are those of a window, in thousandths.
type shares struct {
	lost, left, stray int
	leftPackets       int64
}

func (m *countMeter) add(now time.Time, t totals) {
	if m.ends.IsZero() {
		m.least, m.ends = t, now.Add(countWindow)
	}
	m.least.lost, m.least.left = min(m.least.lost, t.lost), min(m.least.left, t.left)
	if now.Before(m.ends) {
		return
	}
	record := t
	record.lost, record.left = m.least.lost, m.least.left
	if m.ready {
		m.share = record.since(m.base)
	}
	m.base, m.ready = record, true
	m.least, m.ends = t, now.Add(countWindow)
}

// since returns the shares of what came after base: none where a stream began anew and
// the totals shrank.
func (t totals) since(base totals) shares {
	var s shares
	if of := t.expected - base.expected; of >= countLeast {
		s.leftPackets = max(t.left-base.left, 0)
		s.lost = int(max(t.lost-base.lost, 0) * 1000 / of)
		s.left = int(s.leftPackets * 1000 / of)
	}
	stray := t.stray - base.stray
	if of := t.taken - base.taken + stray; of >= countLeast {
		s.stray = int(stray * 1000 / of)
	}
	return s
}
