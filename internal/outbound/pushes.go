package outbound

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/whippet-media/whippet/internal/stream"
)

// A Target is where streams of this node are pushed to.
type Target struct {
	Streams string // a stream's name in which * stands for anything
	URL     string // of a WHIP endpoint; [Placeholder] in it stands for the stream's name
	Token   string // "": none
}

// Placeholder is what stands for a stream's name in the URL of a Target.
const Placeholder = "{stream}"

// Pushes keep streams of this node with other servers while they have a publisher here.
type Pushes struct {
	cfg     Config
	targets []Target
	quit    context.Context
	stop    context.CancelFunc
	wg      sync.WaitGroup

	// mu guards the fields below.
	mu    sync.Mutex
	there map[pushKey]*push
	past  Total // of pushes that have ended
	full  bool  // that there are too many was told
}

// A pushKey names a stream on its way to a target.
type pushKey struct {
	target int
	stream string
}

// NewPushes begins to push what matches the targets, whose URLs were checked. Close it before
// what it stands on.
func NewPushes(cfg Config, targets []Target) *Pushes {
	cfg.complete()
	p := &Pushes{cfg: cfg, targets: targets, there: map[pushKey]*push{}, past: Total{Ends: map[Reason]uint64{}}}
	p.quit, p.stop = context.WithCancel(context.Background())
	p.wg.Go(p.run)
	return p
}

// Close ends all sessions, over there too, and waits for that, some seconds at most.
func (p *Pushes) Close() {
	p.stop()
	p.wg.Wait()
}

// run looks for streams that began.
func (p *Pushes) run() {
	for sleep(p.quit, lookInterval) {
		p.look()
	}
}

func (p *Pushes) look() {
	for _, name := range p.cfg.Streams.Names() {
		for i, t := range p.targets {
			if ok, _ := path.Match(t.Streams, name); ok {
				p.begin(pushKey{i, name})
			}
		}
	}
}

// begin starts the push of a stream that is published here, unless there is one.
func (p *Pushes) begin(k pushKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.there[k] != nil || p.quit.Err() != nil {
		return
	}
	info, ok := p.cfg.Streams.Lookup(k.stream)
	switch {
	case !ok || !own(info):
	case len(p.there) >= maxPushes:
		if !p.full {
			p.cfg.Log.Warn("push", "event", "full", "stream", k.stream)
		}
		p.full = true
	default:
		x := p.newPush(k)
		if x == nil {
			return
		}
		p.there[k] = x
		p.wg.Go(func() { x.run(p.quit); p.end(k, x) })
	}
}

// newPush makes the push of a stream; nil: the target's URL is none with its name in it.
func (p *Pushes) newPush(k pushKey) *push {
	t := p.targets[k.target]
	u, err := url.Parse(strings.ReplaceAll(t.URL, Placeholder, k.stream))
	if err != nil {
		return nil
	}
	i := Info{Stream: k.stream, Number: k.target + 1, State: Connecting}
	return &push{pushes: p, worker: newWorker(&p.cfg, "push", &endpoint{url: u, token: t.Token}, i)}
}

func (p *Pushes) end(k pushKey, x *push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.there, k)
	p.past.add(&x.worker)
	p.full = false
}

// Info describes the pushes there are, by stream and number.
func (p *Pushes) Info() []Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Info, 0, len(p.there))
	for _, x := range p.there {
		all = append(all, x.snapshot())
	}
	slices.SortFunc(all, compareInfo)
	return all
}

func compareInfo(a, b Info) int {
	return cmp.Or(strings.Compare(a.Stream, b.Stream), cmp.Compare(a.Number, b.Number))
}

// Total counts all sessions since NewPushes.
func (p *Pushes) Total() Total {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.past
	t.Ends = maps.Clone(t.Ends)
	for _, x := range p.there {
		t.add(&x.worker)
	}
	return t
}

// own tells whether a stream has a publisher of this node that sends.
func own(i stream.Info) bool { return i.Live() && !i.Relayed }
