//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// drainTime is how long a node waits for those who do not hear that they should go: there are
	// some in the test below.
	drainTime = 4 * time.Second

	// endsWithin is how much longer a node may take until its process has ended: it answers its publishers for
	// three seconds more, and gives requests five to end in, at its public port and at its admin port. A
	// connection that a browser keeps in store takes all of that.
	endsWithin = 3*time.Second + 2*5*time.Second + 2*time.Second

	// frameGap is the longest time between two pictures that is no gap, on a machine that shows them
	// regularly. On a busy one it is four times what it takes at most while nothing happens, or twice
	// what a page took at the same time that had no reason to move.
	frameGap = 500 * time.Millisecond

	// standsStill is a gap on whatever machine.
	standsStill = 3 * time.Second
)

// lookClosely notes in a watch page, which has playing pictures, what its person sees: each new picture of
// the element on show, each look at it that finds none, and each state but playing.
const lookClosely = `() => {
	const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 18 });
	const ctx = canvas.getContext('2d', { willReadFrequently: true });
	const front = () => document.querySelector('video.front');
	const seen = globalThis.looked = { frames: 0, gap: 0, looks: 0, blank: 0, states: [] };
	let last = performance.now();
	for (const video of document.querySelectorAll('video')) {
		const shown = () => {
			video.requestVideoFrameCallback(shown);
			if (video !== front()) return;
			const now = performance.now();
			seen.gap = Math.max(seen.gap, now - last);
			[last, seen.frames] = [now, seen.frames + 1];
		};
		video.requestVideoFrameCallback(shown);
	}
	setInterval(() => {
		const video = front();
		seen.looks++;
		if (!video || video.readyState < 2 || video.videoWidth === 0) return void seen.blank++;
		ctx.drawImage(video, 0, 0, 32, 18);
		const high = ctx.getImageData(0, 0, 32, 18).data.filter((v, i) => i % 4 !== 3);
		if (Math.max(...high) - Math.min(...high) < 60) seen.blank++;
	}, 20);
	whippet.client.addEventListener('state', ({ detail }) => seen.states.push(detail.state));
	globalThis.lookAgain = () => {
		const now = { ...seen, gap: Math.max(seen.gap, performance.now() - last) };
		Object.assign(seen, { frames: 0, gap: 0, looks: 0, blank: 0, states: [] });
		return now;
	};
}`

// A looked is what was seen since the last look; a page that was loaded again has nothing.
type looked struct {
	Frames, Looks, Blank int
	Gap                  float64 // milliseconds
	States               []string
}

func (p *watchPage) looked(t *testing.T) (l looked) {
	t.Helper()
	p.Call(t, `() => lookAgain()`, nil, &l)
	return l
}

func (l looked) gap() time.Duration { return time.Duration(l.Gap * float64(time.Millisecond)) }

// wantWhole checks that the page's person saw one picture after the other since the last look,
// none later than most after the one before it, and returns the longest time.
func (p *watchPage) wantWhole(t *testing.T, when string, most time.Duration) time.Duration {
	t.Helper()
	l := p.looked(t)
	t.Logf("%s: a page sees %d pictures, the longest gap %.0f ms, states %v", when, l.Frames, l.Gap, l.States)
	if l.gap() > most {
		t.Errorf("%s: no picture for %v, want one after %v at most", when, l.gap(), most)
	}
	if l.Frames == 0 || l.Looks == 0 || l.Blank > 0 || len(l.States) > 0 {
		t.Errorf("%s: %d pictures, none in %d of %d looks, states %v", when, l.Frames, l.Blank, l.Looks, l.States)
	}
	return l.gap()
}

// wantKept checks that the page kept a session, and a picture on show, though that may have stood.
func (p *watchPage) wantKept(t *testing.T, when string) {
	t.Helper()
	l := p.looked(t)
	t.Logf("%s: a page sees %d pictures, the longest gap %.0f ms, states %v", when, l.Frames, l.Gap, l.States)
	lost := slices.DeleteFunc(slices.Clone(l.States), func(s string) bool { return s == "waiting" || s == "playing" })
	if l.Frames == 0 || l.Looks == 0 || l.Blank > 0 || len(lost) > 0 {
		t.Errorf("%s: %d pictures, none in %d of %d looks, states %v", when, l.Frames, l.Blank, l.Looks, l.States)
	}
}

