package stream

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
)

// shard is one goroutine that serves a disjoint set of subscribers.
type shard struct {
	wake chan struct{} // capacity 1
	quit chan struct{}
	done sync.WaitGroup
	load atomic.Int32 // subscribers placed here

	todo        atomic.Int32 // subscribers of the streams in dirty, and feedback that does not wait
	sleepsUntil atomic.Int64 // until when, if nobody wakes it; Unix time in nanoseconds
	passed      atomic.Int64 // when the last pass began, likewise

	packets, bytes, writeErrors, dropped, wishes, passes atomic.Uint64
	busy                                                 atomic.Int64 // nanoseconds in passes

	sent totals // of the subscribers here

	mu       sync.Mutex // guards the fields below
	box      []message
	feedback int
	dirty    []*members

	// running is held for a pass, by the goroutine or by who serves in its place; it
	// guards the fields below
	running  sync.Mutex
	batch    Batch // nil before the first subscriber
	out      forwarder.Output
	due      deadlines[*Subscription]
	more     []*Subscription
	boxSpare []message
	dirSpare []*members
	tally    tally
}

type tally struct{ packets, bytes, writeErrors, wishes uint64 }

func newShard() *shard {
	s := &shard{wake: make(chan struct{}, 1), quit: make(chan struct{})}
	s.done.Add(1)
	go s.run()
	return s
}

func (s *shard) close() {
	close(s.quit)
	s.done.Wait()
}

// queue notes that a stream has something new for its members here.
func (s *shard) queue(m *members) {
	s.mu.Lock()
	s.dirty = append(s.dirty, m)
	s.todo.Add(m.count.Load())
	s.mu.Unlock()
}

// bind gives a Sink the shard's batch.
func (s *shard) bind(k Sink, newBatch func() Batch) {
	s.running.Lock()
	defer s.running.Unlock()
	if s.batch == nil {
		s.batch = newBatch()
	}
	k.Bind(s.batch)
}

func (s *shard) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *shard) run() {
	defer s.done.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		until := s.work()
		if until.IsZero() || s.mail() { // posted before it could know
			select {
			case <-s.quit:
				return
			default:
			}
			continue
		}
		timer.Reset(time.Until(until))
		select {
		case <-s.quit:
			return
		case <-s.wake:
		case <-timer.C:
		}
	}
}

// work makes one pass and returns until when nothing is due then; zero: something is.
func (s *shard) work() time.Time {
	s.running.Lock()
	defer s.running.Unlock()
	s.pass()
	if len(s.more) > 0 {
		return time.Time{}
	}
	until := time.Now().Add(time.Hour)
	if len(s.due) > 0 {
		until = s.due[0].at
	}
	s.sleepsUntil.Store(until.UnixNano()) // who serves in its place compares with it
	return until
}

// serveNow makes a pass in place of the shard's goroutine, unless that is at one.
func (s *shard) serveNow() bool {
	if !s.running.TryLock() {
		return false
	}
	defer s.running.Unlock()
	s.pass()
	if len(s.more) > 0 || len(s.due) > 0 && s.due[0].at.UnixNano() < s.sleepsUntil.Load() {
		s.signal()
	}
	return true
}

// pass serves everybody who has something to get: first those cut short in the
// last pass, so that nobody waits twice.
func (s *shard) pass() {
	begun := time.Now()
	box, dirty := s.takeWork()
	for i := range box {
		s.handle(&box[i])
		box[i] = message{}
	}
	s.serveMore()
	for _, m := range dirty {
		m.dirty.Store(false) // before pulling: what comes later queues it again
		s.serveMembers(m)
	}
	s.serveDue()
	s.flush()
	s.passes.Add(1)
	s.busy.Add(int64(time.Since(begun)))
	s.boxSpare, s.dirSpare = box[:0], dirty[:0]
}

func (s *shard) handle(m *message) {
	sub := m.sub
	switch m.kind {
	case join:
		s.join(sub)
	case leave:
		s.leave(sub)
	case feedback:
		if sub.joined {
			s.out.Reset()
			sub.core.HandleRTCP(m.at, m.data, &s.out)
			sub.hear()
			s.emit(sub)
			s.serve(sub)
		}
	case choose:
		s.choose(sub)
	case count:
		s.count(sub)
	}
}

func (s *shard) join(sub *Subscription) {
	if sub.joined || sub.closed.Load() {
		return
	}
	sub.joined = true
	m := sub.member
	m.subs = append(m.subs, sub)
	m.count.Store(int32(len(m.subs)))
	s.serve(sub)
}

