package node_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
	"github.com/whippet-media/whippet/internal/signaling"
)

// slowest is the most time any slow client gets: the longest deadline, and some for a
// busy machine.
const slowest = 20 * time.Second

// slowClients are the ways to hold a connection for nothing: what is sent at once, and
// a byte sent again and again.
func slowClients(token string) map[string]struct{ request, drip string } {
	post := "POST /whip/slow HTTP/1.1\r\nHost: x\r\nContent-Type: application/sdp\r\nAuthorization: Bearer " + token + "\r\n"
	return map[string]struct{ request, drip string }{
		"silent":                         {"", ""},
		"request line":                   {"G", "E"},
		"headers":                        {"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", "a"},
		"body that never comes":          {post + "Content-Length: 1000\r\n\r\n", ""},
		"body byte by byte":              {post + "Content-Length: 60000\r\n\r\n", "v"},
		"chunks byte by byte":            {post + "Transfer-Encoding: chunked\r\n\r\n", "1\r\nv\r\n"},
		"body nobody may send":           {"POST /whip/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "v"},
		"page with a body":               {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", ""},
		"page with a body byte by byte":  {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n", "v"},
		"list with a body":               {"GET /streams.json HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nv\r\n"},
		"GET of an endpoint with a body": {"GET /whep/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", ""},
		"OPTIONS with a body":            {"OPTIONS /whip/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", ""},
		"session with a body":            {"DELETE /whip/slow/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", ""},
		"Expect":                         {post + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", ""},
		"ICE-TCP, half a length":         {"\x00", ""},
		"ICE-TCP, half a frame":          {"\x01\x00\x00\x01", "\x00"},
	}
}

// TestHostileSlow: whoever takes too long is cut off, and holds up nobody meanwhile:
// a stream works, and thousands of damaged offers get their answers.
func TestHostileSlow(t *testing.T) {
	v := newVictim(t)
	var wg sync.WaitGroup
	for name, s := range slowClients(v.token) {
		for range 3 {
			c := v.dial()
			wg.Go(func() { v.drip(name, c, s.request, s.drip) })
		}
	}
	v.wantWorking()
	v.mutations()
	wg.Wait()
	v.wantUnharmed()
}

// drip plays a slow client until the node has closed the connection.
func (v *victim) drip(name string, c net.Conn, request, drip string) {
	gone := make(chan struct{})
	start := time.Now()
	go func() {
		defer close(gone)
		_ = c.SetReadDeadline(start.Add(slowest))
		_, err := io.Copy(io.Discard, c)
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			v.t.Errorf("%s: held a connection for %v", name, time.Since(start))
		}
	}()
	_, _ = io.WriteString(c, request)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			_ = c.Close()
			return
		case <-tick.C:
			_, _ = io.WriteString(c, drip)
		}
	}
}

// TestHostileHalfOpen: POSTs that are never followed by a connection fill a part of the
// node only, and that part is free again after a while.
func TestHostileHalfOpen(t *testing.T) {
	const limit, posts, life = 40, 120, 2 * time.Second
	before := goroutines()
	n, err := node.New(config.Config{MaxSessions: 1000}, node.Deps{
		UDP: []net.PacketConn{udpSocket(t)}, Verifier: verifier(t),
		Limits: signaling.Limits{HalfOpen: limit, ConnectTimeout: life},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(n.Handler())
	v := &victim{
		t: t, node: n, addr: server.Listener.Addr().String(), token: token(t, "*", auth.Subscribe),
		client: &http.Client{Transport: &http.Transport{}},
	}
	made := 0
	start := time.Now()
	for range posts {
		switch r := v.post("/whep/studio", sdptest.Recorded("chromium-whep")); {
		case r.status == 201:
			made++
		case r.status != 503 || r.header.Get("Retry-After") == "" || !strings.Contains(r.body, "urn:whippet:problem:too-many-unconnected"):
			t.Fatalf("%d %v %s", r.status, r.header, r.body)
		}
	}
	if made != limit && time.Since(start) < life {
		t.Errorf("%d sessions, want %d", made, limit)
	}
	full := time.Now()
	if !v.settle(func() bool { return v.left() == nothing }) {
		t.Errorf("the node still holds %s", v.left())
	}
	if took := time.Since(full); took > life+3*time.Second {
		t.Errorf("free again after %v", took)
	}
	if r := v.post("/whep/studio", sdptest.Recorded("chromium-whep")); r.status != 201 {
		t.Errorf("after the flood: %d %s", r.status, r.body)
	}
	v.client.CloseIdleConnections()
	server.Close()
	n.Close()
	wantGoroutines(t, before)
}
