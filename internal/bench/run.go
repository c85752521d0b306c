package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Options says what to measure and how.
type Options struct {
	Load    Load
	Program Program // makes commands of this program; required
	Version string  // for the report

	// URL of a server to load, http://host:port; "": a node is started.
	URL   string
	Token string
	PID   int    // of the server at URL, for its CPU time; 0: not measured
	Admin string // its admin address, http://host:port; "": goroutines are not counted

	Baseline bool  // measure the plain pion SFU too, in turn with the server
	Rounds   int   // of each; medians are reported. 0 is 1
	Sweep    []int // numbers of subscribers to measure; nil: that of Load

	// Capacity searches for the most subscribers that are carried, from Load's number
	// on. Rounds is how often a number is tried before it counts as too many.
	Capacity bool

	// Profile is a file for a CPU profile of the first round's node; "": none.
	Profile string

	// Breakdown says whose memory a subscriber's is. The servers that are started for it
	// sample their heaps more finely, which costs them CPU time.
	Breakdown bool

	// Progress is told what is going on, several times a second at most; nil: nobody.
	Progress func(string)
}

const (
	maxRounds = 100
	maxSweep  = 50
)

func (o *Options) check() error {
	switch {
	case o.Rounds < 0 || o.Rounds > maxRounds:
		return fmt.Errorf("from 1 to %d rounds", maxRounds)
	case len(o.Sweep) > maxSweep:
		return fmt.Errorf("a sweep has up to %d steps", maxSweep)
	case o.Profile != "" && o.URL != "":
		return errors.New("a profile is taken of a node that is started here")
	case o.Breakdown && o.URL != "" && (o.PID == 0 || o.Admin == ""):
		return errors.New("a breakdown needs the server's process and admin address")
	}
	if err := o.checkCapacity(); err != nil {
		return err
	}
	for _, n := range o.sweep() {
		l := o.Load
		l.Subscribers = n
		if err := l.Check(); err != nil {
			return err
		}
	}
	return nil
}

func (o *Options) sweep() []int {
	if len(o.Sweep) == 0 {
		return []int{o.Load.Subscribers}
	}
	return o.Sweep
}

func (o *Options) tell(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// Run measures. It returns when all its processes have ended. On an error, that of ctx
// included, the report holds the points that were finished.
func Run(ctx context.Context, o Options) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	o.Rounds = max(o.Rounds, 1)
	r := &Report{Schema: schema, Version: o.Version, Started: time.Now().UTC(), Machine: thisMachine(), Load: o.Load}
	defer func() { r.Machine.LoadAfter = loadAverage() }()
	if o.Capacity {
		c, err := o.capacity(ctx)
		r.Capacity = c
		return r, err
	}
	for _, subscribers := range o.sweep() {
		p, err := o.point(ctx, subscribers)
		if err != nil {
			return r, fmt.Errorf("%d subscribers: %w", subscribers, err)
		}
		r.Points = append(r.Points, p)
	}
	return r, nil
}

// servers returns what is measured in each round.
func (o *Options) servers() []Server {
	all := []Server{Node}
	if o.URL != "" {
		all[0] = External
	}
	if o.Baseline {
		all = append(all, Plain)
	}
	return all
}

// point measures one number of subscribers in alternating rounds.
func (o *Options) point(ctx context.Context, subscribers int) (Point, error) {
	p := Point{Subscribers: subscribers}
	results := map[Server][]Result{}
	for n := range o.Rounds {
		for _, s := range o.servers() {
			m := &measurement{Options: o, load: o.Load, server: s}
			m.load.Subscribers = subscribers
			m.label = fmt.Sprintf("%s, %d × %d, round %d of %d", s, m.load.Publishers, subscribers, n+1, o.Rounds)
			if n == 0 && s == Node {
				m.profile = o.Profile
			}
			result, err := m.run(ctx)
			if err != nil {
				return p, fmt.Errorf("%s: %w", s, err)
			}
			p.Rounds = append(p.Rounds, Round{s, result, m.breakdown})
			results[s] = append(results[s], result)
		}
	}
	p.Result = median(results[o.servers()[0]])
	if o.Baseline {
		b := median(results[Plain])
		p.Baseline, p.Ratio = &b, ratio(&p.Result, &b)
	}
	return p, nil
}

func thisMachine() Machine {
	m := Machine{CPUs: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version()}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(b))
	}
	m.LoadBefore = loadAverage()
	return m
}

// loadAverage is 0 where it is not known.
func loadAverage() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, _ := strconv.ParseFloat(first, 64) // 0 of nonsense
	return v
}

// Self returns the Program of the running executable.
func Self() (Program, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return func(args ...string) *exec.Cmd { return exec.Command(path, args...) }, nil
}
