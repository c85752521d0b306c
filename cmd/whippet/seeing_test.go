package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/relay/relaytest"
)

const operatorSecret = "0123456789abcdef0123456789abcdef"

// adminURL returns the address of the node's admin port, which it says after the public one.
func (p *process) adminURL() string {
	p.t.Helper()
	admin := regexp.MustCompile(`Admin\s+(http://[a-z0-9.]+:\d+)/metrics`)
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		m := admin.FindStringSubmatch(p.out.String())
		p.mu.Unlock()
		if m != nil {
			return m[1]
		}
	}
	p.t.Fatal("the node does not say where its admin port is")
	return ""
}

// ask gets something of the admin port as an operator.
func (p *process) ask(path string) (int, []byte) {
	p.t.Helper()
	token, err := auth.Mint([]byte(operatorSecret), auth.Claims{
		Audience: []string{"whippet"}, IssuedAt: time.Now(), Expires: time.Now().Add(time.Minute), Actions: []auth.Action{auth.Admin}, Streams: []string{"*"},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.adminURL()+path, http.NoBody)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return reply.StatusCode, body
}

type shownTree struct {
	Complete bool
	Nodes    []struct {
		ID, Parent          string
		Depth, Subscribers  int
		HopLatency, Latency float64
		Answered            bool
	}
}

// TestClusterIsSeen: three nodes, each of which may feed one: every one of them tells the same
// tree, two links deep, with what each hop takes, and its metrics say so, too.
func TestClusterIsSeen(t *testing.T) {
	redis := relaytest.Redis(t)
	var nodes []*process
	for i := range 3 {
		nodes = append(nodes, startNode(t, redis, "--max-links=1", fmt.Sprintf("--node-id=node-%d", i)))
	}
	nodes[0].mustPublish("cam")
	nodes[1].watch("cam").goesOn("one link away")
	nodes[2].watch("cam").goesOn("two links away")
	for _, n := range nodes {
		n.wantTree()
	}
	for i, wants := range [][]string{
		{`whippet_links{direction="out",state="open"} 1`, `whippet_links{direction="in",state="open"} 0`, `whippet_leases{state="held"} 1`, `whippet_link_referrals_total 1`},
		{`whippet_links{direction="out",state="open"} 1`, `whippet_links{direction="in",state="open"} 1`, `whippet_links_by_depth{depth="1"} 1`, `whippet_links_opened_total{how="first"} 1`},
		{`whippet_links{direction="out",state="open"} 0`, `whippet_links{direction="in",state="open"} 1`, `whippet_links_by_depth{depth="2"} 1`, `whippet_links_opened_total{how="first"} 1`},
	} {
		nodes[i].measures(append(wants, `whippet_directory_available 1`, `whippet_cluster_nodes 3`)...)
	}
	_, all := nodes[2].ask("/metrics")
	if regexp.MustCompile(`whippet_link_hop_seconds\{value="greatest"\} 0\n`).Match(all) {
		t.Error("no hop was measured")
	}
	nodes[2].logged("event=opened direction=in stream=cam node=node-1 depth=2")

	nodes[1].kill() // in the middle: the last one goes to the first
	nodes[2].measures(`whippet_links_by_depth{depth="1"} 1`, `whippet_links_opened_total{how="rerouted"} 1`)
	nodes[2].logged("how=rerouted")
	redis.Kill()
	nodes[2].measures(`whippet_directory_available 0`)
	if status, body := nodes[2].ask("/api/v1/nodes/self"); status != http.StatusOK || !strings.Contains(string(body), `"directoryAvailable":false`) {
		t.Errorf("%d %s", status, body)
	}
}

// wantTree waits until the node tells the whole tree, once the hops were measured.
func (p *process) wantTree() {
	p.t.Helper()
	var tree shownTree
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		status, body := p.ask("/api/v1/streams/cam/tree")
		tree = shownTree{}
		if err := json.Unmarshal(body, &tree); err != nil {
			p.t.Fatal(err)
		}
		if n := tree.Nodes; status == http.StatusOK && tree.Complete && len(n) == 3 && n[1].HopLatency > 0 && n[2].HopLatency > 0 {
			break
		}
		if time.Now().After(end) {
			p.t.Fatalf("%s: %d %s", p.base, status, body)
		}
	}
	for i, n := range tree.Nodes {
		parent := ""
		if i > 0 {
			parent = tree.Nodes[i-1].ID
		}
		if n.ID != fmt.Sprintf("node-%d", i) || n.Depth != i || n.Parent != parent || n.Subscribers != min(i, 1) || !n.Answered {
			p.t.Errorf("%+v", tree)
		}
	}
	if n := tree.Nodes; n[2].Latency <= n[1].Latency {
		p.t.Errorf("%+v", tree)
	}
}

// measures waits until the node's metrics have some lines.
func (p *process) measures(lines ...string) {
	p.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		_, body := p.ask("/metrics")
		missing := ""
		for _, want := range lines {
			if !strings.Contains("\n"+string(body), "\n"+want+"\n") {
				missing = want
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			got := regexp.MustCompile(`(?m)^whippet_(link|lease|directory|cluster).*$`).FindAllString(string(body), -1)
			p.t.Fatalf("%s lacks %q:\n%s", p.base, missing, strings.Join(got, "\n"))
		}
	}
}
