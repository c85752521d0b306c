package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	// calm is how long a server gets to finish what it has begun before it is looked at.
	calm = time.Second

	// longestFill is what a server may keep of a stream: no player waits longer.
	longestFill = 12 * time.Second

	// announce is how long before the window everybody is told of it.
	announce = 500 * time.Millisecond

	// longestAnnounce is when a machine is too busy to measure.
	longestAnnounce = 10 * time.Second

	// answerWithin is added to what a step should take before it has failed.
	answerWithin = time.Minute
)

// A measurement is one round with one server.
type measurement struct {
	*Options
	load    Load
	server  Server
	label   string
	profile string // file, "" for none

	target    *target
	streams   []string
	publish   *worker
	play      *worker
	result    Result
	before    usage // without subscribers
	threads   int   // goroutines without subscribers
	counted   bool  // there are goroutines to count
	profiling chan error
	unfilled  *anatomy   // without subscribers
	breakdown *Breakdown // nil: not asked for
}

func (m *measurement) run(ctx context.Context) (Result, error) {
	defer m.stop()
	steps := []func(context.Context) error{m.start, m.media, m.fill, m.warm, m.window, m.storm, m.stalled, m.joins}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			if ctx.Err() != nil {
				return m.result, context.Cause(ctx)
			}
			return m.result, err
		}
	}
	return m.result, nil
}

// start starts server and generators.
func (m *measurement) start(ctx context.Context) (err error) {
	m.say("starting")
	switch m.server {
	case Node:
		m.target, err = startNode(m.Program, m.environment()...)
	case Plain:
		m.target, err = startBaseline(m.Program, m.load.Codec, m.environment()...)
	default:
		m.target = &target{url: m.URL, pid: m.PID, admin: m.Admin}
	}
	if err != nil {
		return err
	}
	prefix := "bench-" + strings.ToLower(rand.Text()[:6])
	for i := range m.load.Publishers {
		m.streams = append(m.streams, fmt.Sprintf("%s-%d", prefix, i))
	}
	j := job{Role: rolePlay, URL: m.target.url, Token: m.token(), Load: m.load, Streams: m.streams}
	if m.play, err = startWorker(m.Program("bench-load"), j, m.watch); err != nil {
		return err
	}
	j.Role = rolePublish
	m.publish, err = startWorker(m.Program("bench-load"), j, func(event) {})
	return err
}

// environment makes a server sample its heap finely where that is wanted.
func (m *measurement) environment() []string {
	if !m.Breakdown {
		return nil
	}
	settings := fmt.Sprintf("memprofilerate=%d", breakdownRate)
	if others := os.Getenv("GODEBUG"); others != "" {
		settings = others + "," + settings
	}
	return []string{"GODEBUG=" + settings}
}

func (m *measurement) token() string {
	if m.server == External {
		return m.Token
	}
	return ""
}

func (m *measurement) say(format string, args ...any) {
	m.tell("%s: %s", m.label, fmt.Sprintf(format, args...))
}

// watch is told of the subscribers each second.
func (m *measurement) watch(e event) {
	m.say("%d subscribers, %d packets received", e.Sessions, e.Packets)
}

// usage is zero for a server whose process is not known.
func (m *measurement) usage() (usage, error) {
	if m.target.pid == 0 {
		return usage{}, nil
	}
	return readUsage(m.target.pid)
}

// joins ends all media, then lets subscribers come and go while nobody publishes: what
// is left is the cost of sessions alone. It comes last, so that the memory of these
// sessions is not there to be used again by those whose memory is measured.
func (m *measurement) joins(ctx context.Context) error {
	n := m.load.Joins
	if n == 0 || m.target.pid == 0 {
		return nil
	}
	m.say("%d joins without media", n)
	ctx, cancel := m.patience(ctx, time.Duration(float64(n)/m.load.Ramp*float64(time.Second)))
	defer cancel()
	if _, err := m.play.ask(ctx, command{Do: doLeave}, eventLeft); err != nil {
		return err
	}
	m.publish.stop()
	m.publish = nil
	if !wait(ctx, time.Now().Add(calm)) {
		return ctx.Err()
	}
	joined, err := m.cost(ctx, command{Do: doJoin, Streams: []string{m.streams[0] + "-quiet"}, Count: n}, eventJoined, n)
	if err != nil {
		return err
	}
	left, err := m.cost(ctx, command{Do: doLeave}, eventLeft, n)
	if err != nil {
		return err
	}
	if c := m.result.Server; c != nil {
		c.CPUMsPerJoin, c.CPUMsPerLeave = &joined, &left
	}
	return nil
}

// cost returns the milliseconds of CPU time for each of n.
func (m *measurement) cost(ctx context.Context, c command, answer string, n int) (float64, error) {
	before, err := m.usage()
	if err != nil {
		return 0, err
	}
	e, err := m.play.ask(ctx, c, answer)
	if err != nil {
		return 0, err
	}
	if e.Failed > 0 {
		return 0, fmt.Errorf("%d of %d subscribers did not connect: %s", e.Failed, n, e.Error)
	}
	if !wait(ctx, time.Now().Add(calm)) {
		return 0, ctx.Err()
	}
	after, err := m.usage()
	return ms(after.minus(before).cpu) / float64(n), err
}

func (m *measurement) patience(ctx context.Context, step time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, step+answerWithin)
}

// media starts the publishers and lets the server fill what it keeps of a stream.
func (m *measurement) media(ctx context.Context) error {
	m.say("publishing")
	ctx, cancel := m.patience(ctx, time.Duration(m.load.Publishers)*connectSpacing)
	defer cancel()
	if _, err := m.publish.ask(ctx, command{Do: doStart}, eventStarted); err != nil {
		return err
	}
	if !wait(ctx, time.Now().Add(min(max(calm, 2*m.load.KeyframeInterval), longestFill))) {
		return ctx.Err()
	}
	var err error
	if m.before, err = m.usage(); err != nil {
		return err
	}
	m.threads, err = m.target.goroutines(ctx)
	m.counted = err == nil
	if m.Breakdown {
		m.unfilled, err = m.target.dissect(ctx)
		return err
	}
	return nil
}

// fill lets the subscribers join.
func (m *measurement) fill(ctx context.Context) error {
	total := m.load.Publishers * m.load.Subscribers
	ctx, cancel := m.patience(ctx, time.Duration(float64(total)/m.load.Ramp*float64(time.Second)))
	defer cancel()
	e, err := m.play.ask(ctx, command{Do: doJoin, Streams: m.streams, Count: m.load.Subscribers}, eventJoined)
	if err != nil {
		return err
	}
	m.result.Failed = float64(e.Failed)
	if e.Failed == total {
		return fmt.Errorf("no subscriber connected: %s", e.Error)
	}
	return nil
}

func (m *measurement) warm(ctx context.Context) error {
	if !wait(ctx, time.Now().Add(m.load.Warmup)) {
		return ctx.Err()
	}
	return nil
}

// stop ends all processes.
func (m *measurement) stop() {
	m.say("ending")
	for _, w := range []*worker{m.play, m.publish} {
		if w != nil {
			w.stop()
		}
	}
	if m.target != nil {
		m.target.stop()
	}
	if m.profiling != nil {
		if err := <-m.profiling; err != nil {
			fmt.Fprintln(os.Stderr, err) // the measurement stands without it
		}
	}
}
