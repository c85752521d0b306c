package forwarder

import "time"

// A pastMapping is that of a segment that has ended, kept for resends.
type pastMapping struct {
	mapping
	until time.Time
}

// retire keeps the segment's mapping for as long as histories keep packets for
// resends: it holds on to an encoding that may have ended.
func (d *DownTrack) retire(now time.Time, out *Output) {
	if d.seg.enc == nil || d.next <= d.seg.from {
		return // nothing was sent
	}
	if len(d.past) == pastMappings {
		d.past = append(d.past[:0], d.past[1:]...)
	}
	d.past = append(d.past, pastMapping{d.seg.mapping, now.Add(historyKeep)})
	out.due(d.past[0].until)
}

// forgetPast drops the mappings whose time is over.
func (d *DownTrack) forgetPast(now time.Time, out *Output) {
	if len(d.past) == 0 {
		return
	}
	n := 0
	for n < len(d.past) && !now.Before(d.past[n].until) {
		n++
	}
	if n == len(d.past) {
		d.past = nil
		return
	}
	clear(d.past[copy(d.past, d.past[n:]):])
	d.past = d.past[:len(d.past)-n]
	out.due(d.past[0].until)
}

// mappingOf returns that of the segment which number was sent in; nil if it is
// forgotten.
func (d *DownTrack) mappingOf(number uint64) *mapping {
	if number >= d.seg.from {
		if d.seg.enc == nil {
			return nil
		}
		return &d.seg.mapping
	}
	for i := len(d.past) - 1; i >= 0; i-- {
		if number >= d.past[i].from {
			return &d.past[i].mapping
		}
	}
	return nil
}
