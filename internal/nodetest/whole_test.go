package nodetest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/signaling"
	"github.com/whippet-media/whippet/internal/signaling/signalingtest"
)

// A page is a subscriber of a node, and what the node tells it.
type page struct {
	*nodetest.Subscriber
	node   *nodetest.Member
	events *signalingtest.Listener
	said   map[string]string // of each event the last
}

// watching watches a stream, with its events.
func watching(t *testing.T, m *nodetest.Member) *page {
	t.Helper()
	p := &page{Subscriber: m.Subscribe("studio", nodetest.Link{}), node: m, said: map[string]string{}}
	x := &signalingtest.Target{Kind: signaling.WHEP, Handler: m.Handler()}
	session := signalingtest.PathOf(t, p.URL())
	made := x.Do(t, signalingtest.Request{Method: http.MethodPost, Path: session + "/events", Body: `["viewercount","diagnosis"]`}.With("Content-Type", "application/json"))
	made.Want(t, http.StatusCreated)
	p.events = x.Listen(t, signalingtest.Request{Path: signalingtest.PathOf(t, made.Header.Get("Location"))})
	return p
}

// last returns the data of the last event of a name, "" if none has come.
func (p *page) last(name string) string {
	for _, e := range p.events.Events() {
		p.said[e.Name] = e.Data
	}
	return p.said[name]
}

// codes returns the codes of findings as the last event has them.
func (p *page) codes(t *testing.T) string {
	t.Helper()
	return codesOf(t, []byte(p.last("diagnosis")))
}

func codesOf(t *testing.T, text []byte) string {
	t.Helper()
	var all []struct{ Code, Text string }
	if len(text) > 0 && json.Unmarshal(text, &all) != nil {
		t.Fatalf("%q", text)
	}
	var codes []string
	for _, f := range all {
		if f.Text == "" {
			t.Errorf("%s says nothing", f.Code)
		}
		codes = append(codes, f.Code)
	}
	return strings.Join(codes, " ")
}

// listedCodes returns those of /streams.json.
func listedCodes(t *testing.T, m *nodetest.Member) string {
	t.Helper()
	r := httptest.NewRecorder()
	m.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/streams.json", http.NoBody))
	var all []struct{ Diagnosis json.RawMessage }
	if err := json.Unmarshal(r.Body.Bytes(), &all); err != nil {
		t.Fatalf("%v: %s", err, r.Body)
	}
	if len(all) == 0 {
		return ""
	}
	return codesOf(t, all[0].Diagnosis)
}

// wantFindings wants all pages and lists to show the same.
func wantFindings(t *testing.T, when string, pages []*page, codes string) {
	t.Helper()
	for _, p := range pages {
		if got := p.codes(t); got != codes {
			t.Errorf("%s the page at %s shows %q, want %q", when, p.node.ID, got, codes)
		}
		if got := listedCodes(t, p.node); got != codes {
			t.Errorf("%s %s lists %q, want %q", when, p.node.ID, got, codes)
		}
	}
}

// TestFindingsReachEveryNode: what is wrong at the publisher's node is shown at all, and goes when it goes, or
// with the publisher. It is counted where the publisher is.
func TestFindingsReachEveryNode(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		pub := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		var pages []*page
		for _, m := range c.Nodes {
			pages = append(pages, watching(t, m))
			c.Run(time.Second)
		}
		if d := wantTree(t, c, 1); d != 2 {
			t.Fatalf("%d deep", d)
		}
		wantFindings(t, "at first", pages, "")
		pub.Host.CutUp()
		c.Run(12 * time.Second)
		wantFindings(t, "while nothing comes", pages, "no-media")
		for i, m := range c.Nodes {
			one := scrapeNode(t, &nodetest.World{Node: m.Node}).value(t, "whippet_findings", "code=no-media")
			if want := map[bool]float64{true: 1}[i == 0]; one != want {
				t.Errorf("%s counts %v", m.ID, one)
			}
		}
		pub.Host.Heal()
		c.Run(15 * time.Second)
		wantFindings(t, "after it came back", pages, "")
		pub.Host.CutUp()
		c.Run(12 * time.Second)
		wantFindings(t, "while nothing comes again", pages, "no-media upstream-loss")
		pub.Host.Heal()
		pub.Leave()
		c.Run(5 * time.Second)
		wantFindings(t, "after the end", pages, "")
	}, fanOut(1))
}

// wantCount wants all pages to show the same number within five seconds.
func wantCount(t *testing.T, c *nodetest.Cluster, pages []*page, n int) {
	t.Helper()
	c.Run(5 * time.Second)
	want := fmt.Sprintf(`{"viewercount":%d}`, n)
	for _, p := range pages {
		if got := p.last("viewercount"); got != want {
			t.Errorf("the page at %s shows %s, want %s", p.node.ID, got, want)
		}
	}
}

// TestE69_SubscribersOfAllNodesAreCounted, also where one is fed through a node that has none itself.
func TestE69_SubscribersOfAllNodesAreCounted(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		first := watching(t, c.Nodes[0])
		middle := watching(t, c.Nodes[1])
		wantCount(t, c, []*page{first, middle}, 2)
		last := watching(t, c.Nodes[2])
		second := watching(t, c.Nodes[2])
		wantCount(t, c, []*page{first, middle, last, second}, 4)
		if d := wantTree(t, c, 1); d != 2 {
			t.Fatalf("%d deep", d)
		}
		middle.Leave()
		wantCount(t, c, []*page{first, last, second}, 3)
		second.Leave()
		wantCount(t, c, []*page{first, last}, 2)
		last.Leave()
		c.Run(2 * nodetest.Linger)
		wantCount(t, c, []*page{first}, 1)
	}, fanOut(1))
}

// TestSubscribersOfADeadNodeAreForgotten, and those of a node that finds another parent are counted once.
func TestSubscribersOfADeadNodeAreForgotten(t *testing.T) {
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		first := watching(t, c.Nodes[0])
		middle := watching(t, c.Nodes[1])
		c.Run(time.Second)
		last := watching(t, c.Nodes[2])
		wantCount(t, c, []*page{first, middle, last}, 3)
		c.Nodes[1].Kill()
		wantCount(t, c, []*page{first, last}, 2)
		wantParent(t, c.Nodes[2], c.Nodes[0])
	}, fanOut(1))
}
