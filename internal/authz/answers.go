package authz

import (
	fifo "container/list"
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A key names a question; it does not hold the token.
type key [sha256.Size]byte

func keyOf(q auth.Request) key {
	parts, err := json.Marshal([]string{string(q.Action), q.Stream, q.Address.String(), q.Token})
	if err != nil {
		panic("authz: texts cannot be marshalled: " + err.Error())
	}
	return sha256.Sum256(parts)
}

// An answer is what the service said.
type answer struct {
	grant auth.Grant
	err   error
}

// until is how long the answer counts.
func (a answer) until(now time.Time) time.Time {
	if a.err != nil {
		return now.Add(refusedFor)
	}
	until := now.Add(allowedFor)
	if end := a.grant.Expires; !end.IsZero() && end.Before(until) {
		return end
	}
	return until
}

// answers are those that are remembered.
type answers struct {
	// mu guards the fields below.
	mu   sync.Mutex
	all  map[key]*fifo.Element
	last *fifo.List // of *kept, the one needed last first
}

type kept struct {
	key    key
	answer answer
	until  time.Time
}

func newAnswers() *answers { return &answers{all: map[key]*fifo.Element{}, last: fifo.New()} }

func (l *answers) get(k key, now time.Time) (answer, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.all[k]
	if e == nil {
		return answer{}, false
	}
	a := e.Value.(*kept) //nolint:forcetypeassert // the list holds nothing else
	if !now.Before(a.until) {
		l.forgetLocked(e)
		return answer{}, false
	}
	l.last.MoveToFront(e)
	return a.answer, true
}

func (l *answers) put(k key, a answer, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.all[k]; e != nil {
		l.forgetLocked(e)
	}
	if len(l.all) >= maxKept {
		l.forgetLocked(l.last.Back())
	}
	l.all[k] = l.last.PushFront(&kept{k, a, a.until(now)})
}

func (l *answers) forgetLocked(e *fifo.Element) {
	delete(l.all, l.last.Remove(e).(*kept).key) //nolint:forcetypeassert // as above
}
