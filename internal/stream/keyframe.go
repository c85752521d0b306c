package stream

import (
	"errors"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// What WishKeyframe refuses.
var (
	// ErrNotLive: nobody publishes the stream. A retry can help.
	ErrNotLive = errors.New("stream: nobody publishes it")
	// ErrNoEncoding: the publisher sends no such encoding of video now.
	ErrNoEncoding = errors.New("stream: there is no such encoding")
)

// WishKeyframe wishes for a keyframe of the video encoding with a RID, or of all that are
// sent if rid is "", and returns how many these are. The wish is merged with those of
// subscribers, and the publisher asked as often as it may be.
func (r *Registry) WishKeyframe(name, rid string) (encodings int, err error) {
	r.mu.Lock()
	s := r.streams[name]
	r.mu.Unlock()
	if s == nil {
		return 0, ErrNotLive
	}
	p := s.sending()
	if p == nil {
		return 0, ErrNotLive
	}
	now := time.Now()
	for _, e := range p.up.Encodings(codec.Video) {
		if e.Active(now) && (rid == "" || rid == e.RID()) {
			p.requestKeyframe(e)
			encodings++
		}
	}
	if encodings == 0 {
		return 0, ErrNoEncoding
	}
	r.Serve()
	return encodings, nil
}
