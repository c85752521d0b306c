package harness

import (
	"net"
	"strconv"
	"testing"
)

// A port is one test's alone until that has ended.
func TestPortsAreClaimed(t *testing.T) {
	var port int
	t.Run("claims", func(t *testing.T) {
		if port = FreePort(t); port%2 != 0 {
			t.Errorf("port %d, want an even one", port)
		}
		if claim := claimPort(port); claim != nil {
			claim.Close()
			t.Errorf("port %d is given away twice", port)
		}
	})
	claim := claimPort(port)
	if claim == nil {
		t.Fatalf("port %d is still claimed after its test", port)
	}
	claim.Close()
}

// A port that something listens on is not claimed, by whatever protocol that is.
func TestPortsInUse(t *testing.T) {
	port := FreePort(t) // of this test, so that nobody else takes it
	for _, network := range []string{"tcp", "udp"} {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port+1))
		var inUse interface{ Close() error }
		var err error
		if network == "tcp" {
			inUse, err = net.Listen("tcp", address)
		} else {
			inUse, err = net.ListenPacket("udp", address)
		}
		if err != nil {
			t.Fatal(err)
		}
		if isFree(port + 1) {
			t.Errorf("port %d counts as free, though it is in use by %s", port+1, network)
		}
		inUse.Close()
		if !isFree(port + 1) {
			t.Errorf("port %d does not count as free", port+1)
		}
	}
}
