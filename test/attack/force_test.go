package attack

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

// guesses is how often an attacker guesses here. Nothing that can be guessed in so few tries
// may open a door.
const guesses = 2000

// TestGuesses: tokens, session URLs and secrets are guessed by several clients at once; the
// node lets nobody in, stays up, and still takes a good token.
func TestGuesses(t *testing.T) {
	p := newPeople(t)
	parts := good()
	parts = parts[:len(parts)-43]
	var accepted, broken atomic.Int64
	guess := func(i int) (path, token string) {
		switch i % 4 {
		case 0:
			return "/streams.json", parts + random(32) // a signature
		case 1:
			return "/streams.json", sign(object{"alg": "HS256"}, rights(), "HS256", []byte(fmt.Sprint("secret", i)))
		case 2:
			return "/whip/ann/" + random(16), ""
		}
		return "/whep/ann/" + random(16) + "/layer", random(24)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < guesses; i += 8 {
				switch status := p.status(guess(i)); {
				case status < 400:
					accepted.Add(1)
				case status >= 500 && status != http.StatusServiceUnavailable:
					broken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if accepted.Load() > 0 || broken.Load() > 0 {
		t.Errorf("%d guesses ACCEPTED, %d answered as if the node were broken", accepted.Load(), broken.Load())
	}
	p.wantAlive(t)
}

func random(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return b64(b)
}

// TestEntropyOfSessionURLs: what nobody may guess is long, and no two are alike.
func TestEntropyOfSessionURLs(t *testing.T) {
	n := newKeep(t)
	seen := map[string]bool{}
	for range 50 {
		a := n.do(t, post("/whep/studio", offer("whep")).bearer(good()))
		id := last(n.session(a))
		if a.status != http.StatusCreated || len(id) < 22 || seen[id] || seen[id[:11]] || seen[id[11:]] {
			t.Fatalf("session %q: %v", id, a)
		}
		seen[id], seen[id[:11]], seen[id[11:]] = true, true, true
		n.leave(t, a)
	}
}
