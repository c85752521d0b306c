package harness

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

const (
	// firstPort and lastPort bound the numbers that tests give away. They lie below those that Linux
	// gives to whoever asks for none (net.ipv4.ip_local_port_range, from 32768): between the choice
	// and its use no socket of a browser takes one, and nobody who tries again and again to reach
	// a server that is not up yet connects to itself.
	firstPort = 20_000
	lastPort  = 32_766

	// portTries bounds the search for a number that nobody has.
	portTries = 200
)

// FreePort returns a number that is free for TCP and for UDP, and that no other call of this machine's
// tests returns before the test ends. It is even: its successor is its own as well, which FFmpeg sends
// RTP's reports to.
func FreePort(t testing.TB) int {
	t.Helper()
	for range portTries {
		port := firstPort + 2*rand.IntN((lastPort-firstPort)/2+1)
		if claim := claimPort(port); claim != nil {
			t.Cleanup(func() { claim.Close() })
			return port
		}
	}
	t.Fatalf("no port is free for both TCP and UDP after %d tries", portTries)
	return 0
}

// claimPort reserves a number among tests until it is closed; nil: it is taken. The reservation is a name
// of a socket that has no file, which ends with its process.
func claimPort(port int) io.Closer {
	claim, err := net.Listen("unix", fmt.Sprintf("@whippet-port-%d", port))
	if err != nil {
		return nil
	}
	if !isFree(port) {
		claim.Close()
		return nil
	}
	return claim
}

// isFree reports whether nobody listens on a number at any address, by TCP or UDP.
func isFree(port int) bool {
	address := ":" + strconv.Itoa(port)
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	defer l.Close()
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	return c.Close() == nil
}
