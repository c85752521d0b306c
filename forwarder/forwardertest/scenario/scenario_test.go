package scenario

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/forwarder/forwardertest/link"
)

var update = flag.Bool("update", false, "write the scoreboard anew")

const (
	boardFile = "testdata/scoreboard.json"
	boardPage = "../../../docs/scoreboard.md"
)

// The scoreboard holds what each scenario brought when it was written last. A change
// that makes a row worse by more than its tolerance must say so, by writing it anew.
func TestScoreboard(t *testing.T) {
	scores := map[string]Score{}
	var order []Score
	misses := map[string][]string{}
	for _, s := range All() {
		score := Rate(s)
		misses[s.Name] = score.misses(s.Subscribers < 2)
		scores[s.Name] = score
		order = append(order, score)
	}
	if *update {
		write(t, order)
		return
	}
	board := read(t)
	if b, err := os.ReadFile(boardPage); err != nil || string(b) != page(board) {
		t.Errorf("the page does not show what the file holds (%v); run: go test ./forwarder/forwardertest/scenario -update", err)
	}
	for name, what := range misses {
		if excepted := exceptions[name] != ""; excepted != (what != nil) {
			t.Errorf("%s misses %q, excepted %v", name, what, excepted)
		}
	}
	for _, want := range board {
		got, ok := scores[want.Name]
		if !ok {
			t.Errorf("%s is gone", want.Name)
		}
		for _, what := range worse(want, got) {
			t.Errorf("%s: %s", want.Name, what)
		}
		delete(scores, want.Name)
	}
	for name := range scores {
		t.Errorf("%s is not on the scoreboard; run: go test ./forwarder/forwardertest/scenario -update", name)
	}
}

// A step down shows a picture again within half a second, and a little later where nearly
// all is lost before it is known.
func TestStepsDownKeepThePicture(t *testing.T) {
	for _, kind := range []SVC{NoSVC, SVCKey, SVCFull} {
		for capacity, most := range map[int64]float64{1_000_000: 0.4, 400_000: 0.8} {
			s := path("step down", 30*time.Second, func(c *link.Config) {
				c.Capacity = []link.Step{{Bitrate: 4_000_000}, {At: 15 * time.Second, Bitrate: capacity}}
			})
			s.SVC, s.Runs = kind, 4
			if got := Rate(s); got.Longest > most {
				t.Errorf("SVC %d, to %d kbit/s: a freeze of %.2f s, want %.2f at most", kind, capacity/1000, got.Longest, most)
			}
		}
	}
}

// worse says what is worse than it was by more than its tolerance.
func worse(want, got Score) (what []string) {
	check := func(name string, was, is, tolerance float64) {
		if is > was+tolerance {
			what = append(what, fmt.Sprintf("%s %v, was %v", name, is, was))
		}
	}
	check("loss of bitrate", -float64(want.Kbits), -float64(got.Kbits), 25+float64(want.Kbits)/12)
	check("loss of utilisation", -want.Utilisation, -got.Utilisation, 0.07)
	check("loss of height", -want.Height, -got.Height, 20+want.Height/20)
	check("first picture, s", want.First, got.First, 0.2)
	check("switches", want.Switches, got.Switches, 1)
	check("freezes", want.Freezes, got.Freezes, 1)
	check("longest freeze, s", want.Longest, got.Longest, 0.3)
	check("latency, ms", want.Latency, got.Latency, 20+want.Latency/4)
	check("queue, ms", want.Queue, got.Queue, 20+want.Queue/4)
	check("gap in sound, ms", want.SoundGap, got.SoundGap, 40+want.SoundGap/4)
	check("lost sound, s", want.SoundLost, got.SoundLost, 0.3+want.SoundLost/4)
	check("pause, s", want.Paused, got.Paused, 2)
	if got.Converged < 0 != (want.Converged < 0) {
		check("convergence", 0, 1, 0)
	}
	check("convergence, s", want.Converged, got.Converged, 2)
	return what
}

func read(t *testing.T) (board []Score) {
	t.Helper()
	b, err := os.ReadFile(boardFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	return board
}

func write(t *testing.T, board []Score) {
	t.Helper()
	b, err := json.MarshalIndent(board, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(boardFile, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(boardPage, []byte(page(board)), 0o644); err != nil {
		t.Fatal(err)
	}
}

const head = `# Scoreboard

What subscribers get behind a bottleneck, one where nothing else is said, in virtual time, from the real core: a publisher sends three encodings of
VP8 (320 × 180 at 150 kbit/s, 640 × 360 at 500, 1280 × 720 at 1,500, three temporal layers each) and Opus; in
rows of SVC one encoding of VP9 with these as spatial layers (L3T3; "with keys": L3T3_KEY). In rows "as captured" the layers are as
large as those that Chromium sends of a picture of noise, 15 times a second (VP9 L3T3_KEY: 100, 260 and 880 kbit/s; AV1 L3T3: 100, 360 and
1,240, in VP9's packets), the round trip is 4 ms, and a cap comes four times for five seconds, of 240 and of 600 kbit/s. Written by
` + "`go test ./forwarder/forwardertest/scenario -update`" + `; a change that makes a row worse by more than its tolerance fails the test.

Rows with parts of numbers are means of eight runs, policed ones of 24, and of all subscribers, who join one after the other; what fits is a fair share then. Utilisation is what was shown of what the best fitting encoding would have brought, all the time. Convergence is the time from the last
change of the path, or of what others send, until that encoding was sent for a second on end (-1: never). Freezes are longer than a third of a second; switches are counted from 10 s on; latency and queue are
the 95th percentiles, beyond the path's own delay. Rows "by REMB" have no transport-wide numbers, those "without RTX" no stream of retransmissions, so that there are no probes;
in rows of "sound without numbers" only video has them. How pion's estimator does on such paths is in [decision 019](decisions/019-estimator.md).

The bars, by row but for the exceptions that the test names: at least 0.7 of what fits is used, no freeze is longer than a second where the least layer fits (where several share the link, a pause is one), and the best that fits
is sent at most ten seconds after the last change.

| path | kbit/s | utilisation | mean height | first picture, s | converged, s | switches | freezes | longest, s | latency, ms | queue, ms | gap in sound, ms | lost sound, s | paused, s |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
`

func page(board []Score) string {
	var b strings.Builder
	b.WriteString(head)
	for _, s := range board {
		fmt.Fprintf(&b, "| %s | %d | %.2f | %.0f | %.2f | %.1f | %.3g | %.3g | %.2f | %.0f | %.0f | %.0f | %.1f | %.1f |\n",
			s.Name, s.Kbits, s.Utilisation, s.Height, s.First, s.Converged, s.Switches, s.Freezes, s.Longest, s.Latency, s.Queue, s.SoundGap, s.SoundLost, s.Paused)
	}
	return b.String()
}
