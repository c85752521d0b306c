package node

import (
	"slices"
	"sync"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/stream"
	"github.com/whippet-media/whippet/internal/webhook"
)

// streamWatchInterval is how often streams are looked at for webhooks. It bounds how often
// one event of a stream can come.
const streamWatchInterval = time.Second

// A streamWatch finds out what webhooks tell of streams and no single moment shows: that
// nobody watches, and what is wrong with them.
type streamWatch struct {
	idle    time.Duration
	session func(stream string) string // of its publisher
	emit    func(webhook.Event)
	known   map[string]*watchedStream
}

// watchedStream is a live stream as it was seen last.
type watchedStream struct {
	publication uint64
	alone       time.Time // since when nobody subscribes; zero: somebody does
	idle        bool      // it was told
	codes       []string  // of findings that were told
}

func newStreamWatch(idle time.Duration, session func(string) string, emit func(webhook.Event)) *streamWatch {
	return &streamWatch{idle: idle, session: session, emit: emit, known: map[string]*watchedStream{}}
}

// look compares the streams of now with those of the last time. Streams that went are
// forgotten: the end of a publisher is the end of its findings too.
func (w *streamWatch) look(now time.Time, streams []stream.Info) {
	live := map[string]*watchedStream{}
	for _, info := range streams {
		if info.Publication == 0 || info.Relayed { // the publisher's node tells of it
			continue
		}
		s := w.known[info.Name]
		if s == nil || s.publication != info.Publication {
			s = &watchedStream{publication: info.Publication, alone: now}
		}
		live[info.Name] = s
		w.audience(now, info, s)
		w.findings(info, s)
	}
	w.known = live
}

// audience tells of a stream that begins or ends to be idle. One whose publisher sends
// nothing yet is not, it has a finding. Another node that has it has subscribers.
func (w *streamWatch) audience(now time.Time, info stream.Info, s *watchedStream) {
	switch {
	case info.Subscribers+info.Links > 0:
		if s.idle {
			w.tell(webhook.StreamWatched, info.Name, webhook.Watched{Subscribers: info.Subscribers})
		}
		s.alone, s.idle = time.Time{}, false
	case s.alone.IsZero() || !info.Live():
		s.alone = now
	case !s.idle && now.Sub(s.alone) >= w.idle:
		s.idle = true
		w.tell(webhook.StreamIdle, info.Name, webhook.Idle{Seconds: seconds(now.Sub(s.alone))})
	}
}

// findings tells which codes came and went.
func (w *streamWatch) findings(info stream.Info, s *watchedStream) {
	has := func(code string) bool {
		return slices.ContainsFunc(info.Diagnosis, func(f forwarder.Finding) bool { return f.Code == code })
	}
	s.codes = slices.DeleteFunc(s.codes, func(code string) bool {
		if has(code) {
			return false
		}
		w.tell(webhook.DiagnosisCleared, info.Name, webhook.Diagnosis{Code: code})
		return true
	})
	for _, f := range info.Diagnosis {
		if !slices.Contains(s.codes, f.Code) {
			s.codes = append(s.codes, f.Code)
			w.tell(webhook.DiagnosisFound, info.Name, webhook.Diagnosis{Code: f.Code, Text: f.Text})
		}
	}
}

func (w *streamWatch) tell(typ, name string, details any) {
	w.emit(webhook.Event{Type: typ, Stream: name, Session: w.session(name), Details: details})
}

// A ticker calls functions at intervals until it is closed. The zero ticker calls none.
type ticker struct {
	quit chan struct{}
	done sync.WaitGroup
}

// start calls f each interval, one call at a time.
func (t *ticker) start(interval time.Duration, f func(now time.Time)) {
	t.quit = make(chan struct{})
	t.done.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-t.quit:
				return
			case now := <-tick.C:
				f(now)
			}
		}
	})
}

// close waits for the last call.
func (t *ticker) close() {
	if t.quit != nil {
		close(t.quit)
		t.done.Wait()
	}
}
