package rtc

import (
	"github.com/pion/logging"
	"github.com/pion/transport/v4"
)

// quiet is the one logger of all pion parts. What matters to operators comes out
// of states, errors and counters.
type quiet struct{}

var _ logging.LeveledLogger = quiet{}

func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}

// noInterfaces is a network without interfaces. ICE agents only use sockets of
// the mux; listing the interfaces for each of them would be wasted.
type noInterfaces struct{ transport.Net }

func (noInterfaces) Interfaces() ([]*transport.Interface, error) { return nil, nil }
