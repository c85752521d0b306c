//go:build bars

package bars

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// longInterval is the keyframe interval of the hardest publisher we promise for: OBS's default,
// and OBS ignores keyframe requests.
const longInterval = 10 * time.Second

// loop is how many frames the clip with that interval has; its counter starts anew then.
const loop = 300

// sent is one frame of the publisher.
type sent struct {
	number   int
	keyframe bool
	at       time.Time
}

// publisher publishes the built-in clip and remembers when it sent each frame.
type publisher struct {
	*client.Publisher

	mu     sync.Mutex
	frames []sent
}

// maxRemembered bounds the frames a publisher remembers: half an hour.
const maxRemembered = 30 * 60 * 30

// publish starts a publisher of the clip; it ends with the test. Nobody's wish for a keyframe
// is heard.
func publish(t *testing.T, endpoint string, interval time.Duration) *publisher {
	t.Helper()
	p, err := tryPublish(endpoint, interval)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func tryPublish(endpoint string, interval time.Duration) (*publisher, error) {
	video, audio, err := client.Clip(codec.H264, interval)
	if err != nil {
		return nil, err
	}
	p := &publisher{}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	p.Publisher, err = client.Publish(ctx, client.PublishOptions{
		Options: client.Options{URL: endpoint, NoCandidates: true},
		Video:   []client.Encoding{{Source: video}},
		Audio:   audio, Loop: true, IgnoreKeyframeRequests: true,
		OnFrame: p.remember,
	})
	return p, err
}

// remember is called for sounds, too, whose frames have another count.
func (p *publisher) remember(_ string, f client.Frame) {
	if f.Duration == soundDuration {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) < maxRemembered {
		p.frames = append(p.frames, sent{number: f.Number % loop, keyframe: f.Keyframe, at: time.Now()})
	}
}

// soundDuration is the length of the clip's sound packets; its pictures last 33 ms.
const soundDuration = 20 * time.Millisecond

// clocksDiffer is how far a page's clock may be off this process's, at most. A frame can be shown
// a few milliseconds after it was sent, so by the clocks it may be shown before.
const clocksDiffer = 100 * time.Millisecond

// sentAt returns when the frame with this counter that a page showed at some moment was sent: the
// latest before it.
func (p *publisher) sentAt(number int, shown time.Time) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.frames) - 1; i >= 0; i-- {
		if f := p.frames[i]; f.number == number && f.at.Before(shown.Add(clocksDiffer)) {
			return f.at, true
		}
	}
	return time.Time{}, false
}

// firstFrame returns when the publisher sent its first frame, and whether it has.
func (p *publisher) firstFrame() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.frames) == 0 {
		return time.Time{}, false
	}
	return p.frames[0].at, true
}

// awaitKeyframe waits for the next keyframe to be sent.
func (p *publisher) awaitKeyframe(t *testing.T) time.Time {
	t.Helper()
	start := time.Now()
	for time.Since(start) < 2*longInterval {
		if at, ok := p.lastKeyframe(); ok && at.After(start) {
			return at
		}
		time.Sleep(5 * time.Millisecond) // the source says when it sends, not that it has sent
	}
	t.Fatalf("no keyframe in %v", 2*longInterval)
	return time.Time{}
}

func (p *publisher) lastKeyframe() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.frames) - 1; i >= 0; i-- {
		if p.frames[i].keyframe {
			return p.frames[i].at, true
		}
	}
	return time.Time{}, false
}
