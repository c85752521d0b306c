package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// publishers are all of a generator.
type publishers struct {
	*generator
	ctx context.Context //nolint:containedctx // of the generator, ends before close
	wg  sync.WaitGroup

	// mu guards the field below.
	mu  sync.Mutex
	all []*publisher
}

func newPublishers(ctx context.Context, g *generator) *publishers {
	if g.network != nil {
		g.network.hurry(1) // requests are answered at once
	}
	return &publishers{generator: g, ctx: ctx}
}

func (p *publishers) do(ctx context.Context, c *command) error {
	switch c.Do {
	case doStart:
		return p.start(ctx)
	case doMeasure:
		p.mu.Lock()
		for _, pub := range p.all {
			pub.tally.Store(newTally(c.Window))
		}
		p.mu.Unlock()
		p.tell(event{Kind: eventNoted})
		return nil
	case doCount:
		p.wg.Go(p.count)
		return nil
	}
	return fmt.Errorf("publishers cannot %q", c.Do)
}

// start connects all, then lets them send: streams a fraction of a frame apart, as
// they would be.
func (p *publishers) start(ctx context.Context) error {
	for _, name := range p.job.Streams {
		pub, err := publish(ctx, p.network, p.site, p.cert, &p.job.Load, name)
		if err != nil {
			return err
		}
		p.mu.Lock()
		p.all = append(p.all, pub)
		p.mu.Unlock()
		if !wait(ctx, time.Now().Add(connectSpacing)) {
			return ctx.Err()
		}
	}
	start := time.Now()
	apart := time.Second / time.Duration(p.job.Load.FPS*len(p.all))
	for i, pub := range p.all {
		p.wg.Go(func() { pub.run(p.ctx, start.Add(time.Duration(i)*apart)) })
	}
	p.tell(event{Kind: eventStarted, Sessions: len(p.all)})
	return nil
}

// count tells what was sent in the window, once all have left it behind.
func (p *publishers) count() {
	p.mu.Lock()
	publishing := slices.Clone(p.all)
	p.mu.Unlock()
	e := event{Kind: eventMeasured}
	for _, pub := range publishing {
		t := pub.tally.Load()
		if t == nil {
			return // nobody said what to count
		}
		select {
		case <-t.over:
		case <-p.ctx.Done():
			return
		}
		e.Sent = append(e.Sent, sent{
			Audio: t.sent[0].Load(), Video: t.sent[1].Load(), Requests: pub.requests.Load(),
			Errors: pub.sendErrors.Load(), Resent: pub.resent.Load(),
		})
	}
	p.tell(e)
}

func (p *publishers) progress() event {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := event{Sessions: len(p.all)}
	for _, pub := range p.all {
		e.Packets += pub.packets.Load()
	}
	return e
}

func (p *publishers) close() {
	p.wg.Wait()
	var closing sync.WaitGroup
	for _, pub := range p.all {
		closing.Go(pub.close)
	}
	closing.Wait()
}
