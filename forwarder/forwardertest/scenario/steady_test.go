package scenario

import (
	"os"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

// A steady is a link that is capped from the top layer once and then stays as it is, and
// captured layers whose pictures are unevenly large.
type steady struct {
	kind   SVC
	cap    int64 // bits per second
	seed   int
	uneven float64
}

const (
	steadyCap   = 5 * time.Second  // when the cap comes, in the first run
	steadyAfter = 10 * time.Second // of it the layer has settled
	steadyApart = time.Minute      // changes of layer are, at least
)

// A steady link is left alone: ten seconds after a cap came the layer changes once a minute at
// most, whether the best that fits uses most of the link or little, and whether the next just
// fits or does not. With SWEEP=all many more caps are tried, of which one run in thirty may be
// hurried: what just fits is too much now and then.
func TestSteadyLinksAreLeftAlone(t *testing.T) {
	caps := []int64{180, 240, 390, 420, 510, 600}
	seeds, length, allowed := 2, 2*time.Minute, 0
	runs, hurried := 0, 0
	if os.Getenv("SWEEP") == "all" {
		caps, seeds, length, allowed = nil, 4, 3*time.Minute, 1
		for c := int64(150); c <= 900; c += 10 {
			caps = append(caps, c)
		}
	}
	for _, kind := range []SVC{SVCKey, SVCFull} {
		for _, c := range caps {
			for i := range seeds {
				s := steady{kind, c * 1000, i, 0.3 * float64(i%2)}
				runs++
				if at := s.play(length).hurried(steadyCap + steadyAfter + time.Second); at != nil {
					hurried++
					t.Logf("%+v: changes of layer at %v", s, at)
				}
			}
		}
	}
	if hurried > allowed*runs/30 {
		t.Errorf("%d of %d runs were hurried, want %d at most", hurried, runs, allowed*runs/30)
	}
}

func (s steady) play(length time.Duration) *Run {
	c := captured("", s.kind)
	sizes := *c.Sizes
	sizes.Uneven, sizes.Seed = s.uneven, uint64(s.seed)
	c.Sizes, c.Length = &sizes, length
	c.Link.Capacity = []link.Step{{Bitrate: uncapped}, {At: steadyCap + time.Duration(s.seed)*phase, Bitrate: s.cap}}
	return Play(c)
}

// hurried returns when the layer changed from a point of time on, where two changes were less
// than steadyApart apart; else nil.
func (r *Run) hurried(from time.Duration) []time.Duration {
	var all []time.Duration
	hurry := false
	for i := range r.Samples[1:] {
		was, is := &r.Samples[i], &r.Samples[i+1]
		if is.At < from || was.Choice == is.Choice {
			continue
		}
		if n := len(all); n > 0 && is.At-all[n-1] < steadyApart {
			hurry = true
		}
		all = append(all, is.At)
	}
	if !hurry {
		return nil
	}
	return all
}
