package webhook

import (
	"slices"
	"time"
)

// A delivery is an event on its way to one receiver.
type delivery struct {
	event   *Event
	body    []byte
	tried   int       // attempts made
	after   time.Time // it is not sent before
	sending bool
	last    bool // the receiver closes: there is no attempt after this one
}

// A queue is what a receiver has still to get, the oldest first. It reads no clock and is
// not safe for concurrent use.
type queue struct{ list []*delivery }

// push adds a delivery. Without a place for it another one is dropped, which it returns:
// the oldest of a subscriber's, so that a crowd drives nothing else out, else the oldest.
// Those under way stay.
func (q *queue) push(d *delivery) (dropped *delivery) {
	if len(q.list) >= maxQueued {
		if dropped = q.least(); dropped == nil {
			return d
		}
		q.remove(dropped)
	}
	q.list = append(q.list, d)
	return dropped
}

func (q *queue) least() *delivery {
	var oldest *delivery
	for _, d := range q.list {
		switch {
		case d.sending:
		case family(d.event.Type) == subscribers:
			return d
		case oldest == nil:
			oldest = d
		}
	}
	return oldest
}

// next returns the first delivery that may be sent now: its time has come and no earlier
// one of its stream is left. If there is none it returns when one will be; the zero Time:
// when something changes.
func (q *queue) next(now time.Time) (*delivery, time.Time) {
	var soonest time.Time
	behind := map[string]bool{}
	for _, d := range q.list {
		if behind[d.event.Stream] {
			continue
		}
		behind[d.event.Stream] = true
		switch {
		case d.sending:
		case !d.after.After(now):
			return d, time.Time{}
		case soonest.IsZero() || d.after.Before(soonest):
			soonest = d.after
		}
	}
	return nil, soonest
}

// remove takes a delivery out.
func (q *queue) remove(d *delivery) {
	if i := slices.Index(q.list, d); i >= 0 {
		q.list = slices.Delete(q.list, i, i+1)
	}
}

// backoff returns the delay before the next attempt, after a number of them. chance, from
// 0 to 1, says where in its later half it lies, so that receivers that come back are not
// asked all at once.
func backoff(tried int, first, longest time.Duration, chance float64) time.Duration {
	d := longest
	if shift := tried - 1; shift < 16 && first<<shift < longest {
		d = first << shift
	}
	return d/2 + time.Duration(chance*float64(d/2))
}
