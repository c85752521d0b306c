package bench

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

const (
	tickInterval = 10 * time.Millisecond // how precisely feedback is timed
	maxJoining   = 64                    // sessions that are being opened at the same time
)

// subscribers are all of a generator.
type subscribers struct {
	*generator
	ctx context.Context //nolint:containedctx // of the generator, ends before close
	wg  sync.WaitGroup

	churned, churnFailed atomic.Int64 // in the window

	// mu guards the fields below.
	mu       sync.Mutex
	all      []*subscriber // those that are connected; owned by tick's goroutine while it runs
	staying  []*subscriber // those that joined by command
	stalled  []*subscriber // those that read nothing; in none of the others
	window   *Window       // nil: not known yet
	settled  chan struct{} // closed when all that was sent in the window has come; nil: nobody waits
	visits   visitors
	firstErr string
}

func newSubscribers(ctx context.Context, g *generator) *subscribers {
	s := &subscribers{generator: g, ctx: ctx}
	s.wg.Go(s.ticks)
	return s
}

func (s *subscribers) do(ctx context.Context, c *command) error {
	switch c.Do {
	case doJoin:
		s.join(ctx, c.Streams, c.Count)
	case doLeave:
		s.leave()
	case doStall:
		s.stall(ctx, c.Streams, c.Count)
	case doStuck:
		s.stuck()
	case doMeasure:
		s.measure(c.Window)
		s.tell(event{Kind: eventNoted})
	case doCount:
		s.wg.Go(func() { s.count(c.Visits) })
	default:
		return fmt.Errorf("subscribers cannot %q", c.Do)
	}
	return nil
}

// ticks lets every subscriber send what feedback is due.
func (s *subscribers) ticks() {
	ticker := time.NewTicker(tickInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case now := <-ticker.C:
			s.tick(now)
		}
	}
}

func (s *subscribers) tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.all {
		sub.tick(now)
	}
	if s.settled != nil && s.settledLocked(now) {
		close(s.settled)
		s.settled = nil
	}
}

// join lets count subscribers of each stream join at the ramp's pace.
func (s *subscribers) join(ctx context.Context, streams []string, count int) {
	var joining sync.WaitGroup
	slots := make(chan struct{}, maxJoining)
	var failed atomic.Int64
	due, every := time.Now(), time.Duration(float64(time.Second)/s.job.Load.Ramp)
	for i := range count * len(streams) {
		if !wait(ctx, due) {
			break
		}
		due = due.Add(every)
		slots <- struct{}{}
		stream := i % len(streams)
		joining.Go(func() {
			defer func() { <-slots }()
			if sub := s.one(ctx, streams[stream], stream); sub == nil {
				failed.Add(1)
			} else {
				s.add(sub, true)
			}
		})
	}
	joining.Wait()
	s.mu.Lock()
	e := event{Kind: eventJoined, Sessions: len(s.staying), Failed: int(failed.Load()), Error: s.firstErr}
	s.mu.Unlock()
	s.tell(e)
}

// one opens a session; nil if it failed.
func (s *subscribers) one(ctx context.Context, name string, stream int) *subscriber {
	sub, err := subscribe(ctx, s.network, s.site, s.cert, &s.job.Load, name, stream)
	if err == nil {
		return sub
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.firstErr == "" {
		s.firstErr = err.Error()
	}
	return nil
}

func (s *subscribers) add(sub *subscriber, stays bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, sub)
	if stays {
		s.staying = append(s.staying, sub)
	} else {
		sub.measure(s.window)
	}
}

// leave lets all leave, many at a time.
func (s *subscribers) leave() {
	s.mu.Lock()
	leaving := append(s.all, s.stalled...)
	s.all, s.staying, s.stalled = nil, nil, nil
	s.mu.Unlock()
	var wg sync.WaitGroup
	slots := make(chan struct{}, maxJoining)
	for _, sub := range leaving {
		slots <- struct{}{}
		wg.Go(func() {
			sub.leave()
			<-slots
		})
	}
	wg.Wait()
	s.tell(event{Kind: eventLeft, Sessions: len(leaving)})
}

func (s *subscribers) progress() event {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := event{Sessions: len(s.all)}
	for _, sub := range s.all {
		sub.mu.Lock()
		e.Packets += int64(sub.meter.checked) //nolint:gosec // below 2^63
		sub.mu.Unlock()
	}
	return e
}

func (s *subscribers) close() {
	s.wg.Wait()
	s.leave()
}
