package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// asProgram in the environment makes the test's binary the program itself, so that whole
// nodes can be killed.
const asProgram = "WHIPPET_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A process is a node of a cluster in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	base string          // of its public port
	out  strings.Builder // guarded by mu: what it says of itself
	gone chan struct{}

	mu   sync.Mutex
	logs strings.Builder
}

// startNode starts a node and waits until it serves.
func startNode(t *testing.T, redis *relaytest.Server, args ...string) *process {
	t.Helper()
	p := &process{t: t, gone: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append([]string{
		"serve", "--auth=open", "--http=127.0.0.1:0", "--admin=127.0.0.1:0", "--announce=127.0.0.1", "--log-level=info,relay=debug",
		"--jwt-secret=" + operatorSecret, "--redis=" + redis.URL(), "--cluster-secret=" + strings.Repeat("c", 32),
	}, args...)...)
	p.cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	url := regexp.MustCompile(`Streams\s+(http://[a-z0-9.]+:\d+)/`)
	lines := bufio.NewScanner(out)
	for p.base == "" && lines.Scan() {
		if m := url.FindStringSubmatch(lines.Text()); m != nil {
			p.base = strings.Replace(m[1], "localhost", "127.0.0.1", 1)
		}
	}
	go func() {
		for lines.Scan() { // it must not stand still because nobody reads
			p.mu.Lock()
			p.out.WriteString(lines.Text() + "\n")
			p.mu.Unlock()
		}
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	if p.base == "" {
		<-p.gone
		t.Fatalf("the node does not start: %s", p.text())
	}
	return p
}

// Write takes the node's log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.logs.String()
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.gone
	if p.t.Failed() {
		p.t.Logf("%s:\n%s", p.base, p.text())
		p.logs.Reset()
	}
}

// logged waits for a line of the log.
func (p *process) logged(want string) {
	p.t.Helper()
	for end := time.Now().Add(10 * time.Second); !strings.Contains(p.text(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			p.t.Fatalf("%s does not log %q", p.base, want)
		}
	}
}

// publish begins to publish and waits until media flows.
func (p *process) publish(stream string) (*client.Publisher, error) {
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, FPS: 50})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	pub, err := client.Publish(ctx, client.PublishOptions{
		Options: client.Options{URL: p.base + "/whip/" + stream}, Video: []client.Encoding{{Source: source}},
	})
	if err != nil {
		return nil, err
	}
	p.t.Cleanup(pub.Kill)
	return pub, pub.WaitConnected(ctx)
}

func (p *process) mustPublish(stream string) *client.Publisher {
	p.t.Helper()
	pub, err := p.publish(stream)
	if err != nil {
		p.t.Fatal(err)
	}
	return pub
}

// busy checks that a POST was refused because of another publisher.
func busy(t *testing.T, err error) {
	t.Helper()
	var problem *client.ProblemError
	if !errors.As(err, &problem) || problem.Status != http.StatusConflict || problem.Type != "urn:whippet:problem:stream-busy" {
		t.Errorf("got %v, want 409 stream-busy", err)
	}
}

// ends waits for a publisher's session to be ended by its node.
func ends(t *testing.T, p *client.Publisher) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Error("the publisher goes on")
	}
}

func lives(t *testing.T, p *client.Publisher) {
	t.Helper()
	select {
	case <-p.Done():
		t.Errorf("the publisher was ended: %v", p.Err())
	default:
	}
}

// TestClusterOnePublisher: of two publishers of a name on two nodes exactly one wins, at
// the same time and one after the other; what the winner gives back the other can have.
func TestClusterOnePublisher(t *testing.T) {
	redis := relaytest.Redis(t)
	nodes := []*process{startNode(t, redis), startNode(t, redis)}
	for i := range 5 {
		stream := fmt.Sprintf("cam-%d", i)
		var pubs [2]*client.Publisher
		var errs [2]error
		var both sync.WaitGroup
		for j, n := range nodes {
			both.Go(func() { pubs[j], errs[j] = n.publish(stream) })
		}
		both.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil {
			t.Fatalf("nobody won: %v", errs)
		}
		busy(t, errs[1-winner])
		_, err := nodes[1-winner].publish(stream)
		busy(t, err)
		lives(t, pubs[winner])

		if err := pubs[winner].Close(t.Context()); err != nil {
			t.Error(err)
		}
		lives(t, nodes[1-winner].mustPublish(stream))
	}
}

