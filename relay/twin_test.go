package relay_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whippet-media/whippet/relay"
)

// TestTwins: nodes that share a name or a URL by mistake say so, others and a node that was
// started again do not.
func TestTwins(t *testing.T) {
	for name, test := range map[string]struct {
		id, url string
		restart bool
		said    bool
	}{
		"another node": {"b", "http://b", false, false},
		"same name":    {"a", "http://b", false, true},
		"same URL":     {"b", "http://a", false, true},
		"restarted":    {"b", "http://a", true, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := &relay.Memory{}
			other := relay.NewKeeper(relay.KeeperConfig{Directory: m, Node: test.id, NodeURL: test.url})
			if test.restart {
				other.Close()
			} else {
				defer other.Close()
			}
			time.Sleep(relay.RenewEvery / 2)
			var log bytes.Buffer
			k := relay.NewKeeper(relay.KeeperConfig{
				Directory: m, Node: "a", NodeURL: "http://a", Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			time.Sleep(20 * time.Second)
			k.Close()
			if said := strings.Contains(log.String(), "event=twin"); said != test.said {
				t.Errorf("%s: %s", name, &log)
			}
		})
	}
}
