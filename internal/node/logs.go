package node

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/whippet-media/whippet/internal/config"
)

// Logs makes the loggers of a node's packages. They share one output; each package
// has a level of its own that can change while the node runs. Safe for concurrent
// use. A nil *Logs logs nothing.
type Logs struct {
	out   slog.Handler
	level slog.Level // of packages without their own

	// mu guards the field below.
	mu     sync.Mutex
	levels map[string]*slog.LevelVar
}

// NewLogs returns loggers that write to w, one line a record.
func NewLogs(w io.Writer, cfg config.Log) *Logs {
	all := &slog.HandlerOptions{Level: slog.LevelDebug} // what is too low is held back before
	l := &Logs{out: slog.NewTextHandler(w, all), level: cfg.Level, levels: map[string]*slog.LevelVar{}}
	if cfg.JSON {
		l.out = slog.NewJSONHandler(w, all)
	}
	for pkg, level := range cfg.Packages {
		l.SetLevel(pkg, level)
	}
	return l
}

// For returns the logger of a package, one of config.LogPackages.
func (l *Logs) For(pkg string) *slog.Logger {
	if l == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(leveled{Handler: l.out, level: l.of(pkg)}).With("pkg", pkg)
}

// SetLevel changes the level of a package's loggers, also of those already made.
func (l *Logs) SetLevel(pkg string, level slog.Level) { l.of(pkg).Set(level) }

// Levels returns the level of each package that --log-level knows.
func (l *Logs) Levels() map[string]slog.Level {
	all := map[string]slog.Level{}
	for _, pkg := range config.LogPackages() {
		all[pkg] = l.of(pkg).Level()
	}
	return all
}

func (l *Logs) of(pkg string) *slog.LevelVar {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.levels[pkg]
	if !ok {
		v = &slog.LevelVar{}
		v.Set(l.level)
		l.levels[pkg] = v
	}
	return v
}

// leveled is a handler that holds back records below a level.
type leveled struct {
	slog.Handler
	level *slog.LevelVar
}

func (h leveled) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level.Level() }

func (h leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{h.Handler.WithAttrs(attrs), h.level}
}

func (h leveled) WithGroup(name string) slog.Handler {
	return leveled{h.Handler.WithGroup(name), h.level}
}
