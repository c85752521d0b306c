package signaling

import "time"

// Entries returns how many entries all maps of the session table have together.
func (s *Service) Entries() int {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.live) + len(t.ending) + len(t.halfOpen) + len(t.urls) + len(t.graves)
}

// Visitors returns of how many addresses the requests are counted.
func (s *Service) Visitors() int { return len(s.visitors.all) }

// MaxVisitors is their bound.
const MaxVisitors = maxVisitors

// MaxRevocations is the bound of the revocations in force.
const MaxRevocations = maxRevocations

// MaxTickets is maxTickets.
const MaxTickets = maxTickets

// UseTickets uses as many tickets.
func (s *Service) UseTickets(n int, now time.Time) {
	for range n {
		if err := s.tickets.use(Unguessable(), now); err != nil {
			panic(err)
		}
	}
}
