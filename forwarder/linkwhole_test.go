package forwarder

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
)

// A told is an origin and an edge, and what one says to the other in steps of 10 ms.
type told struct {
	t            *testing.T
	origin, edge *Publisher
	tap          *Tap
	now          time.Time
	above, below atomic.Int64 // subscribers of each
	lost         func() bool
	mute         bool // the origin is of a version that says nothing of the whole
}

func newTold(t *testing.T) *told {
	x := &told{t: t, now: time.Unix(1000, 0), lost: func() bool { return false }}
	x.origin = NewPublisher(PublisherConfig{Audience: &x.above})
	x.edge = NewPublisher(PublisherConfig{Relayed: true, Audience: &x.below})
	x.tap = NewTap(x.origin, TapConfig{SSRC: 9})
	return x
}

// run lets both ends speak for a while, and shows each list of findings at the edge.
func (x *told) run(d time.Duration, each func([]Finding)) {
	x.t.Helper()
	for end := x.now.Add(d); x.now.Before(end); x.now = x.now.Add(10 * time.Millisecond) {
		out := Output{}
		x.tap.Pull(x.now, &out)
		if len(out.RTCP) > 1200 {
			x.t.Fatalf("%d bytes at once", len(out.RTCP))
		}
		if len(out.RTCP) > 0 && !x.mute && !x.lost() {
			x.edge.HandleRTCP(x.now, out.RTCP)
		}
		if up := x.edge.Tick(x.now, 0, nil); len(up) > 0 && !x.lost() {
			x.tap.HandleRTCP(x.now, up, &Output{})
		}
		if each != nil {
			each(x.edge.Diagnose(x.now))
		}
	}
	if n := x.edge.Counts().Malformed + x.tap.Counts().Malformed; n != 0 {
		x.t.Fatalf("%d malformed", n)
	}
}

// finds makes something wrong at the origin.
func (x *told) finds(list ...Finding) { x.origin.found.Store(newFoundList(list)) }

func (x *told) wants(list ...Finding) {
	x.t.Helper()
	if got := x.edge.Diagnose(x.now); !slices.Equal(got, list) {
		x.t.Fatalf("the edge shows %q, want %q", got, list)
	}
	if got := x.edge.Findings(); !slices.Equal(got, list) {
		x.t.Fatalf("others see %q, want %q", got, list)
	}
}

// all is a finding of each code.
func all() (list []Finding) {
	for i, code := range FindingCodes() {
		list = append(list, Finding{code, fmt.Sprintf("The picture is %d: set “x” to 2 s. %s", i, strings.Repeat("Settings → ", 40))})
	}
	return list
}

// TestFindingsCrossALink in full and in order; they change as a whole and go at once.
func TestFindingsCrossALink(t *testing.T) {
	x := newTold(t)
	x.run(time.Second, nil)
	x.wants()
	one, list := Finding{FindingBFrames, "B-frames"}, all()
	before := []Finding(nil)
	for _, next := range [][]Finding{{one}, list, list[3:], {list[0], one}, list, {one}} {
		x.finds(next...)
		x.run(200*time.Millisecond+time.Duration(len(next))*2*findingSpacing, func(got []Finding) {
			if !slices.Equal(got, before) && !slices.Equal(got, next) {
				t.Fatalf("between %d and %d findings: %q", len(before), len(next), got)
			}
		})
		x.wants(next...)
		x.run(5*time.Second, func(got []Finding) { x.wants(next...) })
		before = next
	}
	x.finds()
	x.run(linkProbe+10*time.Millisecond, nil)
	x.wants()
	x.finds(one)
	x.run(linkProbe, nil)
	x.wants(one)
	x.edge.End()
	x.wants()
}

// TestFindingsOverALossyLink: all is said again, whatever is lost.
func TestFindingsOverALossyLink(t *testing.T) {
	for seed := range uint64(20) {
		x := newTold(t)
		rnd := rand.New(rand.NewPCG(seed, 1))
		x.lost = func() bool { return rnd.Float64() < 0.5 }
		x.finds(all()...)
		x.run(15*time.Second, nil)
		x.wants(all()...)
		x.finds(all()[1])
		x.run(15*time.Second, nil)
		x.wants(all()[1])
		x.finds()
		x.run(5*time.Second, nil)
		x.wants()
	}
}

