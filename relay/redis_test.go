package relay_test

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestRace: of two nodes that claim at the same moment exactly one wins, thousands of
// times, and of two that take over at the same moment as well.
func TestRace(t *testing.T) {
	server := relaytest.Redis(t)
	nodes := [2]*relay.Redis{open(t, server.URL(), "race"), open(t, server.URL(), "race")}
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	var wins [2]int
	for i := range rounds {
		first := race(t, nodes, fmt.Sprint("s", i), 0)
		second := race(t, nodes, fmt.Sprint("s", i), first.Epoch)
		if second.Epoch <= first.Epoch {
			t.Fatalf("epoch %d after %d", second.Epoch, first.Epoch)
		}
		wins[first.Node[0]-'a']++
	}
	if min(wins[0], wins[1]) < rounds/100 {
		t.Errorf("it was no race: %v", wins)
	}
}

// race lets both claim, and returns the lease of the one that won.
func race(t *testing.T, nodes [2]*relay.Redis, stream string, over int64) relay.Lease {
	t.Helper()
	var leases [2]relay.Lease
	var errs [2]error
	var both sync.WaitGroup
	for j, d := range nodes {
		both.Go(func() {
			c := claim(string(rune('a' + j)))
			c.Stream, c.Over = stream, over
			leases[j], errs[j] = d.Claim(t.Context(), c)
		})
	}
	both.Wait()
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	if errs[winner] != nil || !errors.Is(errs[1-winner], relay.ErrHeld) {
		t.Fatalf("%s: %v", stream, errs)
	}
	if h, err := nodes[1-winner].Lookup(t.Context(), stream); err != nil || h != leases[winner].Holder {
		t.Fatalf("%s: found %+v, %v", stream, h, err)
	}
	return leases[winner]
}

// TestRedisClock: leases end by the server's clock, epochs are made of it, and all nodes
// know it.
func TestRedisClock(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	a, b := open(t, server.URL(), ""), open(t, server.URL(), "")
	before := time.Now()
	l, err := a.Claim(t.Context(), claim("a"))
	if err != nil {
		t.Fatal(err)
	}
	if at := time.UnixMicro(l.Epoch); at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
		t.Errorf("epoch %d", l.Epoch)
	}
	_, err = b.Claim(t.Context(), claim("b"))
	var held *relay.HeldError
	if !errors.As(err, &held) || held.Left <= 0 || held.Left > relay.LeaseLife {
		t.Fatal(err)
	}
	if d := a.Now().Sub(b.Now()).Abs(); d > time.Second {
		t.Errorf("the nodes' idea of the clock differs by %v", d)
	}
	time.Sleep(time.Until(l.Expires)) // it has ended here; there a little later
	for !errors.Is(err, relay.ErrAbsent) {
		if _, err = b.Lookup(t.Context(), "cam"); time.Since(l.Expires) > 2*time.Second {
			t.Fatalf("the lease does not end: %v", err)
		}
	}
}

// TestRedisKeys: what is kept there is named as documented, and does not stay.
func TestRedisKeys(t *testing.T) {
	server := relaytest.Redis(t)
	d := open(t, server.URL(), "tv")
	if _, err := d.Claim(t.Context(), claim("a")); err != nil {
		t.Fatal(err)
	}
	if err := d.AnnounceNode(t.Context(), relay.NodeInfo{ID: "a", URL: "http://a"}); err != nil {
		t.Fatal(err)
	}
	revocation := relay.Revocation{Made: 1, Revocation: auth.Revocation{ID: "a", Until: time.Now().Add(time.Hour)}}
	if err := d.PutRevocations(t.Context(), []relay.Revocation{revocation}); err != nil {
		t.Fatal(err)
	}
	revoked, err := server.Client().Keys(t.Context(), "tv:{revoked}:*").Result()
	if err != nil || len(revoked) != 4 {
		t.Fatal(revoked, err)
	}
	for _, key := range revoked {
		life, err := server.Client().PTTL(t.Context(), key).Result()
		if err != nil || life <= auth.MaxLife+auth.Leeway || life > 400*24*time.Hour {
			t.Errorf("%s lives for %v, %v", key, life, err)
		}
	}
	server.Client().Del(t.Context(), revoked...)
	keys, err := server.Client().Keys(t.Context(), "*").Result()
	if err != nil || len(keys) != 3 {
		t.Fatal(keys, err)
	}
	for _, key := range keys {
		life, err := server.Client().PTTL(t.Context(), key).Result()
		if err != nil || life <= relay.LeaseLife || life > time.Hour {
			t.Errorf("%s lives for %v, %v", key, life, err)
		}
	}
	if n, err := server.Client().Exists(t.Context(), "tv:lease:{cam}").Result(); n != 1 || err != nil {
		t.Error(keys, err)
	}
	other := open(t, server.URL(), "radio")
	if _, err := other.Lookup(t.Context(), "cam"); !errors.Is(err, relay.ErrAbsent) {
		t.Errorf("another namespace: %v", err)
	}
}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "redis://" + l.Addr().String()
}