// posts returns how many sessions of the stream the page asked for, at any node.
func (c *cinema) posts(p *watchPage) (n int) {
	c.t.Helper()
	for _, node := range c.Nodes {
		n += p.Posts(c.t, node.WHEP(p.stream))
	}
	return n
}

// viewers is how many there are besides the pages.
func viewers(t *testing.T) int {
	text := os.Getenv("VIEWERS")
	if text == "" {
		return 30
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("VIEWERS=%s is no number of viewers", text)
	}
	return n
}

// Three nodes are restarted one after the other while people watch. Those with our page keep their
// session and see no gap, but for the moment in which the publisher itself must go. Those with a player
// that hears no events begin one new session, at the end of the node they are at.
func TestClusterRolls(t *testing.T) {
	binary := harness.Binary(t, harness.Build{})
	c := &cinema{Cluster: harness.NewCluster(t, binary, 3, "--drain-time", drainTime.String()), t: t}
	c.browser = harness.NewBrowserAt(t, c.People())
	publisher := c.retry(binary, "publish", "whip", "cam", 1, 2, 0)
	pages := []*watchPage{c.open(0, "cam"), c.open(2, "cam")}
	player := c.retry(binary, "play", "whep", "cam", 0, 1, 2)
	crowd := c.gather("cam", viewers(t))
	for _, p := range pages {
		p.Call(t, lookClosely, nil, nil)
	}
	time.Sleep(3 * time.Second) // how it usually is
	usual := time.Duration(0)
	for _, p := range pages {
		usual = max(usual, p.looked(t).gap())
	}

	for _, node := range []int{0, 2, 1} {
		when := fmt.Sprintf("node %d is restarted", node)
		c.restart(node, crowd)
		switch moves, stays := pages[0], pages[1]; node {
		case 1: // the publisher's, and by now everybody's
			moves.wantKept(t, when)
			stays.wantKept(t, when)
		case 2:
			moves, stays = stays, moves
			fallthrough
		default:
			at := stays.wantWhole(t, when, standsStill)
			moves.wantWhole(t, when, max(frameGap, 4*usual, 2*at))
		}
		crowd.wantAll(t, when)
	}
	for _, p := range pages {
		p.sessions = 2 // at its own node, which the second or third move may lead to again
	}
	c.goOn("all nodes are restarted")
	for i, p := range pages {
		if n := c.posts(p); n != 2+1 {
			t.Errorf("page %d asked for %d sessions, want 3: its own, at the publisher's node, and at another", i, n)
		}
	}
	crowd.wantFew(t)
	wantSessions(t, player, 3) // as the pages
	wantSessions(t, publisher, 2)
}

// wantSessions checks that whippet publish or play goes on in the session of a number, by what it says
// of the seconds from now on.
func wantSessions(t *testing.T, p *harness.Process, sessions int) {
	t.Helper()
	var line struct {
		Sessions int
		Video    struct{ Bitrate, Frames int64 }
	}
	const fresh = 2 * time.Second // a line tells of a second; those from before wait to be read
	for begun := time.Now(); time.Since(begun) < goesOnWithin; {
		text, ok := p.Line(goesOnWithin)
		if !ok {
			break
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if time.Since(begun) > fresh && line.Sessions == sessions && line.Video.Bitrate > 0 {
			return
		}
	}
	t.Errorf("it is in session %d, want %d, with %+v:\n%s", line.Sessions, sessions, line.Video, p.Log())
}

// restart ends a node as its owner does, and starts it again when it has ended.
func (c *cinema) restart(node int, crowd *crowd) {
	c.t.Helper()
	crowd.going[node].Store(true)
	begun := time.Now()
	c.Nodes[node].Ask()
	if err := c.Nodes[node].Wait(drainTime + endsWithin); err != nil {
		c.t.Errorf("node %d ended with %v after %v:\n%s", node, err, time.Since(begun), c.Nodes[node].Log())
	}
	c.t.Logf("node %d ended after %v", node, time.Since(begun).Round(10*time.Millisecond))
	c.StartNode(c.t, node)
	crowd.going[node].Store(false)
	c.AwaitHeard(c.t)
}

// retry runs whippet publish or play, which goes on at the next of some nodes where one ends.
func (c *cinema) retry(binary, command, kind, stream string, nodes ...int) *harness.Process {
	c.t.Helper()
	args := []string{command, "--retry", "--json"}
	for _, i := range nodes {
		args = append(args, c.Nodes[i].URL+"/"+kind+"/"+stream)
	}
	return harness.Start(c.t, c.People().Inside(harness.Command{Path: binary, Args: args}))
}
