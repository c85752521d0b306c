package webhook

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// A receiver is a Receiver with its queue and the goroutine that empties it.
type receiver struct {
	Receiver
	name    string
	agent   string
	client  *http.Client
	pace    pace
	ctx     context.Context // ends when the Hub has waited long enough; of all requests
	log     *slog.Logger
	wake    chan struct{} // capacity 1
	running sync.WaitGroup

	// mu guards the fields below. It is never held while a request is made or a line is
	// logged.
	mu        sync.Mutex
	queue     queue
	flying    int
	closing   bool
	delivered uint64
	failed    uint64
	dead      map[string]uint64
}

func startReceiver(r *receiver) *receiver {
	r.running.Go(r.run)
	return r
}

// add queues a delivery.
func (r *receiver) add(d *delivery) {
	r.mu.Lock()
	if r.closing {
		r.mu.Unlock()
		r.bury(d, 0, DeadShutdown)
		return
	}
	dropped := r.queue.push(d)
	r.mu.Unlock()
	if dropped != nil {
		r.bury(dropped, dropped.tried, DeadFull)
	}
	r.signal()
}

func (r *receiver) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close makes everything due now and refuses more; run ends when the queue is empty.
func (r *receiver) close() {
	r.mu.Lock()
	r.closing = true
	for _, d := range r.queue.list {
		d.after = time.Time{}
	}
	r.mu.Unlock()
	r.signal()
}

// run sends what is due until the queue of a closed receiver is empty.
func (r *receiver) run() {
	var sends sync.WaitGroup
	defer sends.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, over := r.launch(&sends)
		if over {
			return
		}
		if due.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(due))
		}
		select {
		case <-r.wake:
		case <-timer.C:
		case <-r.ctx.Done():
			sends.Wait() // their requests fail now
			r.abandon()
			return
		}
	}
}

// launch begins to send all that may be sent, and returns when there will be more; the
// zero Time: when something changes.
func (r *receiver) launch(sends *sync.WaitGroup) (due time.Time, over bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.flying < senders {
		d, at := r.queue.next(time.Now())
		if d == nil {
			return at, r.closing && len(r.queue.list) == 0
		}
		d.sending = true
		d.tried++
		d.last = r.closing
		r.flying++
		attempt := d.tried
		sends.Go(func() { r.deliver(d, attempt) })
	}
	return time.Time{}, false
}

// deliver makes one attempt.
func (r *receiver) deliver(d *delivery, attempt int) {
	o := r.send(d)
	reason := r.settle(d, o)
	switch {
	case o.delivered:
		r.note(slog.LevelDebug, "delivered", d, attempt, "status", o.status)
	case reason != "":
		r.bury(d, attempt, reason, o.attrs()...)
	default:
		r.note(slog.LevelInfo, "retry", d, attempt, o.attrs()...)
	}
	r.signal()
}

// settle puts the outcome of an attempt into the queue, and returns why the event is
// given up, "" if it is not.
func (r *receiver) settle(d *delivery, o outcome) (reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flying--
	d.sending = false
	if o.delivered {
		r.delivered++
		r.queue.remove(d)
		return ""
	}
	r.failed++
	switch {
	case o.final:
		reason = DeadRefused
	case d.last:
		reason = DeadShutdown
	case d.tried >= maxAttempts:
		reason = DeadGivenUp
	default:
		if r.closing {
			d.after = time.Time{} // once more, at once
			return ""
		}
		wait := max(backoff(d.tried, r.pace.first, r.pace.longest, rand.Float64()), min(o.wait, r.pace.longest))
		d.after = time.Now().Add(wait)
		return ""
	}
	r.queue.remove(d)
	return reason
}

// abandon gives up what is left when there is no time left. Nothing is under way then.
func (r *receiver) abandon() {
	r.mu.Lock()
	r.closing = true
	left := r.queue.list
	r.queue.list = nil
	r.mu.Unlock()
	for _, d := range left {
		r.bury(d, d.tried, DeadShutdown)
	}
}

// bury counts and logs a dead letter.
func (r *receiver) bury(d *delivery, attempt int, reason string, attrs ...any) {
	r.mu.Lock()
	r.dead[reason]++
	r.mu.Unlock()
	r.note(slog.LevelWarn, "dead", d, attempt, append([]any{"reason", reason}, attrs...)...)
}

// note logs what became of an event, or of its last attempt: 0 is none.
func (r *receiver) note(level slog.Level, event string, d *delivery, attempt int, attrs ...any) {
	e := d.event
	r.log.Log(context.Background(), level, "webhook", append([]any{
		"event", event, "id", e.ID, "type", e.Type, "stream", e.Stream, "session", e.Session, "attempt", attempt,
	}, attrs...)...)
}

func (r *receiver) stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{
		Receiver: r.name, Queued: len(r.queue.list), Delivered: r.delivered, Failed: r.failed, Dead: maps.Clone(r.dead),
	}
}
