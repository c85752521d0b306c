package attack

import (
	"net/http"
	"strings"
	"testing"
)

// wantNoRight fails the test unless a valid token publishes and plays nothing: 403, with the
// scope it lacks.
func (n *keep) wantNoRight(t *testing.T, name, token string) {
	t.Helper()
	for _, d := range n.doors()[:2] {
		n.wantForbidden(t, name+": "+d.name, d.open(n.name()).bearer(token))
	}
}

func (n *keep) wantForbidden(t *testing.T, name string, r request) {
	t.Helper()
	a := n.do(t, r)
	if a.status < 300 {
		t.Errorf("%s: ACCEPTED: %s %s: %v", name, r.method, r.path, a)
		n.leave(t, a)
		return
	}
	if a.status != http.StatusForbidden || !strings.Contains(a.header.Get("WWW-Authenticate"), "insufficient_scope") {
		t.Errorf("%s: %s %s: %v, want a 403 with insufficient_scope", name, r.method, r.path, a)
	}
}
