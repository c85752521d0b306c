package outbound

import (
	"context"
	"net/url"
	"slices"
	"sync"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// An Origin is where a stream of this node comes from.
type Origin struct {
	Stream string // its name here
	URL    string // of a WHEP endpoint
	Token  string // "": none
	Always bool   // pulled also while nobody subscribes
}

// Elsewhere is where else a stream's publisher may be. See whep.Elsewhere.
type Elsewhere interface {
	Join(ctx context.Context, stream string) (formats []codec.Format, leave func(), err error)
}

// Pulls bring streams of other servers here while this node has subscribers of them.
type Pulls struct {
	cfg  Config
	next Elsewhere // nil: there is none
	all  map[string]*pull
	stop context.CancelFunc
	wg   sync.WaitGroup
}

// NewPulls begins to wait for subscribers of the origins' streams, each of another name, whose
// URLs were checked. next is where streams come from that are not pulled, or that another node
// pulls; nil: from nowhere. Close it before what it stands on.
func NewPulls(cfg Config, origins []Origin, next Elsewhere) *Pulls {
	cfg.complete()
	p := &Pulls{cfg: cfg, next: next, all: map[string]*pull{}}
	quit, stop := context.WithCancel(context.Background())
	p.stop = stop
	for n, o := range origins {
		u, err := url.Parse(o.URL)
		if err != nil || p.all[o.Stream] != nil {
			continue
		}
		x := &pull{
			pulls: p, always: o.Always, wake: make(chan struct{}, 1),
			worker: newWorker(&cfg, "pull", &endpoint{url: u, token: o.Token, pulling: true}, Info{Stream: o.Stream, Number: n + 1, State: Idle}),
		}
		p.all[o.Stream] = x
		p.wg.Go(func() { x.run(quit) })
	}
	return p
}

// Close ends all sessions, over there too, and waits for that, some seconds at most.
func (p *Pulls) Close() {
	p.stop()
	p.wg.Wait()
}

// Join lets a subscriber have a stream, until it calls leave, once or more often. It waits a
// moment for media of one that is pulled for it; where none comes in time, or there is another
// publisher, that is no error. Formats and errors are those of where else it may come from.
func (p *Pulls) Join(ctx context.Context, stream string) (formats []codec.Format, leave func(), err error) {
	x := p.all[stream]
	if p.next != nil {
		formats, leave, err = p.next.Join(ctx, stream)
	}
	if x == nil {
		if leave == nil {
			leave = func() {}
		}
		return formats, leave, err
	}
	if err != nil {
		leave = nil // what is pulled here needs no directory
	}
	x.enter()
	if len(formats) == 0 {
		x.await(ctx)
	}
	elsewhere := leave
	return formats, sync.OnceFunc(func() {
		x.leave()
		if elsewhere != nil {
			elsewhere()
		}
	}), nil
}

// Info describes all pulls, by stream.
func (p *Pulls) Info() []Info {
	all := make([]Info, 0, len(p.all))
	for _, x := range p.all {
		all = append(all, x.snapshot())
	}
	slices.SortFunc(all, compareInfo)
	return all
}

// Total counts all sessions since NewPulls.
func (p *Pulls) Total() Total {
	t := Total{Ends: map[Reason]uint64{}}
	for _, x := range p.all {
		t.add(&x.worker)
	}
	return t
}
