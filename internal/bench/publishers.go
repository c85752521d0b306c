package bench

import (
	"context"
	"fmt"
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
	return &publishers{generator: g, ctx: ctx}
}

func (p *publishers) do(ctx context.Context, c *command) error {
	switch c.Do {
	case doStart:
		return p.start(ctx)
	case doMeasure:
		p.window.Store(c.Window)
		p.wg.Go(func() {
			if wait(p.ctx, c.Window.To) {
				p.tell(event{Kind: eventMeasured, Sent: p.sent()})
			}
		})
		return nil
	}
	return fmt.Errorf("publishers cannot %q", c.Do)
}

// start connects all, then lets them send: streams a fraction of a frame apart, as
// they would be.
func (p *publishers) start(ctx context.Context) error {
	for _, name := range p.job.Streams {
		pub, err := publish(ctx, p.network, p.site, p.cert, &p.job.Load, name, &p.window)
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

func (p *publishers) sent() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []sent
	for _, pub := range p.all {
		all = append(all, sent{
			Audio: pub.sent[0].Load(), Video: pub.sent[1].Load(), Requests: pub.requests.Load(),
			Errors: pub.sendErrors.Load(), Resent: pub.resent.Load(),
		})
	}
	return all
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
