package signalingtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/signaling"
)

var wireRows = []Row{
	{"W6", "E8", "content_length", testContentLength},
	{"W12", "E11", "body_too_large", testBodyTooLarge},
	{"W13", "E8", "chunked_expect", testChunkedExpect},
	{"W13", "E8", "http2", testHTTP2},
	{"W128", "E54", "large_body_without_token", testLargeBodyWithoutToken},
	{"W12", "E11", "slow_body", testSlowBody},
}

// A wire is a raw connection to a target's server.
type wire struct {
	net.Conn
	r *bufio.Reader
}

// smallBuffers makes the kernel hold little of what a server has not read, so that a
// client cannot write a large body unless it is read.
type smallBuffers struct{ net.Listener }

const bufferBytes = 128 << 10

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetReadBuffer(bufferBytes)
	}
	return c, err
}

func dial(t *testing.T, x *Target) *wire {
	t.Helper()
	s := httptest.NewUnstartedServer(x.Handler)
	s.Listener = smallBuffers{s.Listener}
	s.Start()
	t.Cleanup(s.Close)
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.(*net.TCPConn).SetWriteBuffer(bufferBytes); err != nil {
		t.Fatal(err)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &wire{c, bufio.NewReader(c)}
}

// head writes a POST's head with further header lines.
func (w *wire) head(t *testing.T, path string, lines ...string) {
	t.Helper()
	w.send(t, "POST "+path+" HTTP/1.1\r\nHost: node.example\r\nContent-Type: application/sdp\r\n"+
		strings.Join(lines, "\r\n")+"\r\n\r\n")
}

func (w *wire) send(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(w, s); err != nil {
		t.Fatal(err)
	}
}

// response reads a response and the body it announces.
func (w *wire) response(t *testing.T) (*http.Response, string) {
	t.Helper()
	r, err := http.ReadResponse(w.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r, ReadAll(t, r.Body)
}

func testContentLength(t *testing.T, k Kit) {
	x := k.Open(t)
	w := dial(t, x)
	offer := x.Offer()
	w.head(t, x.Endpoint("live"), "Accept-Encoding: gzip", fmt.Sprintf("Content-Length: %d", len(offer)))
	w.send(t, offer)
	r, body := w.response(t)
	if r.StatusCode != 201 || r.ContentLength != int64(len(body)) || len(r.TransferEncoding) != 0 || r.Header.Get("Content-Encoding") != "" {
		t.Errorf("status %d, length %d of %d, transfer %q, encoding %q", r.StatusCode, r.ContentLength,
			len(body), r.TransferEncoding, r.Header.Get("Content-Encoding"))
	}
	if !strings.HasPrefix(r.Header.Get("Location"), "http://node.example"+x.Endpoint("live")+"/") {
		t.Errorf("Location %q", r.Header.Get("Location"))
	}
}

// testBodyTooLarge writes all before it reads, as simple clients do.
func testBodyTooLarge(t *testing.T, k Kit) {
	for _, size := range []int{65<<10 + 1, 1 << 20} {
		for _, framing := range []string{fmt.Sprintf("Content-Length: %d", size), "Transfer-Encoding: chunked"} {
			x := k.Open(t)
			w := dial(t, x)
			w.head(t, x.Endpoint("live"), framing)
			body := strings.Repeat("x", size)
			if strings.HasPrefix(framing, "Transfer") {
				body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", size, body)
			}
			w.send(t, body)
			if r, text := w.response(t); r.StatusCode != 413 {
				t.Errorf("%s: %d %s", framing, r.StatusCode, text)
			}
			wantSessions(t, x, 0)
		}
	}
}

func testLargeBodyWithoutToken(t *testing.T, k Kit) {
	x := k.Guarded(t)
	w := dial(t, x)
	w.head(t, x.Endpoint("live"), "Content-Length: 1048576")
	w.send(t, strings.Repeat("x", 1<<20))
	if r, text := w.response(t); r.StatusCode != 401 {
		t.Errorf("%d %s", r.StatusCode, text)
	}
}

func testChunkedExpect(t *testing.T, k Kit) {
	x := k.Open(t)
	w := dial(t, x)
	w.head(t, x.Endpoint("live"), "Transfer-Encoding: chunked", "Expect: 100-continue")
	if line, err := w.r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("%q, %v", line, err)
	}
	if line, err := w.r.ReadString('\n'); err != nil || strings.TrimSpace(line) != "" {
		t.Fatalf("%q, %v", line, err)
	}
	offer := x.Offer()
	w.send(t, fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 100, offer[:100], len(offer)-100, offer[100:]))
	if r, text := w.response(t); r.StatusCode != 201 {
		t.Errorf("%d %s", r.StatusCode, text)
	}
}

func testHTTP2(t *testing.T, k Kit) {
	x := k.Open(t)
	s := httptest.NewUnstartedServer(x.Handler)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	r, err := s.Client().Post(s.URL+x.Endpoint("live"), "application/sdp", strings.NewReader(x.Offer()))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if text := ReadAll(t, r.Body); r.StatusCode != 201 || r.ProtoMajor != 2 || r.ContentLength != int64(len(text)) {
		t.Errorf("%s, %s, length %d: %s", r.Proto, r.Status, r.ContentLength, text)
	}
	if !strings.HasPrefix(r.Header.Get("Location"), "https://") {
		t.Errorf("Location %q", r.Header.Get("Location"))
	}
}

func testSlowBody(t *testing.T, k Kit) {
	x := k.New(t, signaling.Config{Limits: signaling.Limits{BodyTimeout: 100 * time.Millisecond}})
	w := dial(t, x)
	w.head(t, x.Endpoint("live"), "Content-Length: 1000")
	w.send(t, "v=0\r\n")
	if r, text := w.response(t); r.StatusCode != 408 {
		t.Errorf("%d %s", r.StatusCode, text)
	}
	wantSessions(t, x, 0)
}
