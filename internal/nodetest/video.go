package nodetest

import (
	"math/rand/v2"
	"testing"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// video is a synthetic source whose frames end with its name, so that the decoder oracle
// can tell the frames of two sources apart.
type video struct {
	*client.Synthetic
	source [sourceBytes]byte
	buf    []byte
}

const sourceBytes = 8

// Video makes a video source; zero fields are VP8 of 360 lines at 30 frames a second,
// 300 kbit/s, with a keyframe every two seconds.
func Video(t testing.TB, o client.SyntheticOptions) client.Source {
	t.Helper()
	if o.Codec == 0 {
		o.Codec = codec.VP8
	}
	if o.Bitrate == 0 {
		o.Bitrate = 300_000
	}
	s, err := client.NewSynthetic(o)
	if err != nil {
		t.Fatal(err)
	}
	v := &video{Synthetic: s}
	for i := range v.source {
		v.source[i] = 0x80 | byte(rand.Uint32()) //nolint:gosec // no start code can arise in it
	}
	return v
}

// Next makes a frame.
func (v *video) Next() (client.Frame, error) {
	f, err := v.Synthetic.Next()
	if err != nil {
		return f, err
	}
	v.buf = append(append(v.buf[:0], f.Data...), v.source[:]...)
	f.Data = v.buf
	return f, nil
}
