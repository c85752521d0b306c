package api_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestLogLevels change while the node runs: all that a request names or none.
func TestLogLevels(t *testing.T) {
	var log bytes.Buffer
	run(t, func(t *testing.T, r *rig) {
		levels := read[wire.LogLevels](r.do("GET", "log-levels", "").want(200, ""))
		if len(levels) != len(config.LogPackages()) || levels["signaling"] != wire.LogLevelWarn {
			t.Errorf("%v", levels)
		}
		r.subscribe("studio", "viewer").Leave()
		if strings.Contains(log.String(), "session") {
			t.Error(log.String())
		}
		levels = read[wire.LogLevels](r.do("PATCH", "log-levels", `{"signaling":"info"}`).want(200, ""))
		if levels["signaling"] != wire.LogLevelInfo || levels["stream"] != wire.LogLevelWarn {
			t.Errorf("%v", levels)
		}
		r.subscribe("studio", "viewer").Leave()
		if !strings.Contains(log.String(), "event=created") {
			t.Error(log.String())
		}
		for body, status := range map[string]int{
			`{"stream":"debug","http":"loud"}`: 422, `{"stream":"debug","nothing":"info"}`: 422, `{"stream":1}`: 422, `{"stream":null}`: 422,
			`{"stream":"DEBUG"}`: 422, `["debug"]`: 400, ``: 415,
		} {
			r.do("PATCH", "log-levels", body).want(status, "")
		}
		if got := read[wire.LogLevels](r.do("PATCH", "log-levels", `{}`).want(200, "")); got["stream"] != wire.LogLevelWarn {
			t.Errorf("%v", got)
		}
	}, nodetest.Logs(node.NewLogs(&log, config.Log{Level: slog.LevelWarn})))
}

// TestNothingIsLogged: a node without logs has no levels.
func TestNothingIsLogged(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		if got := read[wire.LogLevels](r.do("GET", "log-levels", "").want(200, "")); len(got) != 0 {
			t.Errorf("%v", got)
		}
		r.do("PATCH", "log-levels", `{"stream":"debug"}`).want(422, "bad-value")
	}, nodetest.Logs(nil))
}
