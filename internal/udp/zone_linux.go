package udp

import (
	"net"
	"strconv"
	"time"
)

// zoneLife is how long an interface's name is remembered, as in package net: interfaces
// come and go.
const zoneLife = time.Minute

// A zone remembers the interface of the last link-local peer (RFC 4007), as looking one
// up costs dozens of microseconds. Most nodes have no such peer, few have them on two
// interfaces. Not safe for concurrent use.
type zone struct {
	name   string
	number uint32
	until  time.Time
}

// index returns the number of an interface; 0 if there is none, as package net: the
// kernel chooses.
func (z *zone) index(name string) uint32 {
	if z.name == name && time.Now().Before(z.until) {
		return z.number
	}
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil {
		n = 0
		if i, err := net.InterfaceByName(name); err == nil {
			n = uint64(i.Index) //nolint:gosec // positive
		}
	}
	*z = zone{name, uint32(n), time.Now().Add(zoneLife)} //nolint:gosec // an interface's number
	return z.number
}

// named returns the name of an interface, or its number if it has none any more.
func (z *zone) named(number uint32) string {
	if z.number == number && time.Now().Before(z.until) {
		return z.name
	}
	name := strconv.FormatUint(uint64(number), 10)
	if i, err := net.InterfaceByIndex(int(number)); err == nil {
		name = i.Name
	}
	*z = zone{name, number, time.Now().Add(zoneLife)}
	return z.name
}
