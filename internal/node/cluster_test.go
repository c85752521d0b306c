package node_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

func clusterConfig(redis *relaytest.Server) config.Config {
	cfg := hostConfig()
	cfg.NodeID = "a"
	cfg.Cluster = config.Cluster{
		Redis: config.NewSecret(redis.URL()), Secret: config.NewSecret(strings.Repeat("c", relay.MinSecretBytes)),
	}
	return cfg
}

// TestClusterHostStartsAndEnds: it is listed under the URL it got, answers nobody's questions
// but other nodes', says what will hurt, and leaves nothing behind.
func TestClusterHostStartsAndEnds(t *testing.T) {
	redis := relaytest.Redis(t)
	before := goroutines()
	h, stop := serve(t, clusterConfig(redis), nil)
	base := "http://" + h.HTTPAddr().String()
	if all := strings.Join(h.Warnings(), "\n"); !strings.Contains(all, base) || !strings.Contains(all, "--node-url") {
		t.Errorf("a URL of this machine only: %q", all)
	}
	d, err := relay.OpenRedis(redis.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := d.Nodes(t.Context())
	for err == nil && (len(nodes) == 0 || nodes[0].Draining) { // it has just started
		nodes, err = d.Nodes(t.Context())
	}
	if err != nil || len(nodes) != 1 || nodes[0].ID != "a" || nodes[0].URL != base || nodes[0].Load != 0 {
		t.Errorf("%+v, %v", nodes, err)
	}
	_ = d.Close()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := client.Get(base + relay.HolderPath + "?" + url.Values{"stream": {"cam"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body.Close()
	if r.StatusCode != http.StatusForbidden || strings.Contains(string(body), "alive") {
		t.Errorf("a stranger is told: %d %s", r.StatusCode, body)
	}
	stop()
	wantGoroutines(t, before)
}

// TestPagesMayGoToNodesThatCome: a page of a cluster may be sent to a node that did not
// exist when it was loaded; one of a node alone goes nowhere.
func TestPagesMayGoToNodesThatCome(t *testing.T) {
	of := func(cfg config.Config, public string) string {
		cfg.PublicURL = public
		h, _ := serve(t, cfg, nil)
		r, _ := fetch(t, http.DefaultClient, "http://"+h.HTTPAddr().String()+"/watch/cam")
		_, policy, _ := strings.Cut(r.Header.Get("Content-Security-Policy"), "connect-src ")
		sources, _, _ := strings.Cut(policy, ";")
		return sources
	}
	redis := relaytest.Redis(t)
	for _, test := range []struct{ got, want string }{
		{of(hostConfig(), ""), "'self'"},
		{of(hostConfig(), "https://a.example/m"), "'self' https://a.example"},
		{of(clusterConfig(redis), "https://a.example"), "'self' https:"},
		{of(clusterConfig(redis), "http://a.example"), "'self' https: http:"},
	} {
		if test.got != test.want {
			t.Errorf("pages may go to %s, want %s", test.got, test.want)
		}
	}
}

// TestANodeAloneHasNoCluster: no address of the cluster's is served.
func TestANodeAloneHasNoCluster(t *testing.T) {
	h, _ := serve(t, hostConfig(), nil)
	if r, _ := fetch(t, http.DefaultClient, "http://"+h.HTTPAddr().String()+relay.HolderPath); r.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", r.StatusCode)
	}
	if all := strings.Join(h.Warnings(), "\n"); strings.Contains(all, "node-url") {
		t.Error(all)
	}
}
