package relay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestSpreadByRedis: a real server is killed while nodes revoke, and comes back empty.
func TestSpreadByRedis(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	var all []*guard
	start := func(kept ...relay.Revocation) *guard {
		g := newGuard(open(t, server.URL(), ""), kept...)
		g.Start()
		t.Cleanup(g.Close)
		all = append(all, g)
		return g
	}
	refuse := func(want string, within time.Duration) {
		t.Helper()
		begin := time.Now()
		for i, g := range all {
			for g.list() != want {
				if time.Since(begin) > within+5*time.Second {
					t.Fatalf("node %d refuses %q, want %q", i, g.list(), want)
				}
				time.Sleep(time.Millisecond)
			}
		}
		if took := time.Since(begin); took > within {
			t.Errorf("it took %v", took)
		}
	}
	a, b := start(), start()
	time.Sleep(100 * time.Millisecond) // until both listen
	a.revoke("a")
	refuse("a", time.Second)
	a.allow("a")
	refuse("", time.Second)
	server.Kill()
	a.revoke("b")
	b.revoke("c")
	time.Sleep(300 * time.Millisecond)
	server.Start()
	refuse("b c", 5*time.Second)
	server.Kill()
	server.Start()
	b.revoke("d")
	refuse("b c d", 5*time.Second)
	start()
	refuse("b c d", 5*time.Second)
}

// TestSpreadForeign: what makes no sense in the directory is passed over.
func TestSpreadForeign(t *testing.T) {
	server := relaytest.Redis(t)
	d := open(t, server.URL(), "")
	now := time.Now()
	until := now.Add(time.Hour)
	for i, r := range []relay.Revocation{
		{Made: 1, Revocation: auth.Revocation{Until: until}},
		{Made: 0, Revocation: auth.Revocation{ID: "never", Until: until}},
		{Made: 1 << 53, Revocation: auth.Revocation{ID: "late", Until: until}},
		{Made: 1, Revocation: auth.Revocation{Stream: "*", Until: until}},
		{Made: 1, Revocation: auth.Revocation{ID: strings.Repeat("x", 300), Until: until}},
		{Made: 1, Revocation: auth.Revocation{ID: "good", Until: until}},
	} {
		if err := d.PutRevocations(t.Context(), []relay.Revocation{r}); err != nil {
			t.Fatal(i, err)
		}
	}
	for key, text := range map[string]string{`x`: "1 0 0 9", `["","a","",""]`: "1 0 0", `["a"]`: "1 0 0 9", `[1,2,3,4]`: "1 0 0 9"} {
		server.Do("HSET", "whippet:{revoked}:all", key, text)
		server.Do("ZADD", "whippet:{revoked}:changed", now.UnixMicro(), key)
	}
	g := newGuard(d)
	g.Start()
	defer g.Close()
	if got := g.list(); got != "good" {
		t.Errorf("refused: %q", got)
	}
}
