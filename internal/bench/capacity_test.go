package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestSearchFindsTheCapacity of servers that carry a fixed number.
func TestSearchFindsTheCapacity(t *testing.T) {
	for _, test := range []struct{ start, carries int }{
		{50, 1}, {50, 3}, {50, 49}, {50, 50}, {50, 51}, {50, 777}, {1, 1}, {1, 10}, {1, maxSubscribers}, {maxSubscribers, 200}, {10, 0},
	} {
		s := Search{start: test.start}
		for n := s.next(); n != 0; n = s.next() {
			if n < 1 || n > maxSubscribers {
				t.Fatalf("%+v: tries %d", test, n)
			}
			s.take(Step{Subscribers: n, Carried: n <= test.carries})
		}
		if s.Subscribers > test.carries || s.Subscribers < test.carries-max(1, test.carries/capacityPrecision) {
			t.Errorf("%+v: found %d in %d steps", test, s.Subscribers, len(s.Steps))
		}
		if len(s.Steps) > 25 {
			t.Errorf("%+v: took %d steps", test, len(s.Steps))
		}
	}
}

// TestSearchOfAnUnsteadyServer ends, and believes what was carried once.
func TestSearchOfAnUnsteadyServer(t *testing.T) {
	s := Search{start: 100}
	for i, n := 0, s.next(); n != 0; i, n = i+1, s.next() {
		s.take(Step{Subscribers: n, Carried: i%3 != 0})
	}
	carried := 0
	for _, step := range s.Steps {
		if step.Carried {
			carried = max(carried, step.Subscribers)
		}
	}
	if s.Subscribers != carried || carried == 0 || len(s.Steps) > maxSteps {
		t.Errorf("found %d in %d steps, carried %d", s.Subscribers, len(s.Steps), carried)
	}
}

func TestWhatCountsAsCarried(t *testing.T) {
	good := Result{Sent: 100_000, Loss: 0.00009, LatencyMs: Latency{P99: 499}}
	if !carries(&good) {
		t.Error("good is not carried")
	}
	for name, spoil := range map[string]func(*Result){
		"loss": func(r *Result) { r.Loss = capacityLoss }, "p99": func(r *Result) { r.LatencyMs.P99 = capacityP99Ms },
		"failed": func(r *Result) { r.Failed = 1 }, "no keyframe": func(r *Result) { r.NoKeyframe = 1 }, "nothing": func(r *Result) { r.Sent = 0 },
	} {
		r := good
		if spoil(&r); carries(&r) {
			t.Errorf("%s is carried", name)
		}
	}
}

// TestCapacityTable names the limit only where the machine was it.
func TestCapacityTable(t *testing.T) {
	step := func(n int, carried bool, idle float64) Step {
		return Step{Subscribers: n, Carried: carried, Result: &Result{MachineIdle: idle, Server: &Cost{Cores: 1.25}}}
	}
	c := Capacity{Ratio: 2, Searches: []Search{
		{Server: Node, Subscribers: 200, Steps: []Step{step(200, true, 0.3), step(300, false, 0.01), {Subscribers: 400, Error: "broke"}}},
		{Server: Plain, Subscribers: 100, Steps: []Step{step(100, true, 0.5), step(150, false, 0.4)}},
	}}
	var b strings.Builder
	if err := c.write(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"whippet carried 200 subscribers of each stream. The machine was", "baseline carried 100 subscribers of each stream.\n", "ratio 2.00", "failed", "1.25"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
	r := Report{Capacity: &c}
	b.Reset()
	if err := r.WritePlot(&b); err != nil || strings.Count(b.String(), "<circle") != 8 {
		t.Errorf("%v in the drawing\n%s", err, b.String())
	}
	if r.Empty() || !(&Report{}).Empty() {
		t.Error("empty is not told from full")
	}
}

func TestStormText(t *testing.T) {
	for text, want := range map[string]Storm{"500/10s": {500, 10 * time.Second, 0}, "": {}, "1/1m0s/2s": {1, time.Minute, 2 * time.Second}} {
		var s Storm
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want || s.check() != nil {
			t.Errorf("%q is %+v, %v, %v", text, s, err, s.check())
		}
		if b, err := s.MarshalText(); err != nil || string(b) != text {
			t.Errorf("%+v is written %q, %v", s, b, err)
		}
	}
	for _, bad := range []string{"x", "5", "5/", "/5s", "5/5", "0/5s", "-1/5s", "5/1ms", "100000/10s", "9999/1s", "5/999h", "5/5s/", "5/5s/-1s", "5/5s/1s/1s"} {
		var s Storm
		if s.UnmarshalText([]byte(bad)) == nil && s.check() == nil {
			t.Errorf("took %q as %+v", bad, s)
		}
	}
	l := DefaultLoad() // as it goes to a generator
	l.Storm = Storm{5, time.Second, time.Minute}
	b, err := json.Marshal(&l)
	var back Load
	if err == nil {
		err = json.Unmarshal(b, &back)
	}
	if err != nil || fmt.Sprint(back) != fmt.Sprint(l) {
		t.Errorf("%+v came back as %+v, %v", l, back, err)
	}
}
