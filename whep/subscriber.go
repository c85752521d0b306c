package whep

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/sdp"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/stream"
)

// A subscriber is what the extensions need of a session.
type subscriber struct {
	handler *Handler
	session *signaling.Session

	sections     []sdp.Section // of the offer
	video        int           // index of the one that carries video; -1: none
	subscription *stream.Subscription

	// mu guards the fields below. It is taken last but for those of eventStream, and not
	// held while one of them is used.
	mu      sync.Mutex
	ended   bool
	streams map[*eventStream]bool
}

func newSubscriber(h *Handler, s *signaling.Session, offer *sdp.Offer) *subscriber {
	accepted := func(section sdp.Section) bool { return section.Accepted && section.Kind == codec.Video }
	return &subscriber{
		handler: h, session: s,
		sections: offer.Sections, video: slices.IndexFunc(offer.Sections, accepted),
		streams: map[*eventStream]bool{},
	}
}

// videoKey is how the extensions name the section that carries video.
func (s *subscriber) videoKey() string { return strconv.Itoa(s.video) }

// open makes an event stream, with the first events in its queue.
func (s *subscriber) open(wants kindSet) (*eventStream, error) {
	e := &eventStream{owner: s, id: signaling.Unguessable(), wants: wants}
	if err := s.add(e); err != nil {
		return nil, err
	}
	s.subscription.Watch(e)
	if where := s.handler.leaving(); where != nil {
		e.tellReconnect(where(s.session.Stream()))
	}
	return e, nil
}

func (s *subscriber) add(e *eventStream) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return signaling.NoSession()
	}
	if len(s.streams) >= maxSessionEventStreams {
		return signaling.NewProblem(http.StatusUnprocessableEntity, "too-many-event-streams",
			"This session has as many event streams as it may. DELETE one.")
	}
	if err := s.handler.countEventStream(); err != nil {
		return err
	}
	s.streams[e] = true
	return nil
}

// find returns the event stream of an id that has not ended; nil: there is none.
func (s *subscriber) find(id string) *eventStream {
	for _, e := range s.all() {
		if e.id == id && e.is(open) {
			return e
		}
	}
	return nil
}

func (s *subscriber) all() []*eventStream {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.streams))
}

// forget gives the place of an event stream free.
func (s *subscriber) forget(e *eventStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.streams[e] {
		delete(s.streams, e)
		s.handler.eventStreams.Add(-1)
	}
}

// reconnect tells the client to begin a new session: at url, or where it began this one
// if that is "". It does not block.
func (s *subscriber) reconnect(url string) {
	for _, e := range s.all() {
		e.tellReconnect(url)
	}
}

// end ends all event streams, once their readers have what is queued.
func (s *subscriber) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.closeStreams()
}

func (s *subscriber) closeStreams() {
	for _, e := range s.all() {
		e.close()
		s.forget(e)
	}
}
