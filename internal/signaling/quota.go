package signaling

import (
	"net/http"
	"slices"
)

// A quota is a cap that a session counts against.
type quota struct {
	key  string // of who has it
	most int
	text string // what there are too many of, for people
}

// quotas returns the caps of one token, one subject and one address, as far as there are
// any.
func (t *table) quotas(s *Session) []quota {
	g := s.caller.grant
	all := []quota{
		{"address " + siteOf(s.caller.from).String(), t.limits.AddressSessions, "this address"},
		{"token " + string(s.caller.token[:]), lesser(t.limits.TokenSessions, g.Limits.Sessions), "this token"},
		{"subject " + g.Issuer + "\x00" + g.Subject, t.limits.SubjectSessions, "the subject of this token"},
	}
	return slices.DeleteFunc(all, func(q quota) bool {
		nobody := s.caller.token == tokenHash{} || q.key[0] == 's' && g.Subject == ""
		return q.most <= 0 || q.key[0] != 'a' && nobody
	})
}

// lesser returns the lower of two caps, of which 0 is none.
func lesser(a, b int) int {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}

// withinLocked returns a 429 if another session of the same caller were too many. A
// publisher that comes back replaces its session of before, which does not count.
func (t *table) withinLocked(s *Session) error {
	for _, q := range t.quotas(s) {
		if t.tally[q.key] >= q.most && !t.replacesLocked(s, q) {
			return NewProblem(http.StatusTooManyRequests, "too-many-sessions",
				"There are as many sessions of "+q.text+" as there may be. End one of them.").RetryAfter(retryOverload)
		}
	}
	return nil
}

// replacesLocked tells whether the session takes over the name of another that counts
// against the quota.
func (t *table) replacesLocked(s *Session, q quota) bool {
	if s.kind != WHIP || s.Owner() == "" || t.tally[q.key] > q.most {
		return false
	}
	for _, other := range t.live {
		if other.kind == WHIP && other.stream == s.stream && other.Owner() == s.Owner() && slices.Contains(other.quotas, q.key) {
			return true
		}
	}
	return false
}

// countLocked counts the session against its caller's caps.
func (t *table) countLocked(s *Session) {
	for _, q := range t.quotas(s) {
		s.quotas = append(s.quotas, q.key)
		t.tally[q.key]++
	}
}

// discountLocked takes it back, once.
func (t *table) discountLocked(s *Session) {
	for _, key := range s.quotas {
		if t.tally[key]--; t.tally[key] == 0 {
			delete(t.tally, key)
		}
	}
	s.quotas = nil
}

// yielderLocked returns the half-open session that gives way to s where no more may be
// half-open: the oldest of the address that has the most, if that is more than the
// address of s would have. So whoever only POSTs is in the way of nobody else. nil: none
// gives way.
func (t *table) yielderLocked(s *Session) *Session {
	count := map[site]int{}
	for other := range t.halfOpen {
		count[siteOf(other.caller.from)]++
	}
	most := count[siteOf(s.caller.from)] + 1
	var greedy *Session
	for other := range t.halfOpen {
		switch n := count[siteOf(other.caller.from)]; {
		case n > most, n == most && greedy != nil && other.created.Before(greedy.created):
			most, greedy = n, other
		}
	}
	return greedy
}
