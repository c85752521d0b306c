package nodetest

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/client"
)

// A Subscriber is a WHEP client on a host of the network, watched by the oracles.
type Subscriber struct {
	*client.Player
	Host *Host

	posted time.Time

	// mu guards the fields below.
	mu       sync.Mutex
	wires    [codec.Video + 1]wire
	pictures decoder
	clocks   [codec.Video + 1]clock
}

// Subscribe plays from a host of its own, without faults.
func (w *World) Subscribe(stream string, change ...func(*client.PlayOptions)) *Subscriber {
	w.t.Helper()
	return w.Host(Link{}).Subscribe(stream, change...)
}

// Subscribe plays a stream and wants to be connected. The subscriber leaves with the
// test, which then fails if the wire oracle found a fault.
func (h *Host) Subscribe(stream string, change ...func(*client.PlayOptions)) *Subscriber {
	h.world.t.Helper()
	s, err := h.TrySubscribe(stream, change...)
	if err != nil {
		h.world.t.Fatal(err)
	}
	h.world.connect(s)
	return s
}

// TrySubscribe begins to play. The result may connect later, or never. It asks for
// keyframes as browsers do.
func (h *Host) TrySubscribe(stream string, change ...func(*client.PlayOptions)) (*Subscriber, error) {
	t := h.world.t
	t.Helper()
	s := &Subscriber{Host: h, posted: time.Now()}
	o := client.PlayOptions{Options: h.options("/whep/" + stream), OnRTP: s.onRTP, OnFrame: s.onFrame, KeyframeRequests: true}
	o.OnRTCP = s.onRTCP
	for _, f := range change {
		f(&o)
	}
	var err error
	if s.Player, err = client.Play(t.Context(), o); err != nil {
		return nil, err
	}
	leave(t, s)
	t.Cleanup(s.wantNoFault)
	return s, nil
}

// Leave ends the session with a DELETE and wants that to succeed.
func (s *Subscriber) Leave() { s.Host.world.leave(s) }

func (s *Subscriber) onRTP(kind codec.Kind, p *rtp.Packet, _ time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.wires[kind].push(now, p)
	if sent, ok := sentAt(kind, p.Payload); ok {
		s.clocks[kind].packet(p.Timestamp, sent)
	}
}

// sentAt reads when a frame of Video or Sound was due. A publisher asks for each frame
// as soon as it has sent the one before.
func sentAt(kind codec.Kind, payload []byte) (time.Time, bool) {
	if kind == codec.Video {
		_, made, ok := client.ReadStamp(payload)
		return made.Add(time.Second / frameRate), ok
	}
	made, ok := soundMade(payload)
	return made.Add(soundFrame), ok
}

func (s *Subscriber) onFrame(kind codec.Kind, f client.Frame) {
	if kind != codec.Video {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pictures.push(time.Now(), time.Since(s.posted), f)
}

func (s *Subscriber) onRTCP(packets []rtcp.Packet) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range packets {
		sr, ok := p.(*rtcp.SenderReport)
		if !ok {
			continue
		}
		for kind := range s.wires {
			if s.wires[kind].started && s.wires[kind].ssrc == sr.SSRC {
				s.clocks[kind].report(codec.Kind(kind), sr) //nolint:gosec // 0 to 2
			}
		}
	}
}

// Pictures returns what the decoder oracle saw so far.
func (s *Subscriber) Pictures() Pictures {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pictures.Pictures
}

// Missing returns how many packets of a kind, between the first and the last that came,
// have not come.
func (s *Subscriber) Missing(kind codec.Kind) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wires[kind].missing()
}

// Pause returns the longest time without a packet of a kind.
func (s *Subscriber) Pause(kind codec.Kind) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wires[kind].pause
}

// forget begins measuring pauses anew.
func (s *Subscriber) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.wires {
		s.wires[k].pause, s.wires[k].last = 0, time.Now()
	}
	s.pictures.Freeze, s.pictures.at = 0, time.Now()
}

func (s *Subscriber) wantNoFault() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for kind := range s.wires {
		for _, f := range s.wires[kind].faults {
			s.Host.world.t.Errorf("%v: %s", codec.Kind(kind), f) //nolint:gosec // 0 to 2
		}
	}
}
