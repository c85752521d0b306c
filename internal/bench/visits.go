package bench

import (
	"slices"
	"sync"
	"time"
)

const (
	// churnLife is how long a session of the churn lasts.
	churnLife = 2 * time.Second

	// settle is how long packets of the window are waited for, and repairs of them:
	// until something has come that was sent so much later.
	settle = 700 * time.Millisecond

	// settleMost is the end of that waiting: what is later counts as lost.
	settleMost = 5 * time.Second
)

// visits are sessions that come in the window beside those who stay.
type visits struct {
	Rate float64       `json:"rate"`           // each second; 0: none come
	Most int           `json:"most,omitempty"` // of them; 0: until the window ends
	Stay time.Duration `json:"stay,omitempty"` // 0: until the window ends
}

// visitors is what those who came in the window received.
type visitors struct {
	packets, bytes         uint64
	created, firstKeyframe histogram
}

// measure tells everybody the window.
func (s *subscribers) measure(w *Window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.window = w
	for _, sub := range s.all {
		sub.measure(w)
	}
	s.visits = visitors{}
	s.churned.Store(0)
	s.churnFailed.Store(0)
}

// count lets visitors come and go in the window, and tells what was received in it.
func (s *subscribers) count(v *visits) {
	s.mu.Lock()
	w := s.window
	s.mu.Unlock()
	if w == nil || !wait(s.ctx, w.From) {
		return
	}
	if v != nil && v.Rate > 0 {
		s.receive(w, v)
	}
	settled := make(chan struct{})
	if !wait(s.ctx, w.To.Add(settle)) {
		return
	}
	s.mu.Lock()
	s.settled = settled
	s.mu.Unlock()
	select {
	case <-settled:
		s.tell(event{Kind: eventMeasured, Received: s.received()})
	case <-s.ctx.Done():
	}
}

// settledLocked tells whether nothing of the window is to be waited for any more.
func (s *subscribers) settledLocked(now time.Time) bool {
	if now.After(s.window.To.Add(settleMost)) {
		return true
	}
	for _, sub := range s.staying {
		if !sub.has(s.window.To.Add(settle)) {
			return false
		}
	}
	return true
}

// receive returns when the last of those who came has gone.
func (s *subscribers) receive(w *Window, v *visits) {
	var all sync.WaitGroup
	defer all.Wait()
	every := time.Duration(float64(time.Second) / v.Rate)
	for i, due := 0, w.From; due.Before(w.To) && (v.Most == 0 || i < v.Most); i, due = i+1, due.Add(every) {
		if !wait(s.ctx, due) {
			return
		}
		all.Go(func() { s.visit(i%len(s.job.Streams), w, v.Stay) })
	}
}

// visit is one session that comes and goes.
func (s *subscribers) visit(stream int, w *Window, stay time.Duration) {
	sub := s.one(s.ctx, s.job.Streams[stream], stream)
	if sub == nil {
		s.churnFailed.Add(1)
		return
	}
	s.churned.Add(1)
	s.add(sub, false)
	until := w.To
	if stay > 0 {
		until = earliest(time.Now().Add(stay), w.To)
	}
	wait(s.ctx, until)
	s.mu.Lock()
	if i := slices.Index(s.all, sub); i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
	}
	s.mu.Unlock()
	sub.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits.add(sub)
}

// add takes what a subscriber that has left received.
func (v *visitors) add(s *subscriber) {
	v.packets += s.meter.packets
	v.bytes += s.meter.bytes
	v.created.add(s.created.Sub(s.posted))
	if at := s.meter.firstKeyframe; !at.IsZero() {
		v.firstKeyframe.add(at.Sub(s.posted))
	}
}
