package stream

import (
	"slices"
	"sync"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// watchInterval is how often watchers see their stream. What they count (bitrates,
// subscribers) is of no use to anybody more often.
const watchInterval = time.Second

// A Snapshot is a stream at one moment. All its watchers get the same one: it must not
// be changed.
type Snapshot struct {
	At      time.Time
	Regular bool // one of those that come once a second

	Publication uint64              // the number of the one that sends, another one for each; 0: nobody sends
	Subscribers int                 // of all nodes, as far as is known here; more for a moment where nodes change their parents
	Layers      []Layer             // of the video, by encoding in order of appearance, the lowest first
	Findings    []forwarder.Finding // what is wrong with what the publisher sends, or that it sends nothing
}

// A Layer is one layer of a stream's video.
type Layer struct {
	RID                   string     // of its encoding; "" without simulcast
	Codec                 codec.Name // the same
	forwarder.LayerStatus            // without a bitrate if its encoding sends nothing
}

// A Watcher sees what becomes of a stream.
type Watcher interface {
	// Watch is told the state of the stream: when it begins to watch, when a
	// publication begins to send or ends, and once a second. Calls come one at a time,
	// in order, and must neither block nor subscribe. The result false is the last: the
	// watcher is forgotten.
	Watch(s *Snapshot) bool
}

// A watch tells the watchers of all streams: one goroutine, which sleeps while there
// are none.
type watch struct {
	wake chan struct{} // capacity 1
	quit chan struct{}
	done sync.WaitGroup

	// mu guards the fields below, and is held while watchers are told. It is taken
	// before Registry.mu.
	mu      sync.Mutex
	streams map[*stream]*watched
}

// watched is a stream with watchers.
type watched struct {
	publication uint64 // as they were told last
	watchers    []Watcher
}

func newWatch() *watch {
	w := &watch{wake: make(chan struct{}, 1), quit: make(chan struct{}), streams: map[*stream]*watched{}}
	w.done.Go(w.run)
	return w
}

func (w *watch) close() {
	close(w.quit)
	w.done.Wait()
}

// changed lets watchers know soon that a publication began to send or ended. It does not
// block.
func (w *watch) changed() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watch) run() {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	ticking := true
	for {
		any := false
		select {
		case <-w.quit:
			return
		case <-w.wake:
			any = w.tell(false)
		case <-tick.C:
			any = w.tell(true)
		}
		switch {
		case any && !ticking:
			tick.Reset(watchInterval)
		case !any:
			tick.Stop()
		}
		ticking = any
	}
}

// tell shows each watched stream to its watchers: all of them, or those whose publication
// changed. It returns whether any is still watched.
func (w *watch) tell(regular bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for s, v := range w.streams {
		if !regular && s.sending().id() == v.publication {
			continue
		}
		snapshot := s.snapshot(regular)
		v.publication = snapshot.Publication
		v.watchers = slices.DeleteFunc(v.watchers, func(x Watcher) bool { return !x.Watch(snapshot) })
		if len(v.watchers) == 0 {
			delete(w.streams, s)
		}
	}
	return len(w.streams) > 0
}

// add shows a stream to a watcher, and from now on what becomes of it.
func (w *watch) add(s *stream, x Watcher) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !x.Watch(s.snapshot(false)) {
		return
	}
	v := w.streams[s]
	if v == nil {
		v = &watched{publication: s.sending().id()}
		w.streams[s] = v
		w.changed() // it may sleep
	}
	v.watchers = append(v.watchers, x)
}

// sending returns the publication that sends, nil if there is none.
func (s *stream) sending() *Publication {
	if p := s.live.Load(); p != nil && p.first.Load() != nil {
		return p
	}
	return nil
}

// id returns the number of a publication, 0 for none.
func (p *Publication) id() uint64 {
	if p == nil {
		return 0
	}
	return p.number
}

func (s *stream) snapshot(regular bool) *Snapshot {
	shot := &Snapshot{At: time.Now(), Regular: regular}
	if p := s.sending(); p != nil {
		shot.Publication = p.number
		shot.Layers = p.layers(shot.At)
	}
	if p := s.live.Load(); p != nil {
		shot.Findings = p.Diagnosis()
	}
	shot.Subscribers = s.everywhere(shot.At)
	return shot
}

// everywhere returns how many subscribers the stream has on all nodes, as far as is known here.
func (s *stream) everywhere(now time.Time) int {
	if p := s.live.Load(); p != nil {
		return p.up.Audience(now)
	}
	return int(s.audience.Load())
}

// layers lists the layers of the video. Those of an encoding that sends nothing have no
// bitrate.
func (p *Publication) layers(now time.Time) []Layer {
	var all []Layer
	for _, e := range p.up.Encodings(codec.Video) {
		active := e.Active(now)
		for _, status := range e.Layers() {
			if !active {
				status.Bitrate = 0
			}
			all = append(all, Layer{RID: e.RID(), Codec: e.Format().Name, LayerStatus: status})
		}
	}
	return all
}