// TestFindingsAreForgotten where the link says nothing of them any more: the next one may be of a version that
// does not know them.
func TestFindingsAreForgotten(t *testing.T) {
	x := newTold(t)
	x.above.Store(7)
	x.finds(all()...)
	x.run(time.Second, nil)
	x.mute = true
	x.run(linkSilence-linkProbe, nil)
	x.wants(all()...)
	if n := x.edge.Audience(x.now); n != 7 {
		t.Errorf("%d subscribers", n)
	}
	x.run(2*linkProbe, nil)
	x.wants()
	if n := x.edge.Audience(x.now); n != 0 {
		t.Errorf("%d subscribers, none of them here", n)
	}
	x.mute = false
	x.run(time.Second+findingInterval, nil)
	x.wants(all()...)
}

// TestFindingsAtTheirBounds: of too many the gravest are told, of long ones the beginning.
func TestFindingsAtTheirBounds(t *testing.T) {
	x := newTold(t)
	var list []Finding
	for i := range maxFindings + 1 {
		list = append(list, Finding{fmt.Sprintf("code-%d", i), strings.Repeat("→", maxFindingText/3+i)})
	}
	list[1].Text = strings.Repeat("x", maxFindingText)
	x.finds(list...)
	x.run(time.Second, nil)
	got := x.edge.Findings()
	if len(got) != maxFindings {
		t.Fatalf("%d findings", len(got))
	}
	for i, f := range got {
		if f.Code != list[i].Code || len(f.Text) > maxFindingText || len(f.Text) < maxFindingText-3 || !utf8.ValidString(f.Text) {
			t.Errorf("%d: %q of %d bytes", i, f.Code, len(f.Text))
		}
	}
	if got[0].Text != list[0].Text || got[1] != list[1] || !strings.HasSuffix(got[2].Text, "→…") {
		t.Error("what fits is cut, or what does not is not")
	}
}

// TestSubscribersAreCountedOverALink: the edge's at the origin, all of them at the edge.
func TestSubscribersAreCountedOverALink(t *testing.T) {
	x := newTold(t)
	want := func(below, whole int) {
		t.Helper()
		x.run(2*linkProbe+10*time.Millisecond, nil)
		if got := x.tap.Audience(); got != below {
			t.Errorf("%d below the link, want %d", got, below)
		}
		if got := x.edge.Audience(x.now); got != whole {
			t.Errorf("%d in all, want %d", got, whole)
		}
	}
	want(0, 0)
	x.below.Store(2)
	x.above.Store(3)
	want(2, 3)
	x.below.Store(-1)
	want(0, 3)
	x.below.Store(1 << 40)
	x.above.Store(1 << 40)
	want(maxAudience, maxAudience)
	x.mute = true
	x.below.Store(5)
	x.run(linkSilence, nil)
	want(5, 5) // an older origin: its own are what a node knows of
}

