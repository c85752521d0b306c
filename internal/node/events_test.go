package node_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/sdp/sdptest"
)

// TestE68_HostEndsEventStreams: a node that is shut down tells those who listen before it ends
// their sessions (an event stream takes no event once its session has ended), and does not
// wait for responses that never end.
func TestE68_HostEndsEventStreams(t *testing.T) {
	const soon = 3 * time.Second // less than requests get to end in
	h, stop := serve(t, hostConfig(), nil)
	base := "http://" + h.HTTPAddr().String()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	made, err := client.Post(base+"/whep/live", "application/sdp", strings.NewReader(sdptest.Recorded("chromium-whep")))
	if err != nil {
		t.Fatal(err)
	}
	made.Body.Close()
	r, err := client.Do(&http.Request{
		Method: "GET", URL: must(made.Location()).JoinPath("events"), Header: http.Header{"Accept": {"text/event-stream"}, "Accept-Encoding": {"gzip"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	begun := time.Now()
	stop()
	if took := time.Since(begun); took > soon {
		t.Errorf("closing took %v", took)
	}
	if text, err := io.ReadAll(r.Body); err != nil || !strings.HasSuffix(string(text), "event: reconnect\ndata: {}\n\n") {
		t.Errorf("the last words: %q, %v", text, err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestHostileEvents: clients that open every event stream there is and never read, hang
// up, or send nonsense.
func TestHostileEvents(t *testing.T) {
	const clients, rounds = 8, 50
	v := newVictim(t)
	s := v.studio("watched")
	session := must(http.NewRequest("GET", s.player.URL(), http.NoBody)).URL.Path
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			for i := range rounds {
				switch i % 4 {
				case 0:
					v.hangUp(v.listening(session))
				case 1:
					v.listening(session) // held until the test ends
				case 2:
					v.nonsense(session+"/events", fmt.Sprintf(`["active",%q]`, strings.Repeat("x", i)))
				default:
					v.nonsense(session+"/layer", fmt.Sprintf(`{"rid":%q,"spatialLayerId":%d`, strings.Repeat("\x00", c), i))
				}
			}
		})
	}
	wg.Wait()
	s.wantMedia()
	s.leave()
	v.wantUnharmed()
}

// listening opens a session's events, and reads the status at most.
func (v *victim) listening(session string) net.Conn {
	c := v.dial()
	fmt.Fprintf(c, "GET %s/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nConnection: close\r\n\r\n", session)
	status := make([]byte, len("HTTP/1.1 200"))
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(c, status); err != nil {
		v.t.Error(err)
	}
	if got := string(status[9:]); got != "200" && got != "422" {
		v.t.Errorf("status %s", got)
	}
	return c
}

func (v *victim) hangUp(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	_ = c.Close()
}

func (v *victim) nonsense(path, body string) {
	r := v.do("POST", path, strings.NewReader(body), "Content-Type", "application/json")
	if r.fault() != "" {
		v.t.Errorf("%s: %s", body, r.fault())
	}
}
