package harness_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/test/harness"
)

// a trace of 10 frames a second, in which the height changes twice: at 2000 with no gap, and at
// 3000 after one of 900 ms.
func example() harness.Trace {
	r := harness.Trace{From: 1000, Now: 4000}
	for at := 1000.0; at <= 4000; at += 100 {
		height := 720
		if at >= 2000 {
			height = 360
		}
		if at >= 3000 {
			height = 180
		}
		if at <= 2100 || at >= 3000 {
			r.Shown = append(r.Shown, harness.Shown{At: at, Height: height})
		}
		second := int64(at-1000) / 100
		r.Polls = append(r.Polls, harness.Poll{
			At: at, Bytes: 1000 * second, Headers: 250 * second, Decoded: second, Packets: 97 * second,
			Lost: 3 * second, Repaired: 2 * second, Sound: 4800 * second, Concealed: 480 * second, SSRC: 7,
		})
	}
	return r
}

func TestTraceChanges(t *testing.T) {
	changes := example().Changes()
	want := []harness.Change{{At: 2000, From: 720, To: 360, Gap: 100}, {At: 3000, From: 360, To: 180, Gap: 900}}
	if len(changes) != 2 || changes[0] != want[0] || changes[1] != want[1] {
		t.Errorf("changes %+v, want %+v", changes, want)
	}
}

func TestTraceGap(t *testing.T) {
	r := example()
	stopped := r
	stopped.Shown = stopped.Shown[:3]
	for name, test := range map[string]struct {
		r              harness.Trace
		from, to, want float64
	}{
		"none in it":                {r, 1000, 2050, 100},
		"in it":                     {r, 1000, 4000, 900},
		"began before it":           {r, 2500, 4000, 900},
		"ends after it":             {r, 1000, 2500, 900},
		"goes on":                   {stopped, 1000, 4000, 2800},
		"nothing was shown":         {harness.Trace{From: 1000, Now: 4000}, 1000, 4000, 3000},
		"nothing before some frame": {harness.Trace{From: 1000, Now: 4000, Shown: []harness.Shown{{At: 3500}}}, 1000, 4000, 2500},
	} {
		if got := test.r.Gap(test.from, test.to); got != test.want {
			t.Errorf("%s: %v ms, want %v", name, got, test.want)
		}
	}
}

func TestTraceSettled(t *testing.T) {
	r := example()
	for height, want := range map[int]float64{180: 3000, 360: 0, 720: 0} {
		at, ok := r.Settled(func(h int) bool { return h == height })
		if at != want || ok != (want > 0) {
			t.Errorf("height %d: settled at %v (%v), want %v", height, at, ok, want)
		}
	}
	if at, ok := r.Settled(func(h int) bool { return h <= 360 }); !ok || at != 2000 {
		t.Errorf("up to 360: settled at %v (%v), want 2000", at, ok)
	}
	if _, ok := (harness.Trace{}).Settled(func(int) bool { return true }); ok {
		t.Error("an empty trace settled")
	}
}

func TestTraceShares(t *testing.T) {
	r := example()
	for name, test := range map[string]struct{ got, want float64 }{
		"bit/s":         {r.Rate(), 100_000},
		"frames/s":      {r.FrameRate(), 10},
		"unrepaired":    {r.Unrepaired(), 0.01},
		"concealed":     {r.Concealed(), 0.1},
		"part's bit/s":  {r.Between(2000, 3000).Rate(), 100_000},
		"empty bit/s":   {harness.Trace{}.Rate(), 0},
		"empty share":   {harness.Trace{}.Unrepaired(), 0},
		"all lost came": {harness.Trace{Polls: []harness.Poll{{}, {Packets: 9, Lost: 1, Repaired: 5}}}.Unrepaired(), 0},
	} {
		if diff := test.got - test.want; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	if ssrcs := r.SSRCs(); len(ssrcs) != 1 || ssrcs[0] != 7 {
		t.Errorf("SSRCs %d, want 7", ssrcs)
	}
}

// A trace is read as the page writes it, and shown second by second.
func TestTraceText(t *testing.T) {
	var r harness.Trace
	page := `{"now":1900,"shown":[[100,1280,720],[1300,640,360]],"polls":[{"at":0,"bytes":0},{"at":1000,"bytes":5000,"plis":2}],
		"told":[{"at":500,"type":"statistics","data":"{\"estimate\":900000,\"rid\":\"m\",\"temporalLayerId\":2}"}]}`
	if err := json.Unmarshal([]byte(page), &r); err != nil {
		t.Fatal(err)
	}
	text := r.String()
	for _, want := range []string{"[720] high, 1 shown", "[360] high, 1 shown", "longest gap 1200 ms", "40 kbit/s", "2 PLIs", `layer "m S0 T2", estimate 900 kbit/s`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

func TestTraceSwitches(t *testing.T) {
	told := func(layers ...string) (r harness.Trace) {
		for _, l := range layers {
			r.Told = append(r.Told, harness.Told{Type: "statistics", Data: l})
		}
		return r
	}
	const a, b, paused = `{"rid":"a"}`, `{"rid":"a","temporalLayerId":1}`, `{"rid":"a","paused":true}`
	for name, test := range map[string]struct {
		r    harness.Trace
		want int
	}{
		"none":          {told(a, a, a), 0},
		"temporal ones": {told(a, b, b, a), 2},
		"a pause":       {told(a, paused, paused, a), 2},
		"heights alone": {example(), 2},
		"nothing told":  {told(), 0},
	} {
		if got := test.r.Switches(); got != test.want {
			t.Errorf("%s: %d switches, want %d", name, got, test.want)
		}
	}
}
