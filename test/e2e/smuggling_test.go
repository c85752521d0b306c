//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// smuggled are ways to say of one request where it ends in two ways, so that a proxy and a node
// behind it could disagree; %s is a second request that the proxy should take for a body.
func smuggled() map[string]string {
	post := "POST /media/whep/closed HTTP/1.1\r\nHost: live.example\r\nContent-Type: application/sdp\r\n"
	chunks := func(te string) string { return post + "Content-Length: %d\r\n" + te + "\r\n\r\n0\r\n\r\n%s" }
	return map[string]string{
		"length and chunks":  chunks("Transfer-Encoding: chunked"),
		"unknown coding":     chunks("Transfer-Encoding: xchunked"),
		"space before colon": chunks("Transfer-Encoding : chunked"),
		"tab":                chunks("Transfer-Encoding:\tchunked"),
		"folded":             chunks("X: y\r\n Transfer-Encoding: chunked"),
		"line feed":          chunks("X: y\nTransfer-Encoding: chunked"),
		"two codings":        chunks("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
		"chunked, identity":  chunks("Transfer-Encoding: chunked, identity"),
		"vertical tab":       chunks("Transfer-Encoding: \x0bchunked"),
		"connection header":  chunks("Connection: Content-Length, Authorization"),
		"two lengths":        post + "Content-Length: 0\r\nContent-Length: %d\r\n\r\n%s",
		"signed length":      post + "Content-Length: +%d\r\n\r\n%s",
		"length 0":           post + "Content-Length: 0\r\nX-Length: %d\r\n\r\n%s",
		"HTTP/1.0 chunks":    strings.Replace(post, "HTTP/1.1", "HTTP/1.0", 1) + "Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n%s",
	}
}

// Nothing gets past the proxy to the node: no request inside a request, no made-up address, no
// made-up base.
func TestNginxSmuggling(t *testing.T) {
	n := newBehindNginx(t)
	d := &door{t: t, proxy: n.proxy, client: n.proxy.Client(false), proto: "HTTP/1.1"}
	for name, form := range smuggled() {
		n.wantNotSmuggled(t, d, name, form)
	}
	for _, r := range n.proxy.Requests(t) {
		if strings.HasPrefix(r, "DELETE /whip") && strings.HasSuffix(r, " 200") {
			t.Errorf("nginx passed a hidden request on: %s", r)
		}
	}
	for _, header := range [][]string{
		{"X-Forwarded-Host", "evil.example"},
		{"X-Forwarded-Prefix", "/evil"},
		{"X-Forwarded-Proto", "http"},
		{"Forwarded", "host=evil.example;proto=http;for=203.0.113.5"},
		{"X_Forwarded_Host", "evil.example"},
	} {
		r := d.do("POST", "/whep/closed", n.play, "application/sdp", example(t, "whep-offer.sdp"), header...)
		if at := d.want(r, http.StatusCreated).Header.Get("Location"); !strings.HasPrefix(at, n.proxy.URL+"/whep/closed/") {
			t.Errorf("%s: Location %s", header, at)
		}
	}
}

// hiddenAnswer is how long an answer to a hidden request is waited for. One that comes later is seen by
// what it did.
const hiddenAnswer = 300 * time.Millisecond

// wantNotSmuggled hides the DELETE of a session in another request. The node itself would take
// it; the path without /media/ is none of the proxy's.
func (n *behindNginx) wantNotSmuggled(t *testing.T, d *door, name, form string) {
	t.Helper()
	victim := d.want(d.do("POST", "/whip/closed", n.publish, "application/sdp", example(t, "whip-offer.sdp")), http.StatusCreated)
	session := strings.TrimPrefix(victim.Header.Get("Location"), n.proxy.URL)
	hidden := "DELETE " + session + " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	c := n.proxy.Dial(t)
	_ = c.SetDeadline(time.Now().Add(startsWithin))
	_, _ = fmt.Fprintf(c, form, len(hidden)+len("0\r\n\r\n"), hidden)
	answer := make([]byte, 64<<10)
	some, _ := c.Read(answer)
	_ = c.SetDeadline(time.Now().Add(hiddenAnswer))
	more, _ := io.ReadFull(c, answer[some:])
	answer = answer[:some+more]
	c.Close()
	if len(answer) == 0 {
		t.Errorf("%s: no answer", name)
	}
	if strings.Contains(string(answer), "HTTP/1.1 200") {
		t.Errorf("%s: the hidden request was answered:\n%s", name, answer)
	}
	d.want(d.do("GET", session, "", "", ""), http.StatusNoContent)
	d.want(d.do("DELETE", session, "", "", ""), http.StatusOK)
}

// Behind the proxy a token for one network is still for that network alone, and who tries tokens
// is slowed down alone.
func TestNginxAddresses(t *testing.T) {
	n := newBehindNginx(t)
	d := &door{t: t, proxy: n.proxy, client: n.proxy.Client(true), proto: "HTTP/2.0"}
	elsewhere, here := n.mint(t, n.data, "play", "--ip", "203.0.113.0/24"), n.mint(t, n.data, "play", "--ip", "127.0.0.1")
	d.want(d.do("GET", "/streams.json", here, "", ""), http.StatusOK)
	for _, header := range [][]string{
		nil, {"X-Forwarded-For", "203.0.113.5"}, {"Forwarded", "for=203.0.113.5"}, {"X-Real-IP", "203.0.113.5"}, {"X-Forwarded-For", "203.0.113.5, 127.0.0.1"},
	} {
		d.want(d.do("GET", "/streams.json", elsewhere, "", "", header...), http.StatusForbidden)
	}
	n.wantOneSlowed(t, here)
}

// wantOneSlowed: bad tokens of one client are answered by 429 after a while, a good one of
// another goes on to be taken.
func (n *behindNginx) wantOneSlowed(t *testing.T, token string) {
	t.Helper()
	evil := &door{t: t, proxy: n.proxy, client: n.proxy.ClientFrom("127.0.0.2"), proto: "HTTP/1.1"}
	other := &door{t: t, proxy: n.proxy, client: n.proxy.ClientFrom("127.0.0.1"), proto: "HTTP/1.1"}
	for range 1000 {
		answer := evil.do("GET", "/streams.json", "x.y.z", "", "")
		_, _ = io.Copy(io.Discard, answer.Body) // one connection for all
		answer.Body.Close()
		if answer.StatusCode == http.StatusTooManyRequests {
			other.want(other.do("GET", "/streams.json", token, "", ""), http.StatusOK)
			return
		}
	}
	t.Error("1000 bad tokens and no 429")
}
