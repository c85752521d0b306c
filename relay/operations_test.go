package relay_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whippet-media/whippet/relay"
	"github.com/whippet-media/whippet/relay/relaytest"
)

// TestOperationsAreCounted: what the counter says of each call is what a Redis is sent.
func TestOperationsAreCounted(t *testing.T) {
	server := relaytest.Redis(t)
	d := relaytest.Count(open(t, server.URL(), ""))
	warm(t, d)
	seen := server.Monitor()
	var held []relay.Lease
	for _, c := range []struct {
		name string
		call func() error
		want []string
	}{
		{"look-up", func() error { _, _ = d.Lookup(t.Context(), "cam"); return nil }, []string{"evalsha"}},
		{"claims", func() (err error) { held, err = claimMany(t, d, 3); return err }, []string{"evalsha", "evalsha", "evalsha"}},
		{"refused claim", func() error { _, _ = d.Claim(t.Context(), claim("b")); return nil }, []string{"evalsha"}},
		{"renewal", func() error { _, err := d.Renew(t.Context(), held); return err }, []string{"evalsha", "evalsha", "evalsha"}},
		{"release", func() error { return d.Release(t.Context(), held[1:]) }, []string{"evalsha", "evalsha"}},
		{"announcement", func() error { return d.AnnounceNode(t.Context(), relay.NodeInfo{ID: "a"}) }, []string{"evalsha"}},
		{"list", func() error { _, err := d.Nodes(t.Context()); return err }, []string{"time", "zrevrange", "hgetall"}},
		{"watches", func() error { return watchTwice(d) }, []string{"subscribe", "unsubscribe"}},
	} {
		before := d.Operations()
		if err := c.call(); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		counted := d.Operations().Minus(before).Sum()
		got := until(seen, len(c.want))
		if !slices.Equal(got, c.want) || counted != int64(len(got)) {
			t.Errorf("%s: Redis gets %v, want %v; %d are counted", c.name, got, c.want, counted)
		}
	}
}

// warm lets the server learn the scripts, and opens the connections.
func warm(t *testing.T, d relay.Directory) {
	t.Helper()
	l, err := d.Claim(t.Context(), relay.Claim{Stream: "warm", Node: "a"})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = d.Lookup(t.Context(), "warm")
	_, _ = d.Renew(t.Context(), []relay.Lease{l})
	_ = d.Release(t.Context(), []relay.Lease{l})
	_ = d.AnnounceNode(t.Context(), relay.NodeInfo{ID: "a"})
	changed, stop := d.Watch("warm") // keeps the connection
	<-changed
	t.Cleanup(stop)
}

func claimMany(t *testing.T, d relay.Directory, n int) (all []relay.Lease, err error) {
	for i := range n {
		stream := "cam"
		if i > 0 {
			stream = fmt.Sprint("cam-", i)
		}
		l, err := d.Claim(t.Context(), relay.Claim{Stream: stream, Node: "a"})
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

// watchTwice watches a stream twice, and ends both when Redis has confirmed it.
func watchTwice(d relay.Directory) error {
	changed, stop := d.Watch("cam")
	_, stopToo := d.Watch("cam")
	<-changed
	stop()
	stopToo()
	return nil
}

// until returns the commands that come until there are enough, and a moment longer: more
// would show.
func until(m *relaytest.Monitor, n int) (got []string) {
	for end := time.Now().Add(5 * time.Second); len(got) < n && time.Now().Before(end); {
		got = append(got, names(m.Commands())...)
		time.Sleep(time.Millisecond)
	}
	return append(got, names(m.Commands())...)
}

func names(all []relaytest.Command) (out []string) {
	for _, c := range all {
		out = append(out, c.Name())
	}
	return out
}
