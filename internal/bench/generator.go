package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	progressInterval = time.Second
	maxLine          = 1 << 20 // of a command or event
)

// A generator is one of the processes that make load.
type generator struct {
	job     job
	site    *site
	network network
	cert    *certificate

	// mu guards the field below.
	mu  sync.Mutex
	out *json.Encoder
}

// A generatorRole is what publishers and subscribers do differently.
type generatorRole interface {
	do(ctx context.Context, c *command) error
	progress() event
	close()
}

// Generate is a load generator process: it reads its job and commands from in, one
// JSON value a line, and writes events to out. It returns when in ends or ctx is done;
// then all its sessions have ended.
func Generate(ctx context.Context, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	if !lines.Scan() {
		return errors.New("no job")
	}
	g := &generator{out: json.NewEncoder(out)}
	if err := json.Unmarshal(lines.Bytes(), &g.job); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	err := g.run(ctx, lines)
	if err != nil {
		g.tell(event{Kind: eventFailed, Error: err.Error()})
	}
	return err
}

// The kinds of events.
const (
	eventStarted  = "started"
	eventJoined   = "joined"
	eventLeft     = "left"
	eventStuck    = "stuck"
	eventNoted    = "noted"
	eventMeasured = "measured"
	eventProgress = "progress"
	eventFailed   = "failed"
)

func (g *generator) run(ctx context.Context, lines *bufio.Scanner) (err error) {
	if g.site, err = newSite(ctx, g.job.URL, g.job.Token); err != nil {
		return err
	}
	if g.cert, err = newCertificate(); err != nil {
		return err
	}
	if g.network, err = newNetwork(); err != nil {
		return err
	}
	defer g.network.close()
	ctx, cancel := context.WithCancel(ctx)
	var r generatorRole
	if g.job.Role == rolePublish {
		r = newPublishers(ctx, g)
	} else {
		r = newSubscribers(ctx, g)
	}
	defer r.close()
	defer cancel() // before close, which waits
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { g.report(ctx, r) })
	read := make(chan command)
	go readCommands(ctx, cancel, lines, read)
	return obey(ctx, read, r)
}

// readCommands passes commands on. The end of the input cancels what is under way.
// Reading does not end with ctx: this goroutine is left behind in a process that is
// about to exit.
func readCommands(ctx context.Context, cancel func(), lines *bufio.Scanner, to chan<- command) {
	defer cancel()
	for lines.Scan() {
		var c command
		if json.Unmarshal(lines.Bytes(), &c) != nil {
			return
		}
		select {
		case to <- c:
		case <-ctx.Done():
			return
		}
	}
}

func obey(ctx context.Context, read <-chan command, r generatorRole) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-read:
			if err := r.do(ctx, &c); err != nil {
				return err
			}
		}
	}
}

// report tells how far things are.
func (g *generator) report(ctx context.Context, r generatorRole) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			e := r.progress()
			e.Kind = eventProgress
			g.tell(e)
		}
	}
}

// tell writes an event. Nobody is left to hear of an error.
func (g *generator) tell(e event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.out.Encode(e)
}

// wait returns whether the time came before ctx ended.
func wait(ctx context.Context, until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
