package nodetest_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// A documentedLine is a row of docs/logs.md.
type documentedLine struct {
	level          string
	keys, optional []string
}

// documentedLines reads the table of lines, by "msg event".
func documentedLines(t *testing.T) map[string]documentedLine {
	t.Helper()
	page, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]documentedLine{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\| `([a-z-]+)` \\| (\\w+) \\| [^|]+ \\| ([^|]*)\\|$").FindAllStringSubmatch(string(page), -1) {
		l := documentedLine{level: strings.ToUpper(m[3]), keys: []string{"time", "level", "msg", "pkg", "event"}}
		for _, key := range regexp.MustCompile("`([a-z]+)(\\??)`").FindAllStringSubmatch(m[4], -1) {
			if key[2] == "" {
				l.keys = append(l.keys, key[1])
			} else {
				l.optional = append(l.optional, key[1])
			}
		}
		all[m[1]+" "+m[2]] = l
	}
	return all
}

// wantLine compares a line with its row.
func (l documentedLine) want(t *testing.T, line map[string]any) {
	t.Helper()
	for _, key := range l.keys {
		if _, ok := line[key]; !ok {
			t.Errorf("no %q in %v", key, line)
		}
	}
	for key := range line {
		if !slices.Contains(l.keys, key) && !slices.Contains(l.optional, key) {
			t.Errorf("%q is not documented, in %v", key, line)
		}
	}
	if line["level"] != l.level {
		t.Errorf("level %s is documented for %v", l.level, line)
	}
}

// TestLogsAreAsDocumented: every line of sessions that live and end in many ways has the
// keys of its row in docs/logs.md and no others.
func TestLogsAreAsDocumented(t *testing.T) {
	var log logbook
	var h hooked
	run(t, func(t *testing.T, w *nodetest.World) {
		token := mint(t, auth.Publish, time.Hour)
		pub := w.Publish("studio", func(o *client.PublishOptions) { o.Token, o.Trickle = token, true })
		w.Run(time.Second)
		sub := w.Subscribe("studio", func(o *client.PlayOptions) { o.Token = mint(t, auth.Subscribe, time.Hour) })
		if err := sub.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		w.Run(time.Second)
		sub.Host.Cut()
		w.Run(10 * time.Second)
		sub.Host.Heal()
		w.Run(5 * time.Second)
		w.Do("POST", "/whip/studio", "", "Authorization", "Bearer guess")
		pub.Host.CutUp()
		w.Run(2 * time.Minute)
	}, append(append(secretive(t, &log), hooks(&h)...),
		nodetest.Logs(node.NewLogs(&log, config.Log{Level: slog.LevelDebug, JSON: true})))...)
	rows, seen := documentedLines(t), map[string]bool{}
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		name, _ := line["msg"].(string)
		event, _ := line["event"].(string)
		row, ok := rows[name+" "+event]
		if !ok {
			t.Errorf("%s is not documented: %s", name, text)
			continue
		}
		seen[name+" "+event] = true
		row.want(t, line)
	}
	for _, must := range []string{
		"session created", "session connected", "session media", "session disconnected", "session reconnected", "session restarted",
		"session ended", "auth refused", "diagnosis found", "webhook delivered", "request refused",
	} {
		if !seen[must] {
			t.Errorf("no line %q, only %q", must, slices.Sorted(maps.Keys(seen)))
		}
	}
}
