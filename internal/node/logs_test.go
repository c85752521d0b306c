package node_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
)

func TestLogLevelsPerPackage(t *testing.T) {
	var out bytes.Buffer
	logs := node.NewLogs(&out, config.Log{Level: slog.LevelWarn, Packages: map[string]slog.Level{"rtc": slog.LevelDebug}})
	rtc, http := logs.For("rtc").With("peer", "p"), logs.For("http").WithGroup("g")
	rtc.Debug("one")
	http.Info("two")
	http.Warn("three", "a", 1)
	logs.SetLevel("http", slog.LevelInfo)
	logs.SetLevel("rtc", slog.LevelError)
	http.Info("four")
	rtc.Warn("five")

	got := out.String()
	for _, want := range []string{"msg=one pkg=rtc peer=p", "msg=three pkg=http g.a=1", "msg=four"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "two") || strings.Contains(got, "five") {
		t.Error(got)
	}
}

func TestLogsAsJSON(t *testing.T) {
	var out bytes.Buffer
	node.NewLogs(&out, config.Log{JSON: true}).For("node").Info("hello", "n", 1)
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["pkg"] != "node" || line["n"] != 1.0 {
		t.Errorf("%s: %v", out.Bytes(), err)
	}
}

func TestNilLogsAreSilent(t *testing.T) {
	var logs *node.Logs
	logs.For("node").Error("nobody hears")
}

// TestEveryLogPackageLogs: a package that --log-level knows gets its logger, and the
// other way round.
func TestEveryLogPackageLogs(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\.For\("(\w+)"\)`).FindAllStringSubmatch(string(b), -1) {
			used[m[1]] = true
		}
	}
	if got, want := slices.Sorted(maps.Keys(used)), config.LogPackages(); !slices.Equal(got, want) {
		t.Errorf("loggers for %q, settings for %q", got, want)
	}
}