// TestRedisCallsAreBounded: whatever the server does, each call ends.
func TestRedisCallsAreBounded(t *testing.T) {
	t.Parallel()
	frozen := relaytest.Redis(t)
	closed := relaytest.Redis(t)
	closed.Kill()
	replica := relaytest.Redis(t)
	replica.Do("REPLICAOF", "127.0.0.1", "1")
	locked := relaytest.Redis(t, "--requirepass", "secret", "--protected-mode", "no")
	warm := open(t, frozen.URL(), "")
	if _, err := warm.Nodes(t.Context()); err != nil {
		t.Fatal(err)
	}
	frozen.Freeze()
	defer frozen.Thaw()
	l := relay.Lease{Stream: "cam", Holder: relay.Holder{Node: "a", Epoch: 1}}
	revocation := relay.Revocation{Made: 1, Revocation: auth.Revocation{ID: "a", Until: time.Now().Add(time.Hour)}}
	for name, d := range map[string]*relay.Redis{
		"frozen": warm, "frozen from the start": open(t, frozen.URL(), ""), "silent": open(t, blackHole(t), ""),
		"not there": open(t, closed.URL(), ""), "read-only": open(t, replica.URL(), ""), "locked": open(t, locked.URL(), ""),
	} {
		for what, call := range map[string]func() error{
			"claim":    func() error { _, err := d.Claim(t.Context(), claim("a")); return err },
			"renew":    func() error { _, err := d.Renew(t.Context(), slices.Repeat([]relay.Lease{l}, 2500)); return err },
			"release":  func() error { return d.Release(t.Context(), []relay.Lease{l}) },
			"lookup":   func() error { _, err := d.Lookup(t.Context(), "cam"); return err },
			"announce": func() error { return d.AnnounceNode(t.Context(), relay.NodeInfo{ID: "a"}) },
			"nodes":    func() error { _, err := d.Nodes(t.Context()); return err },
			"revoke":   func() error { return d.PutRevocations(t.Context(), []relay.Revocation{revocation}) },
			"revoked": func() error {
				_, err := d.ReadRevocations(t.Context(), relay.RevocationCursor{})
				return err
			},
		} {
			begin := time.Now()
			err := call()
			if took := time.Since(begin); took > 2*relay.OpTimeout {
				t.Errorf("%s, %s: it took %v", name, what, took)
			}
			reads := what == "lookup" || what == "nodes" || what == "revoked" || what == "release" // which finds nothing to write
			switch {
			case name == "read-only" && reads:
				if err != nil && !errors.Is(err, relay.ErrAbsent) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			case !errors.Is(err, relay.ErrUnavailable):
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
}

// TestWatchOutlivesTheConnection: when it is lost, everybody is woken once it is back, and
// again by what happens then.
func TestWatchOutlivesTheConnection(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	c := redisCluster(t, server)
	changed, stop := c.b.Watch("cam")
	defer stop()
	c.woken(changed, "the watch")
	for _, end := range []func(){
		func() { server.Do("CLIENT", "KILL", "TYPE", "pubsub") },
		func() { server.Kill(); server.Start() },
		func() { server.Freeze(); time.Sleep(4 * time.Second); server.Thaw() },
	} {
		end()
		c.woken(changed, "the connection's return")
		l := c.claim(c.a, "a")
		c.woken(changed, "a claim")
		c.release(c.a, l)
		c.woken(changed, "a release")
	}
}

// TestWatchWithoutServer: watching neither blocks nor fails, and begins when it can.
func TestWatchWithoutServer(t *testing.T) {
	t.Parallel()
	server := relaytest.Redis(t)
	server.Kill()
	d := open(t, server.URL(), "")
	begin := time.Now()
	changed, stop := d.Watch("cam")
	defer stop()
	if took := time.Since(begin); took > 100*time.Millisecond || len(changed) > 0 {
		t.Errorf("it took %v, woken: %v", took, len(changed) > 0)
	}
	time.Sleep(300 * time.Millisecond)
	server.Start()
	(&cluster{t: t}).woken(changed, "the server's start")
}

func TestURLs(t *testing.T) {
	for _, url := range []string{
		"redis://h", "redis://h:1", "redis://:p@h/3", "rediss://u:p%40@h:1/0", "redis://[::1]:6379/", "redis://[::1]",
		"redis-sentinel://h/m", "rediss-sentinel://u:p@a:1,b,[::1]:3/m?db=2&sentinel_user=x&sentinel_password=y",
	} {
		if err := relay.CheckURL(url); err != nil {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, url := range []string{
		"", "h", "http://h", "redis://", "redis:///1", "redis://h:", "redis://h:0", "redis://h:99999", "redis://h:x", "redis://a,b",
		"redis://h/x", "redis://h/-1", "redis://h?db=1", "redis://h#x", "redis://%zz:canary@h", "redis-sentinel://h", "redis-sentinel://h/a/b",
		"redis-sentinel://a,,b/m", "redis-sentinel://" + string(make([]byte, 10)) + "/m", "redis-sentinel://h/m?master=x",
		"redis-sentinel://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/m",
	} {
		err := relay.CheckURL(url)
		if err == nil {
			t.Errorf("%q is accepted", url)
		} else if s := err.Error(); len(s) > 120 || strings.Contains(s, "canary") {
			t.Errorf("%q: %q", url, s)
		}
	}
}

func FuzzURL(f *testing.F) {
	f.Add("redis-sentinel://u:p@a:1,b/m?db=2")
	f.Add("rediss://:p@[::1]:6379/0")
	f.Fuzz(func(t *testing.T, url string) {
		if relay.CheckURL(url) == nil {
			d, err := relay.OpenRedis(url, "")
			if err != nil {
				t.Fatalf("checked, but: %v", err)
			}
			_ = d.Close()
		}
	})
}
