package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/forwarder/codec"
)

// ErrBounds closes a publisher that sent more than it may for boundGrace.
var ErrBounds = errors.New("stream: the publisher sends more than it may")

// ErrStreamFull is the [ErrFull] of one stream: others may still have room.
var ErrStreamFull = fmt.Errorf("%w of this stream", ErrFull)

const (
	// boundInterval is how often a publisher is held against its bounds.
	boundInterval = time.Second
	// boundGrace is how long a publisher may be over its bounds: browsers take some
	// seconds to keep to a bitrate they were told, and a keyframe is no offence.
	boundGrace = 10 * time.Second
)

// Bounds are what one publisher may send, and to how many. A zero field is no bound.
type Bounds struct {
	Bitrate       int64 // bits per second of all RTP packets that arrive
	Width, Height int   // of the pictures of each encoding, in pixels
	Encodings     int   // of video
	Subscribers   int   // of the stream while this publisher has its name
}

// Bound bounds the publisher to come. Call it once, before Start. Subscribers that are
// there already stay.
func (c *Claim) Bound(b Bounds) {
	c.stream.reg.mu.Lock()
	defer c.stream.reg.mu.Unlock()
	c.bounds = b
}

// mostLocked is how many subscribers the stream may have, of which a further one may ask
// for a lower number.
func (r *Registry) mostLocked(s *stream, own int) int {
	most := lesser(int64(r.cfg.MaxSubscribers), int64(own))
	if s != nil {
		most = lesser(most, int64(s.set().MaxSubscribers))
	}
	if s != nil && s.claim != nil {
		most = lesser(most, int64(s.claim.bounds.Subscribers))
	}
	return int(most)
}

// An overseer holds a publisher against its bounds.
type overseer struct {
	bounds Bounds
	next   time.Time // when it looks again
	bytes  uint64    // that had arrived when it looked last
	looked time.Time
	over   time.Time // since when the publisher is over a bound; zero: it is not
}

// look returns which bound the publisher has been over for too long; "" for none. bytes
// is what has arrived altogether.
func (o *overseer) look(now time.Time, bytes uint64, up *forwarder.Publisher) string {
	if o.bounds == (Bounds{}) || now.Before(o.next) {
		return ""
	}
	what := o.exceeded(now, bytes, up)
	o.next, o.bytes, o.looked = now.Add(boundInterval), bytes, now
	switch {
	case what == "":
		o.over = time.Time{}
	case o.over.IsZero():
		o.over = now
	case now.Sub(o.over) >= boundGrace:
		return what
	}
	return ""
}

// exceeded returns which bound the publisher is over now; "" for none.
func (o *overseer) exceeded(now time.Time, bytes uint64, up *forwarder.Publisher) string {
	if elapsed := now.Sub(o.looked); !o.looked.IsZero() && o.bounds.Bitrate > 0 &&
		float64(bytes-o.bytes)*8 > float64(o.bounds.Bitrate)*elapsed.Seconds() {
		return "bitrate"
	}
	active := 0
	for _, e := range up.Encodings(codec.Video) {
		if !e.Active(now) {
			continue
		}
		active++
		width, height := e.Size()
		if o.bounds.Width > 0 && width > o.bounds.Width || o.bounds.Height > 0 && height > o.bounds.Height {
			return "picture size"
		}
	}
	if o.bounds.Encodings > 0 && active > o.bounds.Encodings {
		return "layers"
	}
	return ""
}

// oversee ends the publisher if it is over its bounds for too long.
func (p *Publication) oversee(what string) {
	if what == "" {
		return
	}
	p.stream.reg.log.Warn("The publisher sends more than it may, so it is ended.", "stream", p.stream.name, "bound", what)
	p.src.Close(ErrBounds)
}
