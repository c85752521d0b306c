//go:build !linux

package udp

import (
	"net"
	"net/netip"
)

const controlSize = 0

func tellDestinations(*net.UDPConn, netip.Addr) bool { return false }

func destination([]byte) netip.Addr { return netip.Addr{} }
