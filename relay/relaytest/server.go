// Package relaytest runs real Redis servers for tests.
package relaytest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// startTime is how long a server may take to answer.
const startTime = 10 * time.Second

// A Server is a Redis server of a test, on a free port of the loopback interface, that
// keeps nothing on disk. It ends with the test, or with the test's process.
type Server struct {
	t       testing.TB
	program string
	port    int
	args    []string
	process *exec.Cmd // nil: not running
	ended   chan struct{}
}

// Redis starts a server; args are further settings, as on its command line. A machine
// without redis-server fails the test.
func Redis(t testing.TB, args ...string) *Server {
	t.Helper()
	return start(t, append([]string{"--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"}, args...))
}

// Sentinel starts a Sentinel that watches master under the name "whippet" and takes half a
// second of silence for its death. quorum is how many Sentinels must agree.
func Sentinel(t testing.TB, master *Server, quorum int) *Server {
	t.Helper()
	config := filepath.Join(t.TempDir(), "sentinel.conf")
	write(t, config, fmt.Sprintf("sentinel monitor whippet 127.0.0.1 %d %d\n"+
		"sentinel down-after-milliseconds whippet 500\nsentinel failover-timeout whippet 2000\n", master.port, quorum))
	s := &Server{t: t, program: program(t), port: freePort(t)}
	s.args = []string{config, "--sentinel"}
	t.Cleanup(s.Kill)
	s.Start()
	return s
}

func start(t testing.TB, args []string) *Server {
	t.Helper()
	s := &Server{t: t, program: program(t), port: freePort(t), args: append([]string{"--dir", t.TempDir()}, args...)}
	t.Cleanup(s.Kill)
	s.Start()
	return s
}

func program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("redis-server is missing, and a cluster is not tested without it: run test/setup.sh, or apt-get install redis-server")
	}
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Addr returns the server's host:port.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// URL returns the server's URL.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Start starts the server, empty, on the port it had before, and waits until it answers.
func (s *Server) Start() {
	s.t.Helper()
	args := append(append([]string{}, s.args...), "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1")
	cmd := exec.Command(s.program, args...)
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	dieWithParent(cmd)
	started := make(chan error)
	ended := make(chan struct{})
	go func() { // its thread must live as long as the server, see dieWithParent
		runtime.LockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		s.t.Fatal(err)
	}
	s.process, s.ended = cmd, ended
	if err := s.answers(); err != nil {
		s.Kill()
		s.t.Fatalf("redis-server does not start: %v\n%s", err, output.String())
	}
}

// answers waits until the server does.
func (s *Server) answers() error {
	c := s.Client()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	for {
		err := c.Ping(ctx).Err()
		select {
		case <-s.ended:
			return fmt.Errorf("it ended: %w", err)
		case <-ctx.Done():
			return err
		case <-time.After(10 * time.Millisecond):
		}
		if err == nil || redis.IsAuthError(err) {
			return nil
		}
	}
}

// Client returns a client of the server, closed with the test.
func (s *Server) Client() *redis.Client {
	logging.Disable() // what fails is returned
	c := redis.NewClient(&redis.Options{Addr: s.Addr(), MaxRetries: -1, DialerRetries: 1})
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Do runs a command on the server.
func (s *Server) Do(args ...any) {
	s.t.Helper()
	if err := s.Client().Do(context.Background(), args...).Err(); err != nil {
		s.t.Fatalf("%v: %v", args, err)
	}
}

// Kill ends the server at once, as kill -9, and waits. Killing twice is harmless.
func (s *Server) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Process.Kill()
	<-s.ended
	s.process = nil
}

// Freeze stops the server without ending it: connections stay, nothing is answered. Thaw
// lets it go on.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends Freeze. What was asked meanwhile is done then.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig syscall.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Follow makes the server a replica of another one, and waits until it has its data.
func (s *Server) Follow(master *Server) {
	s.t.Helper()
	s.Do("REPLICAOF", "127.0.0.1", master.port)
	s.until("following", func() bool { return strings.Contains(s.info("replication"), "master_link_status:up") })
}

// Sees waits until a Sentinel knows so many replicas.
func (s *Server) Sees(replicas int) {
	s.t.Helper()
	s.until("seeing replicas", func() bool { return strings.Contains(s.info("sentinel"), fmt.Sprintf("slaves=%d", replicas)) })
}

func (s *Server) info(section string) string {
	text, _ := s.Client().Info(context.Background(), section).Result()
	return text
}

func (s *Server) until(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(startTime); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: in vain", what)
		}
	}
}
