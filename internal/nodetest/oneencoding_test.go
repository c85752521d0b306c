package nodetest_test

import (
	"io"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// idle is a source that never has a frame, like an encoding that a browser has no
// bitrate for.
type idle struct {
	client.Source
	once   sync.Once
	closed chan struct{}
}

func (s *idle) Next() (client.Frame, error) {
	<-s.closed
	return client.Frame{}, io.EOF
}

func (s *idle) Close() error {
	s.once.Do(func() { close(s.closed) })
	return s.Source.Close()
}

// TestW106_OneEncodingOfThree: simulcast is offered and one encoding is ever sent,
// whichever it is. It plays, for those who were there before it as well.
func TestW106_OneEncodingOfThree(t *testing.T) {
	for alive, rid := range []string{"low", "mid", "high"} {
		t.Run(rid, func(t *testing.T) {
			run(t, func(t *testing.T, w *nodetest.World) {
				early := w.Subscribe("studio")
				w.Publish("studio", func(o *client.PublishOptions) {
					o.Video = nil
					for i, rid := range []string{"low", "mid", "high"} {
						source := nodetest.Video(t, client.SyntheticOptions{})
						if i != alive {
							source = &idle{Source: source, closed: make(chan struct{})}
						}
						o.Video = append(o.Video, client.Encoding{RID: rid, Source: source})
					}
				})
				w.Run(2 * time.Second)
				late := w.Subscribe("studio")
				w.Run(time.Second)
				for _, sub := range []*nodetest.Subscriber{early, late} {
					sub.WantMedia(5 * time.Second)
					if p := sub.Pictures(); p.Broken > 0 {
						t.Errorf("%d broken pictures", p.Broken)
					}
				}
				if first := late.Pictures().First; first > 300*time.Millisecond {
					t.Errorf("the first picture came after %v", first)
				}
			})
		})
	}
}
