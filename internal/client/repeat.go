package client

import (
	"errors"
	"io"
	"time"
)

// repeated plays a short source again and again until it is as long as another
// one, so that both loop together. Frames go on counting and rising in time.
type repeated struct {
	Source
	length time.Duration // to reach

	offset time.Duration // of the current round
	first  int           // number of its first frame
	end    time.Duration // of the last frame
	next   int           // number of the next frame
}

// repeat makes source about length long, in whole rounds; one that is longer
// stays as it is.
func repeat(source Source, length time.Duration) Source {
	return &repeated{Source: source, length: length}
}

// Next returns the next frame of this round or the next one.
func (r *repeated) Next() (Frame, error) {
	f, err := r.Source.Next()
	if round := r.end - r.offset; errors.Is(err, io.EOF) && round > 0 && r.length-r.end > round/2 {
		if err := r.Source.Rewind(); err != nil {
			return Frame{}, err
		}
		r.offset, r.first = r.end, r.next
		f, err = r.Source.Next()
	}
	if err != nil {
		return f, err
	}
	f.At += r.offset
	f.Number += r.first
	r.end, r.next = f.At+f.Duration, f.Number+1
	return f, nil
}

// Rewind goes back to the first frame of the first round.
func (r *repeated) Rewind() error {
	r.offset, r.first, r.end, r.next = 0, 0, 0, 0
	return r.Source.Rewind()
}
