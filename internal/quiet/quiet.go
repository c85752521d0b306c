// Package quiet silences pion. What matters to operators comes out of states,
// errors and counters; pion's own lines would repeat it, once per session.
package quiet

import "github.com/pion/logging"

// Logger is a logger and a maker of loggers that say nothing. It is safe for
// concurrent use and costs nothing to make.
type Logger struct{}

var (
	_ logging.LoggerFactory = Logger{}
	_ logging.LeveledLogger = Logger{}
)

// NewLogger returns a Logger for any scope.
func (Logger) NewLogger(string) logging.LeveledLogger { return Logger{} }

// Trace says nothing, as do all that follow.
func (Logger) Trace(string) {}

// Tracef says nothing.
func (Logger) Tracef(string, ...any) {}

// Debug says nothing.
func (Logger) Debug(string) {}

// Debugf says nothing.
func (Logger) Debugf(string, ...any) {}

// Info says nothing.
func (Logger) Info(string) {}

// Infof says nothing.
func (Logger) Infof(string, ...any) {}

// Warn says nothing.
func (Logger) Warn(string) {}

// Warnf says nothing.
func (Logger) Warnf(string, ...any) {}

// Error says nothing.
func (Logger) Error(string) {}

// Errorf says nothing.
func (Logger) Errorf(string, ...any) {}
