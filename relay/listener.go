package relay

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// A listener is one connection to a Redis that is told about changes, for all watches of a
// node. One goroutine makes the connection while anybody watches, reads it, and makes it
// again when it is lost; a second one, as long as there is a connection, asks for what is
// wanted. Whatever Redis confirms wakes those who wait: they look up then, and know what
// they missed while there was no connection.
type listener struct {
	client  *redis.Client
	channel func(stream string) string
	watches watches
	wanted  chan struct{} // room for one: something else is wanted
	cancel  context.CancelFunc
	running sync.WaitGroup

	// mu guards the fields below. It comes before that of the watches.
	mu        sync.Mutex
	asked     map[string]bool // streams asked for on the connection there is
	confirmed map[string]bool // of these, those Redis has confirmed
}

func newListener(c *redis.Client, channel func(stream string) string) *listener {
	ctx, cancel := context.WithCancel(context.Background())
	l := &listener{client: c, channel: channel, wanted: make(chan struct{}, 1), cancel: cancel}
	l.running.Go(func() { l.run(ctx) })
	return l
}

// close waits for both goroutines. Watches get nothing any more.
func (l *listener) close() {
	l.cancel()
	l.running.Wait()
}

// watch adds one who waits. It does not touch the network.
func (l *listener) watch(stream string) (changed <-chan struct{}, stop func()) {
	l.mu.Lock()
	w := l.watches.add(stream)
	if l.confirmed[stream] {
		w.wake()
	}
	l.mu.Unlock()
	l.want()
	return w.changed, func() {
		if l.watches.remove(w) {
			l.want()
		}
	}
}

func (l *listener) want() {
	select {
	case l.wanted <- struct{}{}:
	default: // whoever reads it will see this wish, too
	}
}

// run keeps a connection while anybody watches.
func (l *listener) run(ctx context.Context) {
	for ctx.Err() == nil {
		if l.watches.empty() {
			select {
			case <-ctx.Done():
			case <-l.wanted:
			}
			continue
		}
		l.session(ctx)
		pause(ctx, listenPause)
	}
}

// session is the life of one connection.
func (l *listener) session(ctx context.Context) {
	l.mu.Lock()
	l.asked, l.confirmed = map[string]bool{}, map[string]bool{}
	l.mu.Unlock()
	conn := l.client.Subscribe(ctx)
	if !l.ask(ctx, conn) {
		_ = conn.Close()
		return
	}
	ctx, end := context.WithCancel(ctx)
	var asking sync.WaitGroup
	asking.Go(func() { l.keepAsking(ctx, conn) })
	for {
		message, err := conn.ReceiveTimeout(ctx, listenTimeout)
		if err != nil {
			break
		}
		l.told(message)
	}
	end()
	asking.Wait()
	l.mu.Lock()
	l.confirmed = nil
	l.mu.Unlock()
}

// keepAsking follows what is wanted, and pings so that a dead connection is noticed. It
// closes the connection in the end.
func (l *listener) keepAsking(ctx context.Context, conn *redis.PubSub) {
	defer conn.Close() //nolint:errcheck // nothing to be done about it
	ping := time.NewTicker(listenPing)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wanted:
			if !l.ask(ctx, conn) {
				return
			}
		case <-ping.C:
			if l.watches.empty() || conn.Ping(ctx) != nil {
				return
			}
		}
	}
}

// ask subscribes to what is watched and unsubscribes from the rest. It reports whether
// that could be sent.
func (l *listener) ask(ctx context.Context, conn *redis.PubSub) bool {
	begin, end := l.difference()
	for at := 0; at < len(end); at += maxPipeline {
		if conn.Unsubscribe(ctx, end[at:min(at+maxPipeline, len(end))]...) != nil {
			return false
		}
	}
	for at := 0; at < len(begin); at += maxPipeline {
		if conn.Subscribe(ctx, begin[at:min(at+maxPipeline, len(begin))]...) != nil {
			return false
		}
	}
	return true
}

// difference returns the channels to subscribe to and those to leave, and notes them as
// asked for.
func (l *listener) difference() (begin, end []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	wanted := l.watches.streams()
	for stream := range wanted {
		if !l.asked[stream] {
			l.asked[stream] = true
			begin = append(begin, l.channel(stream))
		}
	}
	for stream := range l.asked {
		if !wanted[stream] {
			delete(l.asked, stream)
			delete(l.confirmed, stream)
			end = append(end, l.channel(stream))
		}
	}
	return begin, end
}

// told wakes whoever waits for what a message is about.
func (l *listener) told(message any) {
	switch m := message.(type) {
	case *redis.Message:
		l.watches.wake(l.stream(m.Channel))
	case *redis.Subscription:
		if m.Kind == "subscribe" {
			l.confirm(l.stream(m.Channel))
		}
	}
}

func (l *listener) confirm(stream string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asked[stream] {
		l.confirmed[stream] = true
		l.watches.wake(stream)
	}
}

// stream is the reverse of channel.
func (l *listener) stream(channel string) string {
	before, after, _ := strings.Cut(l.channel("\x00"), "\x00")
	return strings.TrimSuffix(strings.TrimPrefix(channel, before), after)
}

// pause waits unless ctx is done.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
