package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/sdp/sdptest"
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
	a.knows(2, 2)
	b.knows(2, 2)

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
	a.ends()
	if !a.cmd.ProcessState.Success() {
		t.Errorf("it ended with %v", a.cmd.ProcessState)
	}
	moved.goesOn("the other node has ended")
}

// TestClusterSecondSignal: it ends a node that waits at once, and its exit status says so.
func TestClusterSecondSignal(t *testing.T) {
	t.Parallel()
	redis := relaytest.Redis(t)
	a := startNode(t, redis, "--drain-time=10m")
	at := freeAddress(t)
	b := startNode(t, redis, "--http="+at, "--public-url=http://"+at)
	b.mustPublish("cam")
	a.watch("cam").goesOn("before")
	a.knows(2, 2)
	b.knows(2, 2)
	for range 2 {
		if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		a.logged("event=closing")
	}
	a.ends()
	if a.cmd.ProcessState.ExitCode() != secondSignal {
		t.Errorf("it ended with %v", a.cmd.ProcessState)
	}
}

// TestClusterNowhereToGo: a node whose clients nobody can take waits for nobody, and one that has begun
// to wait answers 503 with Retry-After when the other has gone, and ends when the time is over.
func TestClusterNowhereToGo(t *testing.T) {
	t.Parallel()
	redis := relaytest.Redis(t)
	const wait = 8 * time.Second
	a := startNode(t, redis, "--drain-time="+wait.String())
	at := freeAddress(t)
	b := startNode(t, redis, "--http="+at, "--public-url=http://"+at)
	a.mustPublish("cam")
	a.watch("cam").goesOn("before")
	b.watch("cam").goesOn("before")
	a.knows(2, 2)
	b.knows(2, 2)

	begun := time.Now()
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.logged("event=leaving")
	b.knows(2, 1)
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	b.ends()
	if took := time.Since(begun); !b.cmd.ProcessState.Success() || took > wait {
		t.Errorf("a node without another ends with %v after %v", b.cmd.ProcessState, took)
	}
	refused := a.refused("cam")
	if n, err := strconv.Atoi(refused.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After %q", refused.Header.Get("Retry-After"))
	}
	a.ends()
	if took := time.Since(begun); !a.cmd.ProcessState.Success() || took < wait {
		t.Errorf("a node whose subscriber stays ends with %v after %v", a.cmd.ProcessState, took)
	}
}

// knows waits until the node knows so many nodes, of which so many are ready for sessions. One that has
// just begun to start announces itself before it is.
func (p *process) knows(all, ready int) {
	p.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, body := p.ask("/api/v1/nodes")
		var list struct{ Items []struct{ State string } }
		if err := json.Unmarshal(body, &list); status != http.StatusOK || err != nil {
			p.t.Fatalf("%d %s: %v", status, body, err)
		}
		n := 0
		for _, node := range list.Items {
			if node.State == "ready" {
				n++
			}
		}
		if len(list.Items) == all && n == ready {
			return
		}
		if time.Now().After(end) {
			p.t.Fatalf("it knows %s, want %d nodes, %d of them ready", body, all, ready)
		}
	}
}

// refused POSTs to the node until it is refused for now: it may still know of a node that has gone.
func (p *process) refused(stream string) *http.Response {
	p.t.Helper()
	once := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r, err := once.Post(p.base+"/whep/"+stream, "application/sdp", strings.NewReader("v=0\r\n"))
		if err != nil {
			p.t.Fatal(err)
		}
		_ = r.Body.Close()
		if r.StatusCode == http.StatusServiceUnavailable {
			return r
		}
		if time.Now().After(end) {
			p.t.Fatalf("a node with nowhere to send to answers %d", r.StatusCode)
		}
	}
}

// ends waits until the process has ended by itself.
func (p *process) ends() {
	p.t.Helper()
	select {
	case <-p.gone:
	case <-time.After(20 * time.Second):
		p.t.Fatal("it does not end")
	}
}

