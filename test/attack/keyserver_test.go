package attack

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// A keyServer is a partner's login server: it serves a JWK set, or fails, and counts.
type keyServer struct {
	*httptest.Server

	mu    sync.Mutex
	set   []object
	down  bool
	asked int
}

func newKeyServer(t *testing.T, set ...object) *keyServer {
	s := &keyServer{set: set}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers every request alike.
func (s *keyServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	_, _ = w.Write(asJSON(object{"keys": s.set}))
}

// rotate replaces the set; fail lets the server answer 502 from now on.
func (s *keyServer) rotate(set ...object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.set, s.down = set, false
}

func (s *keyServer) fail() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = true
}

func (s *keyServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}
