package nodetest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
	"github.com/whippet-media/whippet/internal/outbound"
)

// pushTo pushes all streams to far.example.
func pushTo(token string) config.Push {
	return config.Push{
		Streams: "*", URL: config.NewSecret("http://far.example/whip/{stream}"),
		Far: config.Far{Host: "far.example", Token: config.NewSecret(token)},
	}
}

// pullFrom pulls one stream from far.example.
func pullFrom(stream string, always bool) config.Pull {
	return config.Pull{
		Stream: stream, Always: always, URL: config.NewSecret("http://far.example/whep/origin"),
		Far: config.Far{Host: "far.example"},
	}
}

// foreignWays are what answers of others differ in: changes of the offer on the way to a node,
// and of its answer.
func foreignWays() map[string][2]func(string) string {
	same := func(s string) string { return s }
	return map[string][2]func(string) string{
		"begins DTLS":   {func(s string) string { return strings.ReplaceAll(s, "a=setup:actpass", "a=setup:passive") }, same},
		"no RTX":        {without(`a=(rtpmap:\d+ rtx/\d+|fmtp:\d+ apt=\d+|ssrc-group:[^\r]*)\r\n`), same},
		"no feedback":   {without(`a=rtcp-fb:[^\r]*\r\n`), same},
		"no extensions": {without(`a=extmap:[^\r]*\r\n`), same},
		"candidates in each section": {same, func(s string) string {
			candidates := strings.Join(regexp.MustCompile(`a=candidate:[^\r]*\r\n`).FindAllString(s, -1), "")
			return strings.Replace(s, "a=mid:1\r\n", "a=mid:1\r\n"+candidates, 1)
		}},
		"transport at the top": {same, func(s string) string {
			lines := regexp.MustCompile(`a=(ice-ufrag|ice-pwd|fingerprint|setup):[^\r]*\r\n`)
			top := strings.Join(lines.FindAllString(s, -1)[:4], "")
			s = lines.ReplaceAllLiteralString(s, "")
			return strings.Replace(s, "m=audio", top+"m=audio", 1)
		}},
		"no end, no trickle": {same, func(s string) string {
			return regexp.MustCompile(`a=(end-of-candidates|ice-options:[^\r]*|rtcp-mux-only|rtcp-rsize|msid-semantic:[^\r]*)\r\n`).ReplaceAllLiteralString(s, "")
		}},
		"200": {same, same},
	}
}

// without drops what a pattern matches.
func without(pattern string) func(string) string {
	return func(s string) string { return regexp.MustCompile(pattern).ReplaceAllLiteralString(s, "") }
}

// foreign makes a node a server with other ways.
func foreign(h http.Handler, ways [2]func(string) string, status int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			h.ServeHTTP(w, r)
			return
		}
		offer, _ := io.ReadAll(r.Body)
		in := r.Clone(r.Context())
		in.Body, in.ContentLength = io.NopCloser(strings.NewReader(ways[0](string(offer)))), -1
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, in)
		w.Header().Set("Location", rec.Header().Get("Location"))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, ways[1](rec.Body.String()))
	})
}

// TestForeignWays: pushes and pulls take whatever answer there is, if it can be taken at all.
func TestForeignWays(t *testing.T) {
	for name, ways := range foreignWays() {
		status := http.StatusCreated
		if name == "200" {
			status = http.StatusOK
		}
		t.Run(name, func(t *testing.T) {
			var web nodetest.Web
			run(t, func(t *testing.T, w *nodetest.World) {
				far := w.Far(&web, "far.example")
				web.Serve("far.example", foreign(far.Handler(), ways, status))
				pub := w.Publish("pushed")
				far.Publish("origin")
				w.Run(3 * time.Second)
				there, here := far.Subscribe("pushed"), w.Subscribe("studio")
				w.Run(2 * time.Second)
				there.WantMedia(10 * time.Second)
				here.WantMedia(10 * time.Second)
				here.Leave()
				pub.Leave()
				w.Run(outbound.PushLinger + 5*time.Second)
				if all, _ := far.Sessions(); all != 2 { // its publisher and subscriber
					t.Errorf("%d sessions at the far node", all)
				}
				w.WantEmpty()
			}, nodetest.On(&web), nodetest.Settings(
				[]config.Push{{Streams: "pushed", URL: config.NewSecret("http://far.example/whip/pushed"), Far: config.Far{Host: "far.example"}}},
				[]config.Pull{pullFrom("studio", false)}))
		})
	}
}

// TestOutboundLogs: the lines of pushes and pulls are as docs/logs.md has them, and hold no secret.
func TestOutboundLogs(t *testing.T) {
	var log logbook
	var web nodetest.Web
	run(t, func(t *testing.T, w *nodetest.World) {
		far := w.Far(&web, "far.example")
		w.Publish("studio")
		far.Publish("origin")
		w.Subscribe("pulled")
		w.Run(15 * time.Second)
		far.Stop()
		w.Run(5 * time.Second)
		web.Serve("far.example", http.NotFoundHandler())
		w.Run(20 * time.Second)
		web.Serve("far.example", forbidden())
		w.Publish("other")
		w.Subscribe("another")
		w.Run(time.Minute)
	}, nodetest.On(&web), nodetest.Logs(node.NewLogs(&log, config.Log{Level: slog.LevelDebug, JSON: true})),
		nodetest.Settings([]config.Push{pushTo("a-token-of-the-far-node")}, []config.Pull{pullFrom("pulled", false), pullFrom("another", false)}))
	if strings.Contains(log.String(), "a-token-of") || strings.Contains(log.String(), "/whep/") {
		t.Error(log.String())
	}
	rows, seen := documentedLines(t), map[string]bool{}
	for text := range strings.Lines(log.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line["msg"] != "push" && line["msg"] != "pull" {
			continue
		}
		name := fmt.Sprint(line["msg"], " ", line["event"])
		row, ok := rows[name]
		if !ok {
			t.Errorf("%s is not documented: %s", name, text)
			continue
		}
		seen[name] = true
		row.want(t, line)
	}
	for _, must := range []string{"push opened", "push closed", "push failed", "push refused", "pull opened", "pull closed", "pull failed", "pull refused"} {
		if !seen[must] {
			t.Errorf("no line %q, only %q", must, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// forbidden is a server that refuses everything.
func forbidden() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
}
