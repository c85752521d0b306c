package relay_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// told is less than a node that is not told of a revocation takes to find it, and leaves a
// busy machine some time.
const told = relay.RevokedEvery * 3 / 4

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
	refuse("a", told)
	a.allow("a")
	refuse("", told)
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

// TestSpreadEvicted: of a server that makes room nodes put everything there again, whichever
// key it removed.
func TestSpreadEvicted(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	d := open(t, server.URL(), "")
	g := newGuard(d)
	g.Start()
	defer g.Close()
	want := 0
	for _, key := range []string{"all", "until", "changed", "numbers"} {
		g.revoke(key)
		want++
		for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) { // until they are there
			page, err := d.ReadRevocations(t.Context(), relay.RevocationCursor{})
			if err == nil && len(page.Revocations) == want {
				break
			}
			if time.Since(begin) > 5*time.Second {
				t.Fatalf("before %s is removed: %d are there, want %d, %v", key, len(page.Revocations), want, err)
			}
		}
		server.Do("DEL", "whippet:{revoked}:"+key)
	}
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
