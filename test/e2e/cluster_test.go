//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/test/harness"
)

const (
	// goesOnWithin is how long the picture may stand, and a new one may take to come. What the
	// cluster promises is measured on a quiet machine, by the bars.
	goesOnWithin = 20 * time.Second

	// parted is how long nodes and Redis do not hear each other: longer than a lease, and than a
	// node goes without a word.
	parted = 4 * time.Second

	// backWithin is how long the picture may stand when an edge's parent dies.
	backWithin = 3 * time.Second
)

// sample notes in a watch page, five times a second, what its picture shows, and how often it did.
// The page forgets all of it when it is loaded again.
const sample = `() => {
	const canvas = document.createElement('canvas');
	Object.assign(canvas, { width: 32, height: 18 });
	const ctx = canvas.getContext('2d', { willReadFrequently: true });
	const seen = globalThis.seen = { pictures: 0, moved: 0, at: performance.now(), stood: 0 };
	let before = null;
	setInterval(() => {
		const video = [...document.querySelectorAll('video')].find(v => v.srcObject && v.videoWidth > 0 && !v.hidden);
		if (!video) return;
		ctx.drawImage(video, 0, 0, 32, 18);
		const now = ctx.getImageData(0, 0, 32, 18).data;
		const change = before ? Math.max(...now.map((v, i) => Math.abs(v - before[i]))) : 0;
		const high = now.filter((v, i) => i % 4 !== 3), contrast = Math.max(...high) - Math.min(...high);
		seen.pictures++;
		if (change >= 30 && contrast >= 60) {
			const at = performance.now();
			seen.moved++;
			seen.stood = Math.max(seen.stood, at - seen.at);
			seen.at = at;
		}
		before = now;
	}, 200);
}`

// A cinema is a cluster of three nodes with a browser, and the watch pages it has open.
type cinema struct {
	*harness.Cluster
	t       *testing.T
	browser *harness.Browser
	pages   []*watchPage
}

// A watchPage is a node's own watch page, loaded once.
type watchPage struct {
	*harness.Page
	node     *harness.Node
	stream   string
	sessions int // that it may have asked for
}

// open opens a node's watch page, which must show a moving picture.
func (c *cinema) open(node int, stream string) *watchPage {
	c.t.Helper()
	n := c.Nodes[node]
	p := &watchPage{Page: c.browser.Open(c.t, n.URL+"/watch/"+stream, harness.View{}), node: n, stream: stream, sessions: 1}
	p.Call(c.t, sample, nil, nil)
	c.pages = append(c.pages, p)
	c.goOn(fmt.Sprintf("node %d", node))
	return p
}

// seen returns how often a page's picture had moved so far; a page that was loaded again fails.
func (p *watchPage) seen() (moved int, err error) {
	err = p.Try("() => seen.moved", nil, &moved, 10*time.Second)
	return moved, err
}

// goOn checks that all pages show moving pictures from now on, in the sessions they had.
func (c *cinema) goOn(after string) {
	c.t.Helper()
	begun := time.Now()
	for _, p := range c.pages {
		start, err := p.seen()
		if err != nil {
			c.t.Fatalf("%s: %v", after, err)
		}
		harness.Eventually(c.t, goesOnWithin, func() error {
			now, err := p.seen()
			if err == nil && now < start+5 {
				err = fmt.Errorf("%s: the picture moved %d times", after, now-start)
			}
			return err
		})
		if n := p.Posts(c.t, p.node.WHEP(p.stream)); n > p.sessions {
			c.t.Errorf("%s: the page asked for %d sessions, want %d", after, n, p.sessions)
		}
	}
	c.t.Logf("%s: pictures move after %v", after, time.Since(begun).Round(10*time.Millisecond))
}

// stand checks that all pages' pictures come to a stand: else nothing was taken from them.
func (c *cinema) stand(after string) {
	c.t.Helper()
	for _, p := range c.pages {
		before := -1
		harness.Eventually(c.t, goesOnWithin, func() error {
			time.Sleep(time.Second) // a look at a picture that may move
			now, err := p.seen()
			if err == nil && now != before {
				err = fmt.Errorf("%s: the picture moves", after)
			}
			before = now
			return err
		})
	}
}

