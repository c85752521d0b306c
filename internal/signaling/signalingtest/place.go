package signalingtest

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/signaling"
)

var placeRows = []Row{
	{"W110", "E43", "redirect", testRedirect},
	{"W111", "E43", "redirect_tokens", testRedirectTokens},
	{"W111", "E43", "redirect_pages", testRedirectPages},
	{"W111", "E43", "redirect_tickets", testRedirectTickets},
	{"W113", "E44", "draining", testDraining},
}

const elsewhere = "https://other.example/x"

// testRedirect: one hop by 307, to an absolute URL with the same query, and nothing else is
// redirected.
func testRedirect(t *testing.T, k Kit) {
	from := ""
	x := k.New(t, signaling.Config{Elsewhere: func(_ context.Context, stream string, placed bool) (string, error) {
		if placed || stream != from {
			return "", nil
		}
		return elsewhere, nil
	}})
	s := x.Create(t, "live", "")
	from = "live"
	r := x.Post(t, "live?a=b", x.Offer(), "").Want(t, http.StatusTemporaryRedirect)
	if got, want := r.Header.Get("Location"), elsewhere+"/"+x.Kind.String()+"/live?a=b&placed=1"; got != want || r.Body != "" {
		t.Errorf("Location %q, want %q; body %q", got, want, r.Body)
	}
	if r.Header.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("no CORS headers")
	}
	x.Do(t, Request{Method: http.MethodGet, Path: x.Endpoint("live")}).Want(t, http.StatusOK)
	x.Do(t, Request{Method: http.MethodDelete, Path: s.Path}).Want(t, http.StatusOK)
	x.Post(t, "live?placed=1", x.Offer(), "").Want(t, http.StatusCreated)
	x.Post(t, "other", x.Offer(), "").Want(t, http.StatusCreated)
}

// testRedirectTokens: strangers are told of no node, and browsers that would not show their
// token there again are kept.
func testRedirectTokens(t *testing.T, k Kit) {
	x := k.New(t, signaling.Config{Verifier: Verifier(t), Elsewhere: func(_ context.Context, _ string, placed bool) (string, error) {
		if placed {
			return "", nil
		}
		return elsewhere, nil
	}})
	x.Post(t, "live", x.Offer(), "").Want(t, http.StatusUnauthorized)
	q := x.OfferRequest("live", x.Offer(), Token(t, x.Kind.Action(), "*"))
	x.Do(t, q).Want(t, http.StatusTemporaryRedirect)
	x.Do(t, q.With("Origin", "https://page.example")).Want(t, http.StatusCreated)
}

// testRedirectTickets: a browser follows without its token, by a ticket that works once, there, for
// that stream, and makes the session that its token would have made.
func testRedirectTickets(t *testing.T, k Kit) {
	from := k.New(t, signaling.Config{Verifier: Verifier(t), Sealer: Sealer{}, Elsewhere: func(context.Context, string, bool) (string, error) {
		return elsewhere, nil
	}})
	to := k.New(t, signaling.Config{Verifier: Verifier(t), Sealer: Sealer{}, PublicURL: elsewhere})
	token := Token(t, to.Kind.Action(), "*", func(c *auth.Claims) { c.Origins = []string{"https://page.example"} })
	follow := func(stream string) Request {
		t.Helper()
		q := from.OfferRequest("live", from.Offer(), token).With("Origin", "https://page.example")
		r := from.Do(t, q).Want(t, http.StatusTemporaryRedirect)
		at, found := strings.CutPrefix(r.Header.Get("Location"), elsewhere+from.Endpoint("live"))
		if !found || !strings.Contains(at, "ticket=") || r.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("sent to %q, %v", r.Header.Get("Location"), r.Header)
		}
		return to.OfferRequest(stream+at, to.Offer(), "").With("Origin", "null")
	}
	q := follow("live")
	s := NewCreated(t, to.Do(t, q))
	path := strings.TrimPrefix(s.Path, "/x")
	to.Do(t, q).Want(t, http.StatusUnauthorized)
	to.Do(t, follow("other")).Want(t, http.StatusUnauthorized)
	to.Post(t, "live?ticket=nonsense", to.Offer(), "").Want(t, http.StatusUnauthorized)
	end := Request{Method: http.MethodDelete, Path: path}.With("Origin", "https://page.example")
	stranger := Token(t, to.Kind.Action(), "*", func(c *auth.Claims) { c.Subject = "stranger" })
	to.Do(t, end.With("Authorization", "Bearer "+stranger)).Want(t, http.StatusForbidden)
	to.Do(t, end.With("Authorization", "Bearer "+token)).Want(t, http.StatusOK)
	// A browser of before 2023 shows its token all the same, and that counts.
	old := follow("live")
	NewCreated(t, to.Do(t, old.With("Authorization", "Bearer "+Token(t, to.Kind.Action(), "*"))))
	to.Do(t, old.With("Authorization", "Bearer nonsense")).Want(t, http.StatusUnauthorized)
}

// A Sealer seals so that tests can tell what was changed, for anybody to read.
type Sealer struct{}

// Seal implements [signaling.Sealer].
func (Sealer) Seal(b []byte, bound ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(append(bound, string(b)), "\n")))
}

// Open implements [signaling.Sealer].
func (Sealer) Open(text string, bound ...string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	content, found := strings.CutPrefix(string(b), strings.Join(bound, "\n")+"\n")
	if err != nil || !found {
		return nil, errors.New("not sealed for this")
	}
	return []byte(content), nil
}

// testRedirectPages: a page goes where it is sent if pages of all origins may come; it may
// have none any more when it comes there.
func testRedirectPages(t *testing.T, k Kit) {
	for allowed, want := range map[string]int{"*": http.StatusTemporaryRedirect, "https://page.example": http.StatusCreated} {
		x := k.New(t, signaling.Config{CORSOrigins: []string{allowed}, Elsewhere: func(_ context.Context, _ string, placed bool) (string, error) {
			if placed {
				return "", nil
			}
			return elsewhere, nil
		}})
		x.Do(t, x.OfferRequest("live", x.Offer(), "").With("Origin", "https://page.example")).Want(t, want)
	}
}

// testDraining: with nowhere to go clients are told when to ask again, and sessions go on.
func testDraining(t *testing.T, k Kit) {
	going := false
	x := k.New(t, signaling.Config{Elsewhere: func(context.Context, string, bool) (string, error) {
		if going {
			return "", signaling.Closing()
		}
		return "", nil
	}})
	s := x.Create(t, "live", "")
	going = true
	r := x.Post(t, "other", x.Offer(), "").Want(t, http.StatusServiceUnavailable)
	if n, err := strconv.Atoi(r.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
	}
	x.Do(t, Request{Method: http.MethodDelete, Path: s.Path}).Want(t, http.StatusOK)
}
