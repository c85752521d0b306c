package node_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// rawCase is a request as bytes. %s stands for the token.
type rawCase struct {
	name, request string
	want          []int // any of them
}

func rawCases() []rawCase {
	post := func(headers, body string) string {
		return "POST /whip/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/sdp\r\nAuthorization: Bearer %s\r\n" +
			headers + "\r\n" + body
	}
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" }
	return []rawCase{
		{"header of 1 MiB", post("X-A: "+strings.Repeat("a", 1<<20)+"\r\n", ""), []int{431}},
		{"100,000 headers", post(strings.Repeat("X-A: b\r\n", 100_000), ""), []int{431}},
		{"header without a colon", post("nonsense\r\n", ""), []int{400}},
		{"folded header", post("X-A: b\r\n  c\r\n", "x"), []int{400, 411}},
		{"space before the colon", post("Content-Length : 3\r\n", "v=0"), []int{400}},
		{"NUL in a header", post("X-A: \x00\r\n", ""), []int{400}},
		{"no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", []int{400}},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", []int{400}},
		{"two lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "v=0\n"), []int{400}},
		{"length and chunks", post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), []int{400}},
		{"negative length", post("Content-Length: -1\r\n", ""), []int{400}},
		{"length with a sign", post("Content-Length: +3\r\n", "v=0"), []int{400}},
		{"huge length", post("Content-Length: 99999999999999999999\r\n", ""), []int{400}},
		{"length beyond the bound", post("Content-Length: 9000000000\r\n", strings.Repeat("x", 5<<20)), []int{413}},
		{"chunk size is no number", post("Transfer-Encoding: chunked\r\n", "zz\r\n"), []int{400}},
		{"chunk size overflows", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"), []int{400}},
		{"chunk extensions", post("Transfer-Encoding: chunked\r\n", "1;"+strings.Repeat("a", 1<<16)+"\r\nv\r\n"), []int{400}},
		{"endless chunks", post("Transfer-Encoding: chunked\r\n", strings.Repeat("400\r\n"+strings.Repeat("x", 1024)+"\r\n", 5<<10)), []int{413}},
		{"no body", post("", ""), []int{400}},
		{"empty body", post("Content-Length: 0\r\n", ""), []int{400}},
		{"trailers", post("Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n", "3\r\nv=0\r\n0\r\nContent-Length: 9\r\n\r\n"), []int{400}},
		{"duplicated Authorization", post("Authorization: Bearer x\r\nContent-Length: 3\r\n", "v=0"), []int{400}},
		{"unknown transfer coding", post("Transfer-Encoding: gzip\r\n", ""), []int{400, 501}}, // RFC 9112 §6.1 asks for 501
		{"lower-case version", "GET / http/1.1\r\nHost: x\r\n\r\n", []int{400}},
		{"version of the future", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", []int{400, 505}}, // RFC 9110 §15.6.6
		{"HTTP/2 with prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", []int{400, 404, 405}},
		{"request line of 1 MiB", get("/" + strings.Repeat("a", 1<<20)), []int{414, 431}},
		{"garbage", "\xff\xfe\xfd garbage \r\n\r\n", []int{400}},
		{"a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		{"newlines only", strings.Repeat("\r\n", 1000), []int{0, 400}},
		{"absolute form of another host", "GET http://evil.example/whip/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{200}},
		{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\nConnection: close\r\n\r\n", []int{400, 404, 405}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{200}},
		{"star as a path", "GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{400, 404}},
		{"path without a slash", get("whip/studio"), []int{400}},
		{"method with a NUL", "G\x00T / HTTP/1.1\r\nHost: x\r\n\r\n", []int{400}},
		{"unknown method", "BREW /whip/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{405}},
		{"TRACE", "TRACE /whip/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{405}},
		{"long method", strings.Repeat("M", 8000) + " /whip/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []int{400, 405}},
		{"NUL in a path", get("/whip/\x00"), []int{400}},
		{"escaped NUL", get("/whip/%%00"), []int{404}},
		{"broken escape", get("/whip/%%zz"), []int{400}},
		{"encoded slash", get("/whip/a%%2Fb"), []int{404}},
		{"dot segments", get("/whip/../../etc/passwd"), []int{404}},
		{"encoded dot segments", get("/%%2e%%2e/%%2e%%2e/etc/passwd"), []int{404}},
		{"backslashes", get("/..\\..\\etc\\passwd"), []int{404}},
		{"name too long", get("/whip/" + strings.Repeat("a", 20_000)), []int{404}},
		{"name that is no UTF-8", get("/whip/%%ff%%fe"), []int{404}},
		{"many segments", get("/whip" + strings.Repeat("/a", 8000)), []int{404}},
		{"many slashes", get(strings.Repeat("/", 8000)), []int{404}},
		{"session that never was", get("/whip/studio/" + strings.Repeat("A", 10_000)), []int{404}},
	}
}

// TestHostileRequests: bytes that are no request, or hardly one.
func TestHostileRequests(t *testing.T) {
	v := newVictim(t)
	for _, c := range rawCases() {
		t.Run(c.name, func(t *testing.T) {
			request := strings.ReplaceAll(strings.Replace(c.request, "%s", v.token, 1), "%%", "%")
			answer, closed := v.send([]byte(request), 15*time.Second)
			if !closed {
				t.Error("the connection stays open")
			}
			wantRaw(t, answer, c.want)
		})
		if got := v.left(); got != nothing {
			t.Fatalf("%s: the node holds %s", c.name, got)
		}
	}
	v.wantUnharmed()
}

// wantRaw checks the first response of a connection. Refusals that come from our
// handlers are problems; those of net/http itself, for what is no HTTP, are plain text.
func wantRaw(t *testing.T, answer string, want []int) {
	t.Helper()
	if answer == "" {
		answer = "HTTP/1.1 000 none\r\nConnection: close\r\n\r\n"
	}
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil {
		t.Fatalf("no HTTP: %v\n%.300q", err, answer)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	ok := false
	for _, status := range want {
		ok = ok || status == resp.StatusCode
	}
	if !ok {
		t.Errorf("status %d, want %v: %s", resp.StatusCode, want, body)
	}
	plain := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain")
	if r := (reply{resp.StatusCode, resp.Header, string(body)}); resp.StatusCode >= 400 && !plain && r.fault() != "" {
		t.Error(r.fault())
	}
}

// TestHostileHeaders: well-formed requests whose headers go too far.
func TestHostileHeaders(t *testing.T) {
	v := newVictim(t)
	long := strings.Repeat("a", 16<<10)
	tags := strings.Repeat(`"x", `, 5000)
	r := v.post("/whip/studio", sdptest.OBS())
	if r.status != 201 {
		t.Fatal(r)
	}
	session := pathOf(r)
	fragment := sdptest.Fragment(sdptest.RFC, "", "", "0")
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		want                     int
	}{
		{"long token", "POST", "/whip/s", "v=0", []string{"Authorization", "Bearer " + long}, 401},
		{"token of dots", "POST", "/whip/s", "v=0", []string{"Authorization", "Bearer " + strings.Repeat(".", 8000)}, 401},
		{"token with quotes", "POST", "/whip/s", "v=0", []string{"Authorization", `Bearer ", error="none`}, 401},
		{"long media type", "POST", "/whip/s", "v=0", []string{"Content-Type", "application/sdp;" + strings.Repeat("a=b;", 4000)}, 400},
		{"other media type", "POST", "/whip/s", "v=0", []string{"Content-Type", "a/" + long}, 415},
		{"long If-Match list", "PATCH", session, fragment, []string{"If-Match", tags}, 412},
		{"If-Match of quotes", "PATCH", session, fragment, []string{"If-Match", strings.Repeat(`"`, 8000)}, 412},
		{"If-Match of weak tags", "PATCH", session, fragment, []string{"If-Match", strings.Repeat(`W/"x",`, 4000)}, 412},
		{"If-Match of commas", "PATCH", session, fragment, []string{"If-Match", strings.Repeat(",", 16<<10)}, 412},
		{"no If-Match", "PATCH", session, fragment, nil, 428},
		{"token of another on a session", "DELETE", session, "", []string{"Authorization", "Bearer " + long}, 401},
	} {
		h := append([]string{"Content-Type", "application/sdp"}, c.header...)
		if c.method == "PATCH" {
			h[1] = "application/trickle-ice-sdpfrag"
		}
		r := v.do(c.method, c.path, strings.NewReader(c.body), h...)
		if r.status != c.want || r.fault() != "" {
			t.Errorf("%s: %d, want %d; %s", c.name, r.status, c.want, r.fault())
		}
	}
	if got := v.do("DELETE", session, nil); got.status != 200 {
		t.Errorf("DELETE: %d", got.status)
	}
	v.wantUnharmed()
}

// TestHostilePipeline: garbage behind a good request on the same connection ends the
// connection, after the good one's answer.
func TestHostilePipeline(t *testing.T) {
	v := newVictim(t)
	good := "GET /whep/studio HTTP/1.1\r\nHost: x\r\n\r\n"
	answer, closed := v.send([]byte(strings.Repeat(good, 3)+"\x00\x01garbage\r\n\r\n"+good), 10*time.Second)
	if n := strings.Count(answer, "HTTP/1.1 200"); n != 3 || strings.Count(answer, "HTTP/1.1 400") != 1 || !closed {
		t.Errorf("%d answers, closed: %v\n%s", n, closed, answer)
	}
	smuggled := "POST /whip/studio HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Type: application/sdp\r\n\r\nv=0GET /whep/studio HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	answer, _ = v.send([]byte(smuggled), 10*time.Second)
	if strings.Count(answer, "HTTP/1.1 401") != 1 || strings.Count(answer, "HTTP/1.1 200") != 1 {
		t.Errorf("a refused body runs into the next request:\n%s", answer)
	}
	v.wantUnharmed()
}

// TestHostileBytes: requests with random bytes changed, by several clients at once.
func TestHostileBytes(t *testing.T) {
	const clients, rounds = 8, 40
	v := newVictim(t)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(3, uint64(c)))
			for range rounds {
				v.changedPost(rnd, fmt.Sprintf("bytes-%d", c))
			}
		})
	}
	wg.Wait()
	v.wantUnharmed()
}

func (v *victim) changedPost(rnd *rand.Rand, stream string) {
	offer := sdptest.OBS()
	request := fmt.Appendf(nil, "POST /whip/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/sdp\r\n"+
		"Authorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", stream, v.token, len(offer), offer)
	for range 1 + rnd.IntN(4) {
		request[rnd.IntN(300)] = byte(rnd.Uint32())
	}
	answer, _ := v.send(request, 500*time.Millisecond) // some wait for more than is sent
	switch {
	case strings.HasPrefix(answer, "HTTP/1.1 501"), strings.HasPrefix(answer, "HTTP/1.1 505"): // as RFC 9110 wants
	case strings.HasPrefix(answer, "HTTP/1.1 5"):
		v.t.Errorf("%.200q for %.200q", answer, request)
	case strings.HasPrefix(answer, "HTTP/1.1 201"):
		if resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil); err == nil {
			v.do("DELETE", pathOf(reply{201, resp.Header, ""}), nil)
		}
	}
}

// TestHostilePatches: a session stands a flood of PATCHes, all of them answered, and
// restarts are bounded.
func TestHostilePatches(t *testing.T) {
	const restarts = 300
	v := newVictim(t)
	r := v.post("/whip/patched", sdptest.OBS())
	if r.status != 201 {
		t.Fatal(r)
	}
	session, refused := pathOf(r), 0
	for i := range restarts {
		body := sdptest.Fragment(sdptest.RFC, fmt.Sprintf("ufrag%d", i), strings.Repeat("p", 22+i%200), "0",
			strings.Repeat("candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=", 100)+"candidate:1 1 udp 1 192.0.2.1 9 typ host")
		p := v.do("PATCH", session, strings.NewReader(body), "Content-Type", "application/trickle-ice-sdpfrag", "If-Match", "*")
		switch {
		case p.status == 422:
			refused++
		case p.status != 200 && p.fault() != "":
			t.Fatalf("restart %d: %d %s", i, p.status, p.body)
		}
	}
	if refused == 0 {
		t.Error("a session can be restarted without end")
	}
	if got := v.left(); !strings.HasPrefix(got, "sessions=1 ") && !strings.HasPrefix(got, "sessions=0 ") || !smallLeft(got) {
		t.Errorf("the node holds %s", got)
	}
	if got := v.do("DELETE", session, nil); got.status != 200 && got.status != 404 {
		t.Errorf("DELETE: %d", got.status)
	}
	v.wantUnharmed()
}

// smallLeft tells whether a node holds what one session may hold.
func smallLeft(left string) bool {
	var all, halfOpen, streams, subscribers, history, peers, ufrags, addresses int
	_, err := fmt.Sscanf(left, "sessions=%d half-open=%d streams=%d subscribers=%d history=%d peers=%d ufrags=%d addresses=%d",
		&all, &halfOpen, &streams, &subscribers, &history, &peers, &ufrags, &addresses)
	return err == nil && peers <= 1 && ufrags <= 2 && addresses <= 128 && !errors.Is(err, io.EOF)
}
