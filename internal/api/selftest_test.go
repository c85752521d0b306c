package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestSelfTest runs all checks and says what each found, also when they take too long.
func TestSelfTest(t *testing.T) {
	good := api.Check{Name: "good", Run: func(context.Context) (string, bool) {
		time.Sleep(time.Second)
		return "Fine.", true
	}}
	endless := api.Check{Name: "endless", Run: func(ctx context.Context) (string, bool) {
		<-ctx.Done()
		return "It never ends.", false
	}}
	for _, c := range []struct {
		checks []api.Check
		good   bool
		took   time.Duration
	}{{[]api.Check{good}, true, time.Second}, {[]api.Check{endless, good}, false, 21 * time.Second}} {
		run(t, func(t *testing.T, r *rig) {
			began := time.Now()
			s := read[wire.SelfTest](r.do("POST", "self-test", "").want(200, ""))
			if len(s.Checks) != 1+len(c.checks) || s.Good != c.good || time.Since(began) != c.took {
				t.Errorf("%+v after %v", s, time.Since(began))
			}
			if a := s.Checks[0]; a.Name != "addresses" || !a.Good || a.Text == "" {
				t.Errorf("%+v", a)
			}
			if last := s.Checks[len(s.Checks)-1]; last.Name != "good" || !last.Good || last.Text != "Fine." || last.Took != 1000 {
				t.Errorf("%+v", last)
			}
		}, nodetest.Checks(c.checks...))
	}
}

// TestOneSelfTestAtATime: a second one is told to wait.
func TestOneSelfTestAtATime(t *testing.T) {
	running, end := make(chan struct{}, 1), make(chan struct{})
	slow := api.Check{Name: "slow", Run: func(context.Context) (string, bool) {
		running <- struct{}{}
		<-end
		return "Done.", true
	}}
	run(t, func(t *testing.T, r *rig) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.do("POST", "self-test", "").want(200, "")
		}()
		<-running
		if got := r.do("POST", "self-test", "").want(409, "self-test-runs"); got.Header.Get("Retry-After") == "" {
			t.Errorf("%v", got.Header)
		}
		close(end)
		<-done
		r.do("POST", "self-test", "").want(200, "")
	}, nodetest.Checks(slow))
}
