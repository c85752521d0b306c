package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"
)

const (
	redisPort   = 6379
	clusterPort = 8080 // of each node, for HTTP and media
	adminPort   = 9090
)

// clusterSecret is what the nodes of a test know each other by, tokenSecret what signs tokens for them.
const (
	clusterSecret = "the-nodes-of-this-test-know-each-other"
	tokenSecret   = "a-secret-that-signs-tokens-of-tests"
)

// heardWithin is by when nodes know of one that was started. They announce themselves each second, and
// a list of them is used for two; the rest is for a busy machine.
const heardWithin = 15 * time.Second

// A Cluster is nodes at hosts of a network and a Redis at another one, with one host more for those
// who publish and watch. Each can be killed, started again under its old address, and parted
// from others.
type Cluster struct {
	*Network
	Nodes []*Node  // node i is at host i
	Redis *Process // at host len(Nodes)

	binary string
	flags  []string
}

// NewCluster starts a cluster of some nodes that anybody may use; flags are added to each node's
// command line. It ends with the test.
func NewCluster(t testing.TB, binary string, nodes int, flags ...string) *Cluster {
	t.Helper()
	c := &Cluster{Network: NewNetwork(t, nodes+2), Nodes: make([]*Node, nodes), binary: binary, flags: flags}
	c.StartRedis(t)
	for i := range nodes {
		c.StartNode(t, i)
	}
	return c
}

// RedisHost returns where Redis is, People where publishers and subscribers are.
func (c *Cluster) RedisHost() *Host { return c.Host(len(c.Nodes)) }

// People returns the host of those who publish and watch.
func (c *Cluster) People() *Host { return c.Host(len(c.Nodes) + 1) }

// StartRedis starts Redis, empty, and waits until it answers.
func (c *Cluster) StartRedis(t testing.TB) {
	t.Helper()
	c.Redis = Start(t, c.RedisHost().Inside(Command{Path: "redis-server", Args: []string{
		"--port", fmt.Sprint(redisPort), "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--appendonly", "no",
	}}))
	Eventually(t, nodeStart, func() error {
		out, err := exec.Command("ip", "netns", "exec", c.RedisHost().namespace(), "redis-cli", "ping").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "PONG") {
			return fmt.Errorf("redis-cli ping: %w: %s", err, out)
		}
		return nil
	})
}

// StartNode starts a node, also one that was killed, and waits until it serves.
func (c *Cluster) StartNode(t testing.TB, i int) {
	t.Helper()
	at := netip.AddrPortFrom(c.Host(i).Address(), clusterPort).String()
	redis := netip.AddrPortFrom(c.RedisHost().Address(), redisPort)
	n := &Node{
		URL:   "http://" + at,
		Admin: "http://" + netip.AddrPortFrom(c.Host(i).Address(), adminPort).String(),
		Process: Start(t, c.Host(i).Inside(Command{
			Path: c.binary,
			Args: append([]string{
				"serve", "--http", at, "--admin", fmt.Sprintf("0.0.0.0:%d", adminPort),
				"--announce", c.Host(i).Address().String(), "--auth", "open", "--data", t.TempDir(),
				"--redis", "redis://" + redis.String(), "--cluster-secret", clusterSecret, "--jwt-secret", tokenSecret,
				"--node-id", fmt.Sprint("node-", i), "--node-url", "http://" + at, "--public-url", "http://" + at, "--log-level", "info,relay=debug",
			}, c.flags...),
			Env: RaceEnv(),
		})),
	}
	c.Nodes[i] = n
	Eventually(t, nodeStart, func() error {
		if !n.Running() {
			t.Fatalf("the node ended:\n%s", n.Log())
		}
		return n.up()
	})
}

// FFmpegPublish publishes a clip to a node from the people's host.
func (c *Cluster) FFmpegPublish(t testing.TB, node int, stream string, clip Clip) *Process {
	t.Helper()
	return Start(t, c.People().Inside(FFmpegCommand(t, c.Nodes[node].WHIP(stream), "", clip)))
}

// Token makes a token that all nodes take, with flags of the command token.
func (c *Cluster) Token(t testing.TB, flags ...string) string {
	t.Helper()
	out, err := exec.Command(c.binary, append([]string{"token", "--jwt-secret", tokenSecret}, flags...)...).Output()
	if err != nil {
		t.Fatalf("whippet token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// AwaitHeard waits until each node's list of nodes, by which it sends clients on, has all of them as ready,
// by what they announced after now.
func (c *Cluster) AwaitHeard(t testing.TB) {
	t.Helper()
	since, token := time.Now(), c.Token(t, "--action", "admin")
	for _, n := range c.Nodes {
		Eventually(t, heardWithin, func() error { return n.heardOf(token, len(c.Nodes), since) })
	}
}

// heardOf returns nil if a node lists so many nodes as ready, by what they announced after a moment.
func (n *Node) heardOf(token string, nodes int, since time.Time) error {
	r, err := http.NewRequest(http.MethodGet, n.Admin+"/api/v1/nodes", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := (&http.Client{Timeout: callTimeout}).Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var list struct {
		Items []struct {
			ID, State   string
			AnnouncedAt time.Time
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return err
	}
	ready := 0
	for _, other := range list.Items {
		if other.State == "ready" && other.AnnouncedAt.After(since) {
			ready++
		}
	}
	if ready != nodes {
		return fmt.Errorf("%s knows %d ready nodes, want %d: %+v", n.URL, ready, nodes, list.Items)
	}
	return nil
}
