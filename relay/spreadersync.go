package relay

import (
	"context"
	"time"
)

// run synchronises whenever there may be something new, until ctx is done.
func (s *Spreader) run(ctx context.Context) {
	defer close(s.done)
	changed, stop := s.cfg.Directory.WatchRevocations()
	defer stop()
	wait := revokedEvery
	for {
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-s.kick:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
		wait = revokedEvery
		if s.report(s.synchronise(ctx)) {
			wait = revokedRetry
		}
		pause(ctx, revokedPause)
	}
}

// report logs when this node begins to have something that it cannot tell, which it
// returns, and when that is over.
func (s *Spreader) report(err error) (silent bool) {
	owed := s.owes()
	switch silent = err != nil && owed > 0; {
	case silent && !s.silent:
		s.log.Warn("revocation", "event", "not-spread", "count", owed, "error", err)
	case !silent && s.silent:
		s.log.Info("revocation", "event", "spread")
	}
	s.silent = silent
	return silent
}

func (s *Spreader) owes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.owed)
}

// synchronise puts what is owed into the directory and reads what is new there. Where the
// directory has lost something all nodes find out at the same time: each puts a part of
// what is missing and reads what the others did, in turn, so that most is put once.
func (s *Spreader) synchronise(ctx context.Context) error {
	for anew := false; ; {
		if err := s.push(ctx); err != nil {
			return err
		}
		for more := true; more; {
			page, err := s.cfg.Directory.ReadRevocations(ctx, s.cursor)
			if err != nil {
				return err
			}
			if page.Anew && !anew { // once: it may have reasons of its own not to keep something
				anew = true
				s.oweAll()
			}
			s.heard(page.Revocations)
			s.cursor, more = page.Next, page.More
		}
		if s.owes() == 0 {
			return nil
		}
	}
}

// push puts some of what is owed into the directory.
func (s *Spreader) push(ctx context.Context) error {
	part := s.part()
	if len(part) == 0 {
		return nil
	}
	if err := s.cfg.Directory.PutRevocations(ctx, part); err != nil {
		return err
	}
	s.settle(part)
	return nil
}

// part returns a page of what is owed, in random order: other nodes choose another one.
func (s *Spreader) part() []Revocation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var part []Revocation
	for about := range s.owed {
		if len(part) == maxRevocationPage {
			break
		}
		if r, ok := s.ledger.all[about]; ok {
			part = append(part, r)
		} else { // it was over
			delete(s.owed, about)
		}
	}
	return part
}

// oweAll owes everything there is: what the directory has is settled when it is read.
func (s *Spreader) oweAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for about := range s.ledger.all {
		s.owed[about] = true
	}
}

// heard takes what the directory has, unless it makes no sense.
func (s *Spreader) heard(all []Revocation) {
	now := time.Now()
	var good []Revocation
	for _, r := range all {
		if r.sound(now) {
			good = append(good, r)
		}
	}
	s.order.Lock()
	s.take(good, false)
	s.order.Unlock()
	s.settle(good)
}

// settle owes no longer what the directory has, or has something that says as much.
func (s *Spreader) settle(all []Revocation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range all {
		if mine := s.ledger.all[r.about()]; r.join(mine).same(r.normal()) {
			delete(s.owed, r.about())
		}
	}
}

// sound tells whether a revocation can be one, and is not over.
func (r Revocation) sound(now time.Time) bool {
	_, err := r.Check(now)
	return err == nil && r.Made > 0 && r.Back >= 0 && max(r.Made, r.Back) < maxStamp
}
