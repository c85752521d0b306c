package attack

import (
	"net/http"
	"strings"
	"testing"
)

// forged are the headers by which clients pretend to come from somewhere else.
func forged(address string) [][]string {
	return [][]string{
		{"X-Forwarded-For", address},
		{"X-Forwarded-For", address + ", 127.0.0.1"},
		{"X-Forwarded-For", "127.0.0.1, " + address},
		{"X-Forwarded-For", address, "X-Forwarded-For", address},
		{"Forwarded", "for=" + address},
		{"Forwarded", `for="` + address + `:80"`},
		{"X-Real-IP", address},
		{"X-Client-IP", address},
		{"True-Client-IP", address},
		{"CF-Connecting-IP", address},
		{"X-Cluster-Client-IP", address},
		{"Client-IP", address},
		{"X-Originating-IP", address},
		{"X-Remote-Addr", address},
		{"Via", "1.1 " + address},
		{"x_forwarded_for", address},
		{"X-Forwarded-For", address, "Forwarded", "for=" + address},
	}
}

// TestForgedAddress: a token bound to a network works from nowhere else, whatever a client says
// about where it is.
func TestForgedAddress(t *testing.T) {
	n := newKeep(t)
	n.wantIn(t, "from here", good("ip", []string{"127.0.0.0/8"}))
	for _, header := range forged("203.0.113.5") {
		for _, d := range n.doors() {
			r := d.open(n.name()).bearer(good("ip", []string{"203.0.113.0/24"}))
			r.header = append(r.header, header...)
			n.wantForbidden(t, strings.Join(header, ": "), r)
		}
	}
}

// TestForgedAddressThroughAProxy: the proxy adds its peer behind what the client sent; that
// counts and nothing before it.
func TestForgedAddressThroughAProxy(t *testing.T) {
	n := newKeep(t, "--trusted-proxies", "127.0.0.0/8,10.0.0.0/8")
	token := good("ip", []string{"203.0.113.0/24"})
	list := func(name, value string) request {
		r := request{method: "GET", path: "/streams.json"}.bearer(token)
		r.header = append(r.header, name, value)
		return r
	}
	for name, value := range map[string]string{"X-Forwarded-For": "203.0.113.5", "Forwarded": "for=203.0.113.5"} {
		if a := n.do(t, list(name, value)); a.status != http.StatusOK {
			t.Errorf("%s of a trusted proxy: %v", name, a)
		}
	}
	for _, chain := range []string{
		"203.0.113.5, 198.51.100.7", "203.0.113.5, 198.51.100.7, 10.0.0.1", "198.51.100.7", "203.0.113.5, unknown", "203.0.113.5, ", "203.0.113.5,,198.51.100.7",
		"203.0.113.5, 0x0a000001", "203.0.113.5, 10.0.0.1.evil.example", "_hidden, 198.51.100.7",
	} {
		n.wantForbidden(t, "X-Forwarded-For: "+chain, list("X-Forwarded-For", chain))
	}
	for _, chain := range []string{
		"for=203.0.113.5, for=198.51.100.7", `for=203.0.113.5, for="_x"`, `for="203.0.113.5;for=198.51.100.7`, "for=203.0.113.5, for=unknown", "for=198.51.100.7;by=203.0.113.5",
	} {
		n.wantForbidden(t, "Forwarded: "+chain, list("Forwarded", chain))
	}
	both := list("X-Forwarded-For", "198.51.100.7")
	both.header = append(both.header, "Forwarded", "for=203.0.113.5")
	n.wantForbidden(t, "two headers that differ", both)
}

// TestForgedBase: where Location leads is not for a client to say: a token follows it.
func TestForgedBase(t *testing.T) {
	for name, flags := range map[string][]string{"no proxy": nil, "a public URL": {"--public-url", "https://live.example/m", "--trusted-proxies", "127.0.0.1"}} {
		n := newKeep(t, flags...)
		want := n.URL
		if flags != nil {
			want = flags[1]
		}
		for _, header := range [][]string{
			{"X-Forwarded-Host", "evil.example", "X-Forwarded-Proto", "https"},
			{"Forwarded", "host=evil.example;proto=https"},
			{"X-Forwarded-Prefix", "/evil"},
			{"X-Forwarded-Server", "evil.example"},
			{"X-Original-Host", "evil.example"},
			{"X-Forwarded-Port", "1"},
			{"Origin", "https://evil.example"},
			{"Referer", "https://evil.example"},
		} {
			r := post("/whip/"+n.name(), offer("whip"), header...).bearer(good())
			a := n.do(t, r)
			if got := a.header.Get("Location"); !strings.HasPrefix(got, want+"/whip/") || strings.Contains(a.header.Get("Link"), "evil") {
				t.Errorf("%s, %s: Location %s, want one at %s", name, header, got, want)
			}
		}
	}
}

// TestUnusableBase: what a trusted proxy passes on from a client is still no way to write a
// header or another site's URL into an answer.
func TestUnusableBase(t *testing.T) {
	n := newKeep(t, "--trusted-proxies", "127.0.0.1")
	for _, header := range [][]string{
		{"X-Forwarded-Host", "a b"},
		{"X-Forwarded-Host", "user@evil.example"},
		{"X-Forwarded-Host", "evil.example/path"},
		{"X-Forwarded-Host", "evil.example#"},
		{"X-Forwarded-Host", `evil.example\@x`},
		{"X-Forwarded-Host", "evil.example>; rel=x"},
		{"X-Forwarded-Proto", "javascript"},
		{"X-Forwarded-Proto", "https://evil.example/#"},
		{"X-Forwarded-Prefix", "//evil.example"},
		{"X-Forwarded-Prefix", "/../.."},
		{"X-Forwarded-Prefix", "/a?b"},
		{"X-Forwarded-Prefix", "evil.example"},
		{"X-Forwarded-Prefix", `/\evil.example`},
	} {
		a := n.do(t, post("/whip/"+n.name(), offer("whip"), header...).bearer(good()))
		if got := a.header.Get("Location"); a.status != http.StatusCreated || !strings.HasPrefix(got, n.URL+"/whip/") {
			t.Errorf("%s: Location %s, want one at %s", header, got, n.URL)
			continue
		}
		n.leave(t, a)
	}
}
