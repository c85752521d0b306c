package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Storm is many joins in a short time beside those who are watching. The zero Storm
// is none. Its text form is "500/10s", or "500/10s/2s" with Stay.
type Storm struct {
	Joins  int           // to come, evenly spread
	Within time.Duration // at least a second
	Stay   time.Duration // of each who came; 0: until it is over
}

// stormTail is how long it is measured on when the last has been let in.
const stormTail = 2 * time.Second

// maxStormRate is joins a second: more than a machine can open sockets for.
const maxStormRate = 1000

// MarshalText writes "500/10s", nothing for no storm.
func (s Storm) MarshalText() ([]byte, error) {
	if s.Joins == 0 {
		return nil, nil
	}
	b := fmt.Appendf(nil, "%d/%v", s.Joins, s.Within)
	if s.Stay != 0 {
		b = fmt.Appendf(b, "/%v", s.Stay)
	}
	return b, nil
}

// UnmarshalText reads what MarshalText writes.
func (s *Storm) UnmarshalText(b []byte) error {
	*s = Storm{}
	if len(b) == 0 {
		return nil
	}
	joins, rest, _ := strings.Cut(string(b), "/")
	within, stay, stays := strings.Cut(rest, "/")
	if !stays {
		stay = "0"
	}
	var errs [3]error
	s.Joins, errs[0] = strconv.Atoi(joins)
	s.Within, errs[1] = time.ParseDuration(within)
	s.Stay, errs[2] = time.ParseDuration(stay)
	if errors.Join(errs[:]...) != nil {
		return fmt.Errorf("%q is no storm: write joins/time or joins/time/stay, such as 500/10s", b)
	}
	return nil
}

func (s Storm) check() error {
	switch {
	case s == Storm{}:
		return nil
	case s.Joins < 1 || s.Joins > maxSubscribers || s.Within < time.Second || s.Within > maxWindow || s.Stay < 0:
		return fmt.Errorf("a storm is 1 to %d joins in at least a second", maxSubscribers)
	case float64(s.Joins)/s.Within.Seconds() > maxStormRate:
		return fmt.Errorf("a storm has up to %d joins a second", maxStormRate)
	}
	return nil
}

// A StormResult is what those who were already watching got while a storm went on.
// The fields of the same names in [Result] tell what they got before it.
type StormResult struct {
	Joins          float64 `json:"joins"`
	Failed         float64 `json:"failed"`
	LatencyMs      Latency `json:"latencyMs"`
	Loss           float64 `json:"loss"`
	Overflowed     float64 `json:"overflowed"`
	Freezes        float64 `json:"freezes"`
	LongestPauseMs float64 `json:"longestPauseMs"`

	CreatedMs       Spread `json:"createdMs"` // of those who came: POST to 201
	FirstKeyframeMs Spread `json:"firstKeyframeMs"`

	Cores       float64 `json:"cores"` // CPU time of the server for each second
	MachineIdle float64 `json:"machineIdle"`
}

// storm measures another window, in which it storms.
func (m *measurement) storm(ctx context.Context) error {
	s := m.load.Storm
	if s.Joins == 0 {
		return nil
	}
	m.say("storm of %d joins in %v", s.Joins, s.Within)
	length := s.Within + stormTail
	seen, err := m.see(ctx, length, visits{float64(s.Joins) / s.Within.Seconds(), s.Joins, s.Stay}, false)
	if err != nil {
		return err
	}
	var all Result
	all.take(seen)
	got := seen.received
	r := &StormResult{
		Joins: all.ChurnJoins, Failed: all.ChurnFailed, LatencyMs: all.LatencyMs, Loss: all.Loss, Overflowed: all.Overflowed,
		Freezes: all.Freezes, LongestPauseMs: all.LongestPauseMs,
		CreatedMs: got.VisitCreated.ms(), FirstKeyframeMs: got.VisitFirstKeyframe.ms(),
	}
	used := seen.after.server.minus(seen.before.server).cpu
	r.Cores = seen.scale(used, length).Seconds() / length.Seconds()
	r.MachineIdle, _ = seen.idle()
	m.result.Storm = r
	return nil
}
