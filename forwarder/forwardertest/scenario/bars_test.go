package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// The bars of each row.
const (
	leastUse      = 0.7
	mostFreeze    = 1.0  // s
	mostConverged = 10.0 // s
)

// exceptions are the rows that miss a bar, and why.
var exceptions = map[string]string{
	"competing flow, 4M, queue of 60 ms": "a short queue that another flow fills: each of its overflows loses ours too",
	"competing flow, 4M, queue of 1 s":   "a resend takes as long as the other flow's queue",
	"queue of 25 ms, 2M 100k 2M":         "the least layer does not fit, and no keyframe does into the queue",
	"2 subscribers on 1.5M":              "each is somebody else's traffic to the other: what one sends at once is the other's queue",
	"4 subscribers on 4M":                "the same",
	"4 subscribers on 2M, queue of 1 s":  "the same, and all is known a second late",
	"by REMB, 3M":                        "a receiver's own estimate grows by 8 % a second",
	"by REMB, 4M 1M 4M":                  "the same, after a change that it tells late",
	"sound without numbers, starved 60k": "sound takes all of the link, of which the estimate does not know",
	"without RTX, 2M":                    "without probes a better layer is tried each ten seconds",
	"without RTX, 4M 400k 4M":            "the same, and a try that does not fit is taken back after two",
}

// misses says which bars a score misses. due tells whether a pause is where the least layer does
// not fit.
func (s *Score) misses(due bool) (what []string) {
	if s.Kbits == 0 {
		return nil // sound only
	}
	if s.Utilisation < leastUse {
		what = append(what, fmt.Sprintf("utilisation %.2f", s.Utilisation))
	}
	most := mostFreeze
	if due {
		most += s.Paused
	}
	if s.Longest > most {
		what = append(what, fmt.Sprintf("a freeze of %.2f s", s.Longest))
	}
	if s.Converged < 0 || s.Converged > mostConverged {
		what = append(what, fmt.Sprintf("converged %.1f s", s.Converged))
	}
	return what
}

// Each bar is missed by a score beyond it, and only that one.
func TestMisses(t *testing.T) {
	good := Score{Kbits: 1000, Utilisation: 0.7, Longest: 1, Converged: 10}
	if what := good.misses(true); what != nil {
		t.Errorf("%+v misses %v", good, what)
	}
	for name, spoil := range map[string]func(*Score){
		"utilisation":    func(s *Score) { s.Utilisation = 0.69 },
		"a freeze":       func(s *Score) { s.Longest = 1.01 },
		"converged 10.1": func(s *Score) { s.Converged = 10.1 },
		"converged -1":   func(s *Score) { s.Converged = -1 },
	} {
		s := good
		spoil(&s)
		if what := s.misses(true); len(what) != 1 || !strings.HasPrefix(what[0], name) {
			t.Errorf("%s: %v", name, what)
		}
	}
	paused := Score{Kbits: 1000, Utilisation: 0.7, Longest: 3, Converged: 10, Paused: 2}
	if paused.misses(true) != nil || len(paused.misses(false)) != 1 {
		t.Errorf("a pause misses %v, one that is due %v", paused.misses(false), paused.misses(true))
	}
}

// What is worse by more than its tolerance is said, whichever it is; what is better is not.
func TestWorse(t *testing.T) {
	was := Score{Kbits: 1000, Utilisation: 0.9, Height: 500, First: 0.2, Converged: 3, Switches: 2, Freezes: 1, Longest: 0.5, Latency: 100, Queue: 50, SoundGap: 100, SoundLost: 0.1, Paused: 1}
	if what := worse(was, was); what != nil {
		t.Errorf("the same is worse: %v", what)
	}
	for name, change := range map[string]func(s *Score, by float64){
		"loss of bitrate":     func(s *Score, by float64) { s.Kbits -= int64(500 * by) },
		"loss of utilisation": func(s *Score, by float64) { s.Utilisation -= 0.3 * by },
		"loss of height":      func(s *Score, by float64) { s.Height -= 100 * by },
		"first picture":       func(s *Score, by float64) { s.First += by },
		"convergence":         func(s *Score, by float64) { s.Converged += 3 * by },
		"switches":            func(s *Score, by float64) { s.Switches += 2 * by },
		"freezes":             func(s *Score, by float64) { s.Freezes += 2 * by },
		"longest freeze":      func(s *Score, by float64) { s.Longest += by },
		"latency":             func(s *Score, by float64) { s.Latency += 100 * by },
		"queue":               func(s *Score, by float64) { s.Queue += 100 * by },
		"gap in sound":        func(s *Score, by float64) { s.SoundGap += 200 * by },
		"lost sound":          func(s *Score, by float64) { s.SoundLost += by },
		"pause":               func(s *Score, by float64) { s.Paused += 5 * by },
	} {
		for _, by := range []float64{1, 0.1, -0.9} {
			is := was
			change(&is, by)
			what := worse(was, is)
			if by == 1 && (len(what) != 1 || !strings.HasPrefix(what[0], name)) || by < 1 && what != nil {
				t.Errorf("%s, %v: %v", name, by, what)
			}
		}
	}
	never := was
	never.Converged = -1
	if worse(was, never) == nil {
		t.Error("what does not converge any more is not worse")
	}
}
