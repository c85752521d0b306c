package config

import (
	"crypto/rand"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// Nodes holds the settings that make one cluster of many nodes.
type Nodes struct {
	Redis             string        `name:"redis" placeholder:"URL" help:"Redis through which nodes find each other's streams: redis://user:password@host:6379/0, rediss:// for TLS, redis-sentinel://host:26379,host:26379/master for Sentinel. With it this node is one of a cluster; all of them need the same --cluster-secret, and keys for tokens that all know."`
	RedisFile         string        `name:"redis-file" placeholder:"FILE" help:"File that holds --redis."`
	RedisNamespace    string        `name:"redis-namespace" default:"whippet" placeholder:"NAME" help:"Begins all names in Redis, so that several clusters can share one."`
	NodeID            string        `name:"node-id" placeholder:"NAME" help:"What this node is called, in the cluster and in events; another name for each node. Default: the host's name, in a cluster with a few random characters."`
	NodeURL           string        `name:"node-url" placeholder:"URL" help:"How other nodes, not clients, reach --http of this node, another URL for each node. Default: the address of a network interface; needed with --tls-cert."`
	MaxLinks          int           `name:"max-links" default:"16" placeholder:"N" help:"Most links of one stream to other nodes; further nodes are fed by those."`
	Place             string        `name:"place" enum:"local,redirect" default:"local" help:"What becomes of a POST for a new session where this node is loaded: 'local' takes it, 'redirect' sends the client to a node with a lower load and a --public-url, by a 307. A node that is going does that in any case."`
	DrainTime         time.Duration `name:"drain-time" default:"10s" placeholder:"TIME" help:"How long a node that is told to end waits for its subscribers to go to another node of the cluster, up to 10m."`
	ClusterSecret     string        `name:"cluster-secret" placeholder:"SECRET" help:"Secret of at least 32 bytes by which nodes know each other."`
	ClusterSecretFile string        `name:"cluster-secret-file" placeholder:"FILE" help:"File that holds --cluster-secret."`
}

// A Cluster says how a node is one of several. The zero Cluster is a node alone.
type Cluster struct {
	Redis     Secret // a URL; empty: the node is alone, and the other fields mean nothing
	Namespace string
	NodeURL   string // without a slash at its end; "": to be made from the addresses of --http
	Secret    Secret
	MaxLinks  int           // of one stream, that this node feeds
	Redirect  bool          // clients go elsewhere while the node is loaded
	DrainTime time.Duration // for subscribers, when the node ends
}

// On tells whether the node is one of a cluster.
func (c Cluster) On() bool { return !c.Redis.Empty() }

// namePattern is what nodes and namespaces are called: they are parts of keys in Redis.
const namePattern = `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`

func (e *problems) cluster(n Nodes) Cluster {
	c := Cluster{Redis: e.secret("redis", n.Redis, n.RedisFile)}
	if !c.On() {
		return Cluster{}
	}
	if err := relay.CheckURL(string(c.Redis.Bytes())); err != nil {
		e.add("redis", "it is no URL of a Redis: %v", err)
	}
	c.Namespace = e.name("redis-namespace", n.RedisNamespace)
	c.NodeURL = e.nodeURL(n.NodeURL)
	c.MaxLinks = e.between("max-links", n.MaxLinks, 1, maxLinks)
	c.Redirect = n.Place == "redirect"
	if c.DrainTime = n.DrainTime; c.DrainTime < 0 || c.DrainTime > maxDrainTime {
		e.add("drain-time", "%v is not between 0 and %v", n.DrainTime, maxDrainTime)
	}
	c.Secret = e.secret("cluster-secret", n.ClusterSecret, n.ClusterSecretFile)
	switch size := len(c.Secret.Bytes()); {
	case size == 0:
		e.add("cluster-secret", "nodes with --redis need it, all the same; make one with: openssl rand -hex 32")
	case size < relay.MinSecretBytes:
		e.add("cluster-secret", "it has %d bytes and needs %d; make one with: openssl rand -hex 32", size, relay.MinSecretBytes)
	}
	return c
}

func (e *problems) name(flag, s string) string {
	if !regexp.MustCompile("^" + namePattern + "$").MatchString(s) {
		e.add(flag, "%q is no name; write up to 64 letters, digits, dots, underscores and hyphens", s)
	}
	return s
}

func (e *problems) nodeURL(s string) string {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		e.add("node-url", "%q is no URL of a node; write http://10.0.0.7:8080", s)
		return ""
	}
	return strings.TrimRight(u.String(), "/")
}

// nodeID returns what the node is called: by default as its host, in a cluster with some
// letters, for two nodes on a host differ.
func (e *problems) nodeID(n Nodes) string {
	if n.NodeID != "" {
		return e.name("node-id", n.NodeID)
	}
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	host = regexp.MustCompile(`[^A-Za-z0-9.-]+`).ReplaceAllString(host, "-")
	host = strings.TrimLeft(host, ".-")
	host = host[:min(len(host), maxHostPart)]
	if n.Redis == "" && n.RedisFile == "" {
		return host
	}
	return host + "-" + strings.ToLower(rand.Text()[:6])
}

// clusterTogether checks what is a mistake only in a cluster.
func (e *problems) clusterTogether(c Config) {
	if !c.Cluster.On() {
		return
	}
	if !c.Open && c.Tokens.Secret.Empty() && len(c.KeyFiles)+len(c.KeySets) == 0 {
		e.add("jwt-secret", "nodes of a cluster need keys for tokens that all know: give all the same --jwt-secret, --jwt-key or --jwks-url")
	}
	if c.TLS.On() && c.Cluster.NodeURL == "" {
		e.add("node-url", "a node with --tls-cert needs it: a URL of this node alone, with a name that the certificate is for")
	}
}
