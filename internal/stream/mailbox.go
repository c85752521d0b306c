package stream

import "time"

// maxFeedback bounds the feedback waiting in a shard's mailbox: 10,000
// subscribers send some 20 packets a second each, so this is 20 ms of it.
const maxFeedback = 4096

// feedbackPatience is how long a report may wait for the shard to wake by itself: a
// hundredth of the interval of receiver reports, a tenth of that of transport-wide ones.
const feedbackPatience = 10 * time.Millisecond

// maxWaiting bounds what one subscriber may have of it: one that floods its shard with
// feedback drops its own, not that of others. A player sends some 20 packets a second.
const maxWaiting = 128

type messageKind uint8

const (
	join messageKind = iota
	leave
	feedback
	choose // a selection waits
	count  // somebody wants to see the counters
)

type message struct {
	kind messageKind
	sub  *Subscription
	at   time.Time // feedback: when it came
	data []byte
}

// post puts a message into the mailbox. Only feedback is ever dropped. It wakes nobody:
// who delivered it calls Registry.Serve next. A report that nobody waits for is not even
// served then if a pass comes along soon anyway: hundreds of players send thousands of
// them a second.
func (s *shard) post(m message) {
	s.mu.Lock()
	if m.kind == feedback && (s.feedback == maxFeedback || m.sub.waiting == maxWaiting) {
		s.mu.Unlock()
		s.dropped.Add(1)
		return
	}
	if m.kind == feedback {
		s.feedback++
		m.sub.waiting++
	}
	s.box = append(s.box, m)
	if m.kind == feedback && (urgent(m.data) || s.quiet(m.at)) {
		s.todo.Add(1)
	}
	s.mu.Unlock()
	if m.kind != feedback {
		s.signal()
	}
}

// quiet tells whether no pass is to be expected soon: none was made lately, as when media
// flows, and the shard does not wake by itself.
func (s *shard) quiet(now time.Time) bool {
	return now.UnixNano()-s.passed.Load() > int64(feedbackPatience) &&
		s.sleepsUntil.Load()-now.UnixNano() > int64(feedbackPatience)
}

// urgent tells whether a player waits for the answer to an RTCP packet: to a NACK, or to
// a request for a keyframe (RFC 4585 §6.2.1, §6.3.1; RFC 5104 §4.3.1).
func urgent(b []byte) bool {
	if len(b) < 2 {
		return false
	}
	const nack, pli, fir = 1, 1, 4
	switch format := b[0] & 31; b[1] {
	case 205: // transport layer feedback
		return format == nack
	case 206: // payload-specific feedback
		return format == pli || format == fir
	}
	return false
}

// mail tells whether something waits in the mailbox.
func (s *shard) mail() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.box) > 0
}

func (s *shard) takeWork() ([]message, []*members) {
	s.mu.Lock()
	defer s.mu.Unlock()
	box, dirty := s.box, s.dirty
	s.box, s.dirty, s.feedback = s.boxSpare, s.dirSpare, 0
	s.todo.Store(0)
	for i := range box {
		box[i].sub.waiting = 0
	}
	return box, dirty
}
