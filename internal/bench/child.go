package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	startWithin = 20 * time.Second // until a server prints its address
	closeWithin = 10 * time.Second // then a process is killed
)

// A child is a process of ours. Its standard error is kept for the case that it fails.
type child struct {
	name   string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errors *tail
}

// startChild runs a command; the caller reads out and calls stop.
func startChild(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd, errors: &tail{}}
	cmd.Env = cleanEnvironment(cmd.Environ())
	cmd.Stderr = c.errors
	isolate(cmd)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.in, c.out = in, bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// cleanEnvironment keeps settings that were meant for another node from ours.
func cleanEnvironment(env []string) []string {
	var kept []string
	for _, v := range env {
		if !strings.HasPrefix(v, "WHIPPET_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// stop ends the process: end of its input, then a signal, then the hard way.
func (c *child) stop() {
	_ = c.in.Close()
	_ = c.cmd.Process.Signal(os.Interrupt)
	kill := time.AfterFunc(closeWithin, func() { _ = c.cmd.Process.Kill() })
	defer kill.Stop()
	_ = c.cmd.Wait() // its status says nothing new
}

// fail adds what the process said to an error.
func (c *child) fail(err error) error {
	if said := strings.TrimSpace(c.errors.String()); said != "" {
		return fmt.Errorf("%s: %w; it said:\n%s", c.name, err, said)
	}
	return fmt.Errorf("%s: %w", c.name, err)
}

// A tail keeps the last of what is written to it. Safe for concurrent use.
type tail struct {
	mu sync.Mutex
	b  []byte
}

const tailBytes = 4 << 10

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b...)
	if over := len(t.b) - tailBytes; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// A worker is a generator process seen from its parent.
type worker struct {
	*child
	events chan event // all but progress; closed when the process ends its output
	last   func(event)
	wg     sync.WaitGroup
}

// startWorker gives a generator its job. progress is told what it reports each second.
func startWorker(cmd *exec.Cmd, j job, progress func(event)) (*worker, error) {
	c, err := startChild("the generator of "+string(j.Role)+"ers", cmd)
	if err != nil {
		return nil, err
	}
	w := &worker{child: c, events: make(chan event, 16), last: progress}
	w.wg.Go(w.read)
	if err := w.tell(j); err != nil {
		w.stop()
		return nil, c.fail(err)
	}
	return w, nil
}

func (w *worker) read() {
	defer close(w.events)
	decoder := json.NewDecoder(w.out)
	for {
		var e event
		if decoder.Decode(&e) != nil {
			return
		}
		if e.Kind == eventProgress {
			w.last(e)
			continue
		}
		select {
		case w.events <- e:
		default: // nobody waits for so many
		}
	}
}

func (w *worker) tell(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.in.Write(append(b, '\n'))
	return err
}

// ask sends a command and waits for the event that answers it.
func (w *worker) ask(ctx context.Context, c command, answer string) (event, error) {
	if err := w.tell(c); err != nil {
		return event{}, w.fail(err)
	}
	return w.await(ctx, answer)
}

func (w *worker) await(ctx context.Context, kind string) (event, error) {
	for {
		select {
		case <-ctx.Done():
			return event{}, ctx.Err()
		case e, ok := <-w.events:
			switch {
			case !ok:
				return e, w.fail(errors.New("it ended before its work was done"))
			case e.Kind == eventFailed:
				return e, fmt.Errorf("%s: %s", w.name, e.Error)
			case e.Kind == kind:
				return e, nil
			}
		}
	}
}

func (w *worker) stop() {
	_ = w.in.Close() // ends it by itself: sessions are closed
	kill := time.AfterFunc(closeWithin, func() { _ = w.cmd.Process.Kill() })
	defer kill.Stop()
	w.wg.Wait()
	_ = w.cmd.Wait() // its status says nothing new
}