// TestClusterDeadPublisher: one that sends nothing any more does not keep another one from
// its name, on whatever node.
func TestClusterDeadPublisher(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b := startNode(t, redis), startNode(t, redis)
	a.mustPublish("cam").Kill()         // without a goodbye
	time.Sleep(2100 * time.Millisecond) // a publisher that sent nothing for two seconds is dead
	lives(t, b.mustPublish("cam"))
	a.logged("event=lost stream=cam")
	a.logged("reason=elsewhere")
}

// TestClusterTakeover: where publishers replace each other they do so across nodes.
func TestClusterTakeover(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b := startNode(t, redis, "--conflict=takeover"), startNode(t, redis, "--conflict=takeover")
	first := a.mustPublish("cam")
	second := b.mustPublish("cam")
	ends(t, first)
	lives(t, second)
	a.logged("reason=elsewhere")
}

// TestClusterHolderKilled: the first POST to another node after a node's death waits for
// what is left of its lease, and succeeds.
func TestClusterHolderKilled(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b := startNode(t, redis), startNode(t, redis)
	a.mustPublish("cam")
	a.kill()
	before := time.Now()
	lives(t, b.mustPublish("cam"))
	t.Logf("it took %v", time.Since(before))
}

// TestClusterWithoutRedis: while Redis is down publishers come and go as on a node alone.
// Once it is back, empty, the one that was there before keeps its name, one that was
// accepted meanwhile on another node loses it, and others are known again.
func TestClusterWithoutRedis(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b := startNode(t, redis), startNode(t, redis)
	before := a.mustPublish("before")
	redis.Kill()
	lives(t, a.mustPublish("meanwhile"))
	_, err := a.publish("before")
	busy(t, err)
	rival := b.mustPublish("before") // b has never heard of it
	b.logged("provisional=true")

	redis.Start()
	ends(t, rival)
	b.logged("reason=elsewhere")
	lives(t, before)
	a.logged("event=reclaimed stream=meanwhile")
	_, err = b.publish("meanwhile")
	busy(t, err)
	if err := before.Close(t.Context()); err != nil {
		t.Error(err)
	}
	lives(t, b.mustPublish("before"))
}

// A counted is a subscriber whose pictures are counted.
type counted struct {
	*client.Player
	t      *testing.T
	frames atomic.Int64
}

func (p *process) watch(stream string) *counted {
	p.t.Helper()
	w := &counted{t: p.t}
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second)
	defer cancel()
	player, err := client.Play(ctx, client.PlayOptions{
		Options: client.Options{URL: p.base + "/whep/" + stream},
		OnFrame: func(codec.Kind, client.Frame) { w.frames.Add(1) }, KeyframeRequests: true,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	w.Player = player
	p.t.Cleanup(player.Kill)
	return w
}

// goesOn waits for a second's pictures more.
func (w *counted) goesOn(why string) {
	w.t.Helper()
	begin := time.Now()
	for want := w.frames.Load() + 50; w.frames.Load() < want; time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > 15*time.Second || w.Err() != nil {
			w.t.Fatalf("%s: no pictures: %v", why, w.Err())
		}
	}
	w.t.Logf("%s: a second of pictures after %v", why, time.Since(begin).Round(10*time.Millisecond))
}

// TestClusterPlaysFromTheOtherNode: a subscriber on a node gets what another node's
// publisher sends, also a new one while Redis is down, and in one session what a publisher
// sends that comes back on a third node after the first one was killed.
func TestClusterPlaysFromTheOtherNode(t *testing.T) {
	redis := relaytest.Redis(t)
	a, b, c := startNode(t, redis), startNode(t, redis), startNode(t, redis)
	a.mustPublish("cam")
	w := c.watch("cam")
	w.goesOn("another node")

	redis.Kill()
	w.goesOn("Redis was killed")
	c.watch("cam").goesOn("a second subscriber without Redis")
	redis.Start()

	a.logged("event=available")
	a.kill()
	b.mustPublish("cam")
	w.goesOn("the origin was killed, the publisher is back on another node")
	c.mustPublish("cam2").Kill() // and the edge is a node like any other
	if w.Err() != nil {
		t.Error(w.Err())
	}
}
