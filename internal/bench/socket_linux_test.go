package bench

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestSocketTellsWhatItLost: what a full receive buffer throws away is the generator's
// fault, and is told from what the server lost.
func TestSocketTellsWhatItLost(t *testing.T) {
	t.Parallel()
	n, err := newNetwork()
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	local := netip.MustParseAddr("127.0.0.1")
	let := make(chan struct{}) // the receiver go on
	got := make(chan time.Time, 1<<16)
	to, err := n.open(local, func(_ []byte, _ netip.AddrPort, at time.Time) {
		got <- at
		<-let
	})
	if err != nil {
		t.Fatal(err)
	}
	defer to.close()
	from, err := n.open(local, func([]byte, netip.AddrPort, time.Time) {})
	if err != nil {
		t.Fatal(err)
	}
	defer from.close()
	const small = 8 << 10
	if err := unix.SetsockoptInt(to.(*pollSocket).fd, unix.SOL_SOCKET, unix.SO_RCVBUF, small); err != nil { //nolint:forcetypeassert // of this system
		t.Fatal(err)
	}
	send := func(n int) {
		for range n {
			if err := from.send(make([]byte, 1000), to.addr()); err != nil {
				t.Fatal(err)
			}
		}
	}
	const many = 200
	before := time.Now()
	send(1)
	<-got
	send(many)
	close(let)
	count := 1
	for to.overflowed() == 0 { // the next packet tells
		if send(1); count > 10*many {
			t.Fatal("nothing was lost, it says")
		}
		count++
		select {
		case at := <-got:
			if at.Before(before.Add(-time.Second)) || at.After(time.Now().Add(time.Second)) {
				t.Fatalf("arrived %v", at)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing arrives any more")
		}
	}
	if lost := to.overflowed(); lost >= many {
		t.Errorf("%d of %d were lost", lost, many+count)
	}
}