func (s *shard) leave(sub *Subscription) {
	if !sub.joined {
		return
	}
	sub.joined = false
	sub.counted(0)
	s.closeCounts(sub)
	m := sub.member
	if i := slices.Index(m.subs, sub); i >= 0 {
		m.subs = slices.Delete(m.subs, i, i+1)
	}
	m.count.Store(int32(len(m.subs)))
	s.due.remove(&sub.due)
	sub.core, sub.player, sub.tap = nil, nil, nil
	sub.pub = nil
}

// serveMembers serves the subscribers of a stream, another one first each time.
func (s *shard) serveMembers(m *members) {
	n := len(m.subs)
	if n == 0 {
		return
	}
	m.turn = (m.turn + 1) % n
	for i := range n {
		s.serve(m.subs[(m.turn+i)%n])
	}
}

func (s *shard) serveMore() {
	n := len(s.more)
	for i := range n {
		sub := s.more[i]
		sub.again = false
		if sub.joined {
			s.serve(sub)
		}
	}
	s.more = slices.Delete(s.more, 0, n)
}

func (s *shard) serveDue() {
	now := time.Now()
	s.passed.Store(now.UnixNano())
	for len(s.due) > 0 && !s.due[0].at.After(now) {
		sub := s.due[0].of
		s.due.remove(&sub.due)
		s.serve(sub)
	}
}

// serve pulls what a subscriber must get now and writes it.
func (s *shard) serve(sub *Subscription) {
	if sub.again {
		return // its turn comes with serveMore
	}
	if live := sub.stream.live.Load(); live != sub.pub {
		s.follow(sub, live)
	}
	if sub.player != nil && sub.capped() {
		sub.player.SetCap(sub.cap())
	}
	now := time.Now()
	s.out.Reset()
	sub.core.Pull(now, &s.out)
	s.emit(sub)
	if s.out.More {
		sub.again = true
		s.more = append(s.more, sub)
	}
	s.schedule(sub, s.out.Deadline, now)
	if sub.core.Misfit() && !sub.told {
		sub.told = true
		sub.sink.Close(sub.misfit())
	}
}

// follow attaches a subscriber to the stream's publication of now.
func (s *shard) follow(sub *Subscription, live *Publication) {
	s.publishCounts(sub) // up to now: what lies between two publishers is measured for nobody
	sub.pub = live
	if live == nil {
		sub.core.SetPublisher(nil)
		return
	}
	sub.core.SetPublisher(live.up)
}

// emit does what the core wants done.
func (s *shard) emit(sub *Subscription) {
	o := &s.out
	for i := range o.Packets {
		p := &o.Packets[i]
		if err := sub.sink.WriteRTP(p); err != nil {
			s.tally.writeErrors++
			if errors.Is(err, ErrQueueFull) {
				sub.core.Blocked(p, o)
			}
			continue
		}
		s.tally.packets++
		s.tally.bytes += uint64(len(p.Packet.Payload))
	}
	if !sub.shown && len(o.Packets) > 0 {
		s.began(sub)
	}
	if len(o.RTCP) > 0 {
		_ = sub.sink.WriteRTCP(o.RTCP) // a lost report is followed by the next
		s.publishCounts(sub)
	}
	for _, e := range o.Wishes {
		s.tally.wishes++
		if sub.pub != nil {
			sub.pub.requestKeyframe(e)
		}
	}
}

// A deadline that is farDeadline away, a report's for one, is met within deadlineSlack:
// as long as media flows a pass comes along in that time, and nobody wakes for it alone.
const (
	farDeadline   = 50 * time.Millisecond
	deadlineSlack = 25 * time.Millisecond
)

func (s *shard) schedule(sub *Subscription, at, now time.Time) {
	switch {
	case at.IsZero():
		s.due.remove(&sub.due)
	case sub.due.queued() && at.Equal(sub.wanted):
	case at.Sub(now) >= farDeadline:
		s.due.set(&sub.due, at.Add(deadlineSlack))
	default:
		s.due.set(&sub.due, at)
	}
	sub.wanted = at
}

// flush ends a pass: packets leave, counters become visible.
func (s *shard) flush() {
	if s.batch != nil {
		s.batch.Flush()
	}
	t := &s.tally
	s.packets.Add(t.packets)
	s.bytes.Add(t.bytes)
	s.writeErrors.Add(t.writeErrors)
	s.wishes.Add(t.wishes)
	*t = tally{}
}
