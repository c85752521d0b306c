package signalingtest

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"github.com/whippet-media/whippet/internal/signaling"
)

var placeRows = []Row{
	{"W110", "E43", "redirect", testRedirect},
	{"W111", "E43", "redirect_tokens", testRedirectTokens},
	{"W111", "E43", "redirect_pages", testRedirectPages},
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
