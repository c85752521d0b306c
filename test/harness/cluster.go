package harness

import (
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
)

const (
	redisPort   = 6379
	clusterPort = 8080 // of each node, for HTTP and media
	adminPort   = 9090
)

// clusterSecret is what the nodes of a test know each other by.
const clusterSecret = "the-nodes-of-this-test-know-each-other"

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
				"--redis", "redis://" + redis.String(), "--cluster-secret", clusterSecret,
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