// TestMalformedWordsOfTheWhole are counted and passed over, what a later version adds is not.
func TestMalformedWordsOfTheWhole(t *testing.T) {
	good := Finding{"b-frames", "Set them to 0."}
	found := newFoundList([]Finding{good})
	message := appendFinding(nil, 1, found, 0)[12:]
	with := func(at int, value byte) []byte {
		b := slices.Clone(message)
		b[at] = value
		return b
	}
	of := func(code, text string) []byte {
		return appendFinding(nil, 1, &foundList{found.id, []Finding{{code, text}}}, 0)[12:]
	}
	for name, c := range map[string]struct {
		b         []byte
		malformed bool
	}{
		"good":                 {message, false},
		"longer":               {append(slices.Clone(message), 1, 2, 3, 4), false},
		"empty":                {nil, true},
		"short":                {message[:findingBytes-4], true},
		"without its text":     {message[:findingBytes+8], true},
		"of no list":           {with(4, 0), true},
		"of a list too long":   {with(4, maxFindings+1), true},
		"behind its list":      {with(5, 1), true},
		"a code too long":      {of(strings.Repeat("x", maxFindingCode+1), "x"), true},
		"a code of that":       {of(strings.Repeat("x", maxFindingCode), "x"), false},
		"no code":              {of("", "x"), true},
		"a code in capitals":   {of("X", "x"), true},
		"no text":              {of("x", ""), true},
		"a text too long":      {with(8, 0xff), true},
		"a text not in UTF-8":  {of("x", "\xff"), true},
		"a text in more lines": {of("x", "a\nb"), true},
		"a code of tomorrow":   {of("x-2", "x"), false},
	} {
		x := newTold(t)
		x.edge.whole(x.now, appendWhole(nil, 1, 1, found)[12:])
		x.edge.finding(c.b)
		if got := x.edge.Counts().Malformed == 1; got != c.malformed || got == (len(x.edge.Findings()) == 1) {
			t.Errorf("%s: malformed %v, it shows %q", name, got, x.edge.Findings())
		}
	}
	x := newTold(t)
	x.edge.whole(x.now, make([]byte, wholeBytes-1))
	x.edge.whole(x.now, nil)
	x.tap.audience(make([]byte, audienceBytes-1))
	if x.edge.Counts().Malformed != 2 || x.tap.Counts().Malformed != 1 || x.edge.audience.Load() != nil {
		t.Error("short messages count")
	}
	twice := newFoundList([]Finding{good, {good.Code, "again"}})
	x.edge.whole(x.now, appendWhole(nil, 1, 1, twice)[12:])
	x.edge.finding(appendFinding(nil, 1, twice, 0)[12:])
	x.edge.finding(appendFinding(nil, 1, twice, 1)[12:])
	if x.edge.Counts().Malformed != 3 || len(x.edge.Findings()) != 0 {
		t.Errorf("a code comes twice: %q", x.edge.Findings())
	}
}

// TestOnlyALinkIsBelieved: a publisher of this node has no say in what is wrong with it.
func TestOnlyALinkIsBelieved(t *testing.T) {
	found := newFoundList(all()[:1])
	p := NewPublisher(PublisherConfig{})
	b := appendFinding(appendWhole(nil, 1, 9, found), 1, found, 0)
	p.HandleRTCP(time.Unix(1000, 0), b)
	if p.Findings() != nil || p.Audience(time.Unix(1000, 0)) != 0 {
		t.Error("it is believed")
	}
}

// TestUnknownWordsArePassedOver: a node of a later version may say more.
func TestUnknownWordsArePassedOver(t *testing.T) {
	x := newTold(t)
	for subtype := range uint8(32) {
		if subtype > 0 && subtype <= linkFinding {
			continue
		}
		b := appendLinkMessage(nil, subtype, 1, 0)
		x.edge.HandleRTCP(x.now, b)
		x.tap.HandleRTCP(x.now, b, &Output{})
	}
	if n := x.edge.Counts().Malformed + x.tap.Counts().Malformed; n != 0 {
		t.Errorf("%d are malformed", n)
	}
}

// TestFindingsOfAnotherList are passed over: they were late.
func TestFindingsOfAnotherList(t *testing.T) {
	x := newTold(t)
	old, now := newFoundList(all()[:1]), newFoundList(all()[1:2])
	late := appendFinding(nil, 1, old, 0)[12:]
	x.edge.finding(late)
	x.edge.whole(x.now, appendWhole(nil, 1, 1, now)[12:])
	x.edge.finding(late)
	x.wants()
	x.edge.finding(appendFinding(nil, 1, now, 0)[12:])
	x.edge.finding(late)
	x.wants(all()[1])
}

// TestWordsOfTheWholeDoNotAllocate: they go with each report.
func TestWordsOfTheWholeDoNotAllocate(t *testing.T) {
	x := newTold(t)
	x.finds(all()...)
	out := Output{RTCP: make([]byte, 0, 2000)}
	up := make([]byte, 0, 2000)
	told := 0
	if n := testing.AllocsPerRun(100, func() {
		x.now = x.now.Add(linkProbe)
		out.Reset()
		x.tap.Pull(x.now, &out)
		told += len(out.RTCP)
		up = x.edge.Tick(x.now, 0, up[:0])
		out.Reset()
		x.tap.HandleRTCP(x.now, up, &out)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if told == 0 || len(up) == 0 {
		t.Error("nothing was said")
	}
}
