package harness

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// graceful is how long a process may take to end after it was asked to, before it is killed.
const graceful = 5 * time.Second

// maxOutput is how many bytes of a process's output are kept to be shown; later ones replace
// earlier ones.
const maxOutput = 64 << 10

// Process is a child process. Its methods are safe for concurrent use.
type Process struct {
	name  string
	quiet bool
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines chan string // of standard output, without the newline; closed at its end
	log   *tail
	done  chan struct{} // closed when the process has ended
	err   error         // why it ended; valid once done is closed
}

// Command describes a process to start.
type Command struct {
	Path string
	Args []string
	Env  []string // added to this process's environment
	Dir  string   // empty: the module's root

	// Quiet keeps standard output out of the log: somebody reads all of it.
	Quiet bool
}

// Start runs a command until the test ends. Standard output can be read by line with
// [Process.Line]; lines nobody reads are kept for the log like standard error's.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	if cmd.Dir == "" {
		cmd.Dir = Root()
	}
	// In a group of its own, so that its children end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p := &Process{
		name:  filepath.Base(c.Path),
		quiet: c.Quiet,
		cmd:   cmd,
		lines: make(chan string, 1024),
		log:   &tail{},
		done:  make(chan struct{}),
	}
	if err := p.start(); err != nil {
		t.Fatalf("start %s: %v (test/setup.sh installs what the tests run)", c.Path, err)
	}
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s %s:\n%s", p.name, strings.Join(c.Args, " "), p.Log())
		}
	})
	return p
}

func (p *Process) start() error {
	p.cmd.Stderr = p.log
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	started := make(chan error)
	go p.run(stdout, started)
	return <-started
}

// run starts the process, reads what it says and waits for its end. All of it on one thread: the
// kernel sends the death signal when the thread that started the process ends.
func (p *Process) run(stdout io.Reader, started chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	p.readLines(stdout)
	p.err = p.cmd.Wait()
	close(p.done)
}

func (p *Process) readLines(r io.Reader) {
	defer close(p.lines)
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		if p.quiet {
			p.lines <- s.Text()
			continue
		}
		fmt.Fprintln(p.log, s.Text())
		select {
		case p.lines <- s.Text():
		default: // nobody reads; it is in the log
		}
	}
}

// Line returns the next line of standard output. ok is false if the process ended or the time
// ran out first.
func (p *Process) Line(within time.Duration) (line string, ok bool) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case line, ok = <-p.lines:
		return line, ok
	case <-timer.C:
		return "", false
	}
}

// Send writes a line to the process's standard input.
func (p *Process) Send(line []byte) error {
	_, err := p.stdin.Write(append(line, '\n'))
	return err
}

// PID returns the process's id; memory and CPU figures are read by it.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Running reports whether the process has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Wait waits for the process to end by itself and returns its error, nil for exit status 0. Past
// the time given it stops the process and returns an error.
func (p *Process) Wait(within time.Duration) error {
	select {
	case <-p.done:
		return p.err
	case <-time.After(within):
		p.Stop()
		return fmt.Errorf("%s still ran after %v", p.name, within)
	}
}

// Ask asks the process to end (SIGTERM) and returns at once.
func (p *Process) Ask() { p.signal(syscall.SIGTERM) }

// Stop asks the process to end (SIGTERM, standard input closed) and kills it if it does not.
func (p *Process) Stop() {
	p.stdin.Close()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(graceful):
		p.Kill()
	}
}

// Kill ends the process and its children at once, as a crash does: nothing is said to anybody.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

func (p *Process) signal(s syscall.Signal) {
	if p.Running() {
		_ = syscall.Kill(-p.cmd.Process.Pid, s) // it may just have ended
	}
}

// Log returns what the process wrote last.
func (p *Process) Log() string { return p.log.String() }

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(b)
	if over := l.buf.Len() - maxOutput; over > 0 {
		l.buf.Next(over)
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Root returns the folder of the module, from which all programs are started.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Eventually calls check until it returns nil, and fails the test with its last error if that
// does not happen in time. It is for state another process reports only when asked.
func Eventually(t testing.TB, within time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %v", within, err)
		}
		time.Sleep(pollInterval)
	}
}

// pollInterval is the pause between two looks at a state that cannot be waited for.
const pollInterval = 100 * time.Millisecond
