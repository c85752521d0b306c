package signaling_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// A move is two nodes, of which one sends everybody to the other.
type move struct {
	from, to *signalingtest.Target
	opener   *fakeOpener // of the other
}

// newMove makes a move to the node whose public URL is base; change changes both nodes.
func newMove(t *testing.T, base string, change func(*signaling.Config)) *move {
	t.Helper()
	cfg := signaling.Config{Verifier: signalingtest.Verifier(t), Sealer: signalingtest.Sealer{}}
	if change != nil {
		change(&cfg)
	}
	m := &move{opener: &fakeOpener{}}
	to := cfg
	to.PublicURL = base
	m.to = newTarget(t, signaling.WHIP, m.opener, to)
	cfg.Elsewhere = func(_ context.Context, _ string, placed bool) (string, error) {
		if placed {
			return "", signaling.Closing()
		}
		return base, nil
	}
	m.from = newTarget(t, signaling.WHIP, &fakeOpener{}, cfg)
	return m
}

// follow POSTs as a page with a token, and where it is sent to as a browser does: without the
// token. It returns both statuses, the latter 0 if it was not sent on.
func (m *move) follow(t *testing.T, origin, token string) (first, second int) {
	t.Helper()
	r := m.from.Do(t, m.from.OfferRequest("live", m.from.Offer(), token).With("Origin", origin))
	_, query, sent := strings.Cut(r.Header.Get("Location"), "?")
	if !sent {
		return r.Status, 0
	}
	return r.Status, m.to.Do(t, m.to.OfferRequest("live?"+query, m.to.Offer(), "")).Status
}

// TestTicketsOfTokens: the session of a ticket is its token's: whose it is, what bounds it and when
// it ends.
func TestTicketsOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMove(t, "https://b.example", nil)
		token := signalingtest.Token(t, auth.Publish, "*", func(c *auth.Claims) {
			c.Issuer, c.ID, c.Limits.Bitrate, c.MaxSession = "", "j1", 5, time.Minute
		})
		m.to.Create(t, "other", token)
		owner := m.opener.last().session.Owner()
		if first, second := m.follow(t, "https://page.example", token); first != 307 || second != 201 {
			t.Fatalf("%d, %d", first, second)
		}
		s := m.opener.last().session
		info := s.Info()
		if s.Owner() != owner || owner == "" || s.Limits().Bitrate != 5 || info.Token != "j1" || !info.Ends.Equal(info.Created.Add(time.Minute)) {
			t.Errorf("owner %q, want %q; %+v", s.Owner(), owner, info)
		}
		s.OnState(rtc.Connected)
		if _, err := m.to.Service.Revoke(auth.Revocation{ID: "j1"}); err != nil {
			t.Fatal(err)
		}
		if _, second := m.follow(t, "https://page.example", token); second != 401 {
			t.Errorf("a ticket of a token that was revoked: %d", second)
		}
	})
}

// TestWhoGetsTickets: who could not follow is told to come again.
func TestWhoGetsTickets(t *testing.T) {
	all, listed := []string(nil), []string{"https://page.example", "http://example.com"}
	for _, c := range []struct {
		origin, base  string
		cors          []string
		first, second int
	}{
		{"https://page.example", "https://b.example", all, 307, 201},
		{"https://page.example", "http://b.example", all, 503, 0}, // mixed content
		{"http://page.example", "http://b.example", all, 307, 201},
		{"https://page.example", "https://b.example", listed, 503, 0}, // it would be null there
		{"http://example.com", "https://b.example", listed, 307, 201}, // a page of our own
		{"http://example.co", "https://b.example", append(listed, "http://example.co"), 503, 0},
	} {
		m := newMove(t, c.base, func(cfg *signaling.Config) { cfg.CORSOrigins = c.cors })
		first, second := m.follow(t, c.origin, signalingtest.Token(t, auth.Publish, "live"))
		if first != c.first || second != c.second {
			t.Errorf("%s to %s, %q: %d, %d", c.origin, c.base, c.cors, first, second)
		}
	}
	none := newMove(t, "https://b.example", func(cfg *signaling.Config) { cfg.Sealer = nil })
	if first, _ := none.follow(t, "https://page.example", signalingtest.Token(t, auth.Publish, "live")); first != 503 {
		t.Errorf("without tickets: %d", first)
	}
}

// TestTicketsOfAddresses: a token that is for clients of some addresses is so at the other node, and
// one whose ticket would be too long for a URL gets none.
func TestTicketsOfAddresses(t *testing.T) {
	m := newMove(t, "https://b.example", func(cfg *signaling.Config) {
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // where tests' requests come from
	})
	follow := func(prefixes int, at string) (first, second int) {
		token := signalingtest.Token(t, auth.Publish, "live", func(c *auth.Claims) {
			for i := range prefixes {
				c.Prefixes = append(c.Prefixes, netip.MustParsePrefix(fmt.Sprintf("2001:db8:1111:2222:3333:4444:5555:%x00/120", 0x10+i)))
			}
		})
		r := m.from.Do(t, m.from.OfferRequest("live", m.from.Offer(), token).
			With("Origin", "https://page.example").With("X-Forwarded-For", "2001:db8:1111:2222:3333:4444:5555:1001"))
		_, query, sent := strings.Cut(r.Header.Get("Location"), "?")
		if !sent {
			return r.Status, 0
		}
		return r.Status, m.to.Do(t, m.to.OfferRequest("live?"+query, m.to.Offer(), "").With("X-Forwarded-For", at)).Status
	}
	own := "2001:db8:1111:2222:3333:4444:5555:1001"
	if first, second := follow(1, own); first != 307 || second != 201 {
		t.Errorf("from the address: %d, %d", first, second)
	}
	if first, second := follow(1, "198.51.100.1"); first != 307 || second != 403 {
		t.Errorf("from another one: %d, %d", first, second)
	}
	if first, _ := follow(64, own); first != 503 {
		t.Errorf("a ticket that is too long: %d", first)
	}
}

// TestTicketsAreBounded: where too many were used lately a further one is refused for now.
func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMove(t, "https://b.example", nil)
		m.to.Service.UseTickets(signaling.MaxTickets, time.Now())
		token := signalingtest.Token(t, auth.Publish, "live")
		if first, second := m.follow(t, "https://page.example", token); first != 307 || second != 503 {
			t.Errorf("%d, %d", first, second)
		}
		time.Sleep(time.Minute + time.Second)
		if _, second := m.follow(t, "https://page.example", token); second != 201 {
			t.Errorf("when they are too old: %d", second)
		}
	})
}