// publish publishes with FFmpeg to a node until it is accepted.
func (c *cinema) publish(node int, stream string) *harness.Process {
	c.t.Helper()
	return untilAccepted(c.t, c.Nodes[node], func() *harness.Process {
		return c.FFmpegPublish(c.t, node, stream, harness.Clip{})
	})
}

// Three real nodes and a real Redis, each with a network of its own. Whatever dies or is parted, the
// watch page shows moving pictures again, without being loaded again.
func TestClusterOutages(t *testing.T) {
	binary := harness.Binary(t, harness.Build{Race: true})
	c := &cinema{Cluster: harness.NewCluster(t, binary, 3), t: t}
	c.browser = harness.NewBrowserAt(t, c.People())
	first := c.publish(0, "cam")
	edge := c.open(2, "cam")

	c.Redis.Kill()
	c.goOn("Redis was killed")
	c.joins(2, "cam", http.StatusCreated)
	c.joins(2, "never-heard-of", http.StatusServiceUnavailable)
	c.StartRedis(t)
	c.goOn("Redis is back, empty")

	c.Part(t, c.Host(2), c.RedisHost())
	time.Sleep(parted) // what is outlived
	c.goOn("the edge is parted from Redis")
	c.Heal(t, c.Host(2), c.RedisHost())

	c.Part(t, c.Host(0), c.Host(2))
	c.stand("the edge is parted from the origin")
	c.Heal(t, c.Host(0), c.Host(2))
	c.goOn("the edge was parted from the origin")

	c.Nodes[0].Kill()
	first.Kill()
	c.publish(1, "cam")
	c.goOn("the origin was killed, the publisher is on another node")

	// Its page asks again by itself. The others must not.
	c.Nodes[2].Kill()
	edge.sessions = 20
	c.StartNode(t, 2)
	c.goOn("the edge was killed and is back")
}

// TestTheParentOfAnEdgeDies: with one link for each node, the second feeds the third. It is killed, and
// the third goes on below the first: its page stays in its session.
func TestTheParentOfAnEdgeDies(t *testing.T) {
	c := &cinema{Cluster: harness.NewCluster(t, harness.Binary(t, harness.Build{Race: true}), 3, "--max-links", "1"), t: t}
	c.browser = harness.NewBrowserAt(t, c.People())
	c.publish(0, "cam")
	c.open(1, "cam")
	edge := c.open(2, "cam")
	if log := c.Nodes[2].Log(); !strings.Contains(log, "event=opened direction=in stream=cam node=node-1") {
		t.Fatalf("the third node is not fed by the second:\n%s", log)
	}
	c.pages = []*watchPage{edge} // the other one's node dies
	edge.Call(t, "() => { seen.stood = 0; }", nil, nil)
	c.Nodes[1].Kill()
	c.goOn("the edge's parent was killed")
	var stood float64 // ms
	edge.Call(t, "() => seen.stood", nil, &stood)
	t.Logf("the picture stood for %.0f ms", stood)
	if limit := backWithin.Seconds() * 1000; stood > limit {
		t.Errorf("the picture stood for %.0f ms, want at most %.0f", stood, limit)
	}
}

// joins checks how a node answers one more subscriber.
func (c *cinema) joins(node int, stream string, want int) {
	c.t.Helper()
	page := c.browser.Open(c.t, c.Nodes[node].URL+"/", harness.View{})
	defer page.Close()
	var status int
	page.Call(c.t, `async url => {
		const pc = new RTCPeerConnection();
		pc.addTransceiver('video', { direction: 'recvonly' });
		await pc.setLocalDescription();
		const r = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp' }, body: pc.localDescription.sdp });
		pc.close();
		return r.status;
	}`, c.Nodes[node].WHEP(stream), &status)
	if status != want {
		c.t.Errorf("a subscriber of %s on node %d gets %d, want %d", stream, node, status, want)
	}
}
