package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
)

// A stuckSocket holds each send until it is let go.
type stuckSocket struct{ entered, release chan struct{} }

func (s *stuckSocket) addr() netip.AddrPort { return netip.AddrPort{} }
func (s *stuckSocket) close()               {}
func (s *stuckSocket) overflowed() uint32   { return 0 }

func (s *stuckSocket) send([]byte, netip.AddrPort) error {
	s.entered <- struct{}{}
	<-s.release
	return nil
}

// sealing is a peer that can send to the socket.
func sealing(t *testing.T, s socket) *peer {
	t.Helper()
	out, err := srtp.CreateContext(random(16), random(12), srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{agent: newAgent(), socket: s, keys: &keys{out: out}}
	p.agent.pair.Store(&netip.AddrPort{})
	return p
}

// TestPacketInFlightAtTheWindowsEnd: a packet that was stamped in the window counts as
// sent, however long its send call takes; else more would be delivered than sent.
func TestPacketInFlightAtTheWindowsEnd(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	socket := &stuckSocket{make(chan struct{}), make(chan struct{})}
	l := DefaultLoad()
	pub := &publisher{load: &l, peer: sealing(t, socket), framer: newFramer(&l), ring: map[uint16][]byte{}}
	var said bytes.Buffer
	all := newPublishers(ctx, &generator{out: json.NewEncoder(&said)})
	all.all = []*publisher{pub}
	w := &Window{From: time.Now(), To: time.Now().Add(time.Second)}
	do := func(c command) {
		if err := all.do(ctx, &c); err != nil {
			t.Fatal(err)
		}
	}
	send := func() { pub.write(&pub.video, &payload{size: 100}, 0) }
	do(command{Do: doMeasure, Window: w})
	go func() {
		send() // stamped in the window, returns after it
		send()
	}()
	<-socket.entered
	do(command{Do: doCount})
	if !time.Now().Before(w.To) {
		t.Skip("the machine is too busy: the packet was not sent in the window")
	}
	wait(ctx, w.To.Add(100*time.Millisecond)) // for who would count too early
	socket.release <- struct{}{}
	<-socket.entered
	socket.release <- struct{}{}
	all.wg.Wait()
	var noted, measured event
	answers := json.NewDecoder(&said)
	if err := answers.Decode(&noted); err != nil || noted.Kind != eventNoted {
		t.Fatalf("answered %+v, %v", noted, err)
	}
	if err := answers.Decode(&measured); err != nil || len(measured.Sent) != 1 || measured.Sent[0].Video != 1 {
		t.Errorf("answered %+v, %v; want one packet counted", measured, err)
	}
}

// TestMediaThatComesTwice: by a repair, by a repetition under the same number, or
// because the server began again at the keyframe, media counts once as delivered.
func TestMediaThatComesTwice(t *testing.T) {
	w := &Window{From: time.Unix(10, 0), To: time.Unix(12, 0)}
	var m meter
	m.measure(w)
	at := w.From
	for range 3 { // the same ten packets
		for number := range uint64(10) {
			at = at.Add(time.Millisecond)
			m.arrived(100, at)
			m.media(&stamp{number: number, sent: w.From, keyframe: true}, number == 9, at)
		}
	}
	if m.delivered != [2]uint64{0, 10} || m.duplicates != 20 || m.packets != 30 {
		t.Errorf("delivered %v, duplicates %d, on the wire %d", m.delivered, m.duplicates, m.packets)
	}
	// The next window counts anew, but still knows what came in the last.
	m.measure(&Window{From: w.From, To: w.To.Add(time.Second)})
	m.media(&stamp{number: 9, sent: w.From}, true, at)
	m.media(&stamp{number: 10, sent: w.From}, true, at)
	if m.delivered != [2]uint64{0, 1} || m.duplicates != 21 {
		t.Errorf("delivered %v, duplicates %d in the next window", m.delivered, m.duplicates)
	}
}
