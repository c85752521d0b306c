package rtc

import (
	"github.com/pion/transport/v4"
)

// noInterfaces is a network without interfaces. ICE agents only use sockets of
// the mux; listing the interfaces for each of them would be wasted.
type noInterfaces struct{ transport.Net }

func (noInterfaces) Interfaces() ([]*transport.Interface, error) { return nil, nil }