// TestClusterCommandsMove: play goes where its node sends it, without --retry, and publish where that
// redirects it to when it comes back.
func TestClusterCommandsMove(t *testing.T) {
	t.Parallel()
	redis := relaytest.Redis(t)
	first, second := freeAddress(t), freeAddress(t)
	a := startNode(t, redis, "--drain-time=1m", "--http="+first, "--public-url=http://"+first)
	startNode(t, redis, "--http="+second, "--public-url=http://"+second)
	ctx, cancel := context.WithCancel(t.Context())
	publish := startCommand(ctx, t, "publish", "--retry", "--json", a.base+"/whip/cam")
	a.knows(2, 2)
	video := filepath.Join(t.TempDir(), "cam.h264")
	play := startCommand(ctx, t, "play", "--json", "--output-video="+video, a.base+"/whep/cam")
	play.says(`"sessions":1,"video":`)
	publish.says(`"sessions":1,"video":`)

	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.ends()
	play.says("wants a new session at http://" + second + "/whep/cam")
	publish.says(`"sessions":2,"video":`)
	play.says(`"sessions":2,"video":`)
	cancel()
	for _, c := range []*commandRun{publish, play} {
		if status := <-c.status; status != 0 {
			t.Errorf("it ended with %d: %s", status, c.text())
		}
	}
	if info, err := os.Stat(video); err != nil || info.Size() < 10_000 {
		t.Errorf("the file: %v, %v", info, err)
	}
}

// A commandRun is a command that runs in this process.
type commandRun struct {
	t      *testing.T
	status chan int

	mu  sync.Mutex
	all strings.Builder
}

func startCommand(ctx context.Context, t *testing.T, args ...string) *commandRun {
	t.Helper()
	c := &commandRun{t: t, status: make(chan int, 1)}
	go func() {
		c.status <- run(ctx, &console{In: strings.NewReader(""), Out: c, Err: c, Version: "v0"}, args, vars{}.lookup)
	}()
	return c
}

// Write keeps what the command says.
func (c *commandRun) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.Write(b)
}

func (c *commandRun) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all.String()
}

// says waits until the command has said something.
func (c *commandRun) says(want string) {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); !strings.Contains(c.text(), want); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("it does not say %q:\n%s", want, c.text())
		}
	}
}

// TestClusterTickets: a browser that shows a token follows a node that ends to another one, where it
// shows none.
func TestClusterTickets(t *testing.T) {
	t.Parallel()
	redis := relaytest.Redis(t)
	at := freeAddress(t)
	a := startNode(t, redis, "--auth=token", "--drain-time=1m")
	b := startNode(t, redis, "--auth=token", "--http="+at, "--public-url=http://"+at)
	a.knows(2, 2)
	b.knows(2, 2)
	token, err := auth.Mint([]byte(operatorSecret), auth.Claims{
		Audience: []string{"whippet"}, Expires: time.Now().Add(time.Hour), Actions: []auth.Action{auth.Publish, auth.Subscribe}, Streams: []string{"cam"},
	})
	if err != nil {
		t.Fatal(err)
	}
	stays, err := client.Play(t.Context(), client.PlayOptions{Options: client.Options{URL: a.base + "/whep/cam", Token: token}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stays.Kill)
	if err := a.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	a.logged("event=leaving subscribers=1")
	for kind, offer := range map[string]string{"whip": sdptest.Base(), "whep": sdptest.View()} {
		r := browse(t, a.base+"/"+kind+"/cam", offer, token)
		if !strings.HasPrefix(r.Header.Get("Location"), "http://"+at+"/"+kind+"/cam/") {
			t.Errorf("%s: %d, its session is %q", kind, r.StatusCode, r.Header.Get("Location"))
		}
	}
}

// browse POSTs an offer as a page does, whose browser drops its token when it is sent to another
// origin.
func browse(t *testing.T, url, offer, token string) *http.Response {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(offer))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/sdp")
	q.Header.Set("Origin", "http://page.example")
	q.Header.Set("Authorization", "Bearer "+token)
	browser := &http.Client{CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		next.Header.Del("Authorization")
		next.Header.Set("Origin", "null")
		return nil
	}}
	r, err := browser.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	return r
}
