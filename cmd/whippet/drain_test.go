package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay/relaytest"
)

// freeAddress returns an address of this machine that nobody listens at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestClusterDrain: a node that is told to end sends who comes to another one, waits for
// its subscribers, and exits with 0. Who was sent on sees the picture there.
func TestClusterDrain(t *testing.T) {
	redis := relaytest.Redis(t)
	at := freeAddress(t)
	a := startNode(t, redis, "--drain-time=1m")
	b := startNode(t, redis, "--http="+at, "--public-url=http://"+at)
	b.mustPublish("cam")
	stays := a.watch("cam")
	stays.goesOn("before")
	time.Sleep(3 * time.Second) // by then each has heard of the other

	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.logged("event=leaving subscribers=1 to=http://" + at)
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, kind := range []string{"whip", "whep"} {
		r, err := once.Post(a.base+"/"+kind+"/cam", "application/sdp", strings.NewReader("v=0\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		_ = r.Body.Close()
		want := fmt.Sprintf("http://%s/%s/cam?placed=1", at, kind)
		if r.StatusCode != http.StatusTemporaryRedirect || r.Header.Get("Location") != want {
			t.Errorf("%s: %d to %q, want 307 to %s", kind, r.StatusCode, r.Header.Get("Location"), want)
		}
	}
	moved := a.watch("cam")
	if !strings.HasPrefix(moved.URL(), "http://"+at+"/") {
		t.Errorf("its session is %s", moved.URL())
	}
	moved.goesOn("sent on")
	stays.goesOn("while its node waits")

	if err := stays.Close(t.Context()); err != nil {
		t.Error(err)
	}
	select {
	case <-a.gone:
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end after its last subscriber")
	}
	if !a.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v", a.cmd.ProcessState)
	}
	moved.goesOn("the other node has ended")
}
