package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/pion/interceptor/pkg/twcc"
)

const (
	leaveTimeout  = 5 * time.Second
	authenticated = 256 // every so many packets one is decrypted whole
	pliInterval   = time.Second
)

// A subscriber is one WHEP session.
type subscriber struct {
	load     *Load
	stream   int // which publisher's
	peer     *peer
	site     *site
	location string
	ssrc     uint32 // of its feedback
	tcp      bool   // it connects over ICE-TCP

	posted, created time.Time

	// mu guards the fields below.
	mu           sync.Mutex
	peeker       *peeker
	answer       *answer
	streams      [4]inStream // by kind
	transport    *twcc.Recorder
	unreported   int // packets the recorder holds
	meter        meter
	random       *rand.Rand
	scratch      []byte
	nextFeedback time.Time
	nextReport   time.Time
	nextPLI      time.Time
	nacks        uint64
	overflowed   uint32 // of the socket when the window was told
}

// subscribe opens a session and waits until it is connected; media may take longer.
func subscribe(ctx context.Context, n network, s *site, cert *certificate, l *Load, name string, stream int) (*subscriber, error) {
	sub := &subscriber{
		load: l, site: s, stream: stream, ssrc: rand.Uint32(),
		random: rand.New(rand.NewPCG(uint64(stream), rand.Uint64())), //nolint:gosec // losses, not secrets
	}
	sub.transport = twcc.NewRecorder(sub.ssrc)
	_, sub.tcp = n.(tcpNetwork)
	n.hurry(1)
	defer n.hurry(-1)
	var err error
	if sub.peer, err = newPeer(n, s.local, cert, l.Profile); err != nil {
		return nil, err
	}
	if err = sub.connect(ctx, name); err != nil {
		sub.leave()
		return nil, fmt.Errorf("subscriber of %s: %w", name, err)
	}
	return sub, nil
}

func (s *subscriber) connect(ctx context.Context, name string) error {
	offer := s.peer.identity().playOffer()
	s.posted = time.Now()
	text, location, err := s.site.post(ctx, "/whep/"+name, offer)
	s.created = time.Now()
	if err != nil {
		return err
	}
	s.location = location
	a, err := parseAnswer(text)
	if err != nil {
		return err
	}
	if s.tcp {
		if a.candidates = a.tcp; len(a.tcp) == 0 {
			return errNoTCP
		}
	}
	return s.peer.connect(ctx, a, func(k *keys) (sink, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.answer = a
		s.peeker, err = newPeeker(k.profile, k.remoteKey, k.remSalt)
		return s, err
	})
}

// leave ends the session: DELETE, then close_notify. Feedback must have ended.
func (s *subscriber) leave() {
	if s.location != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		_ = s.site.remove(ctx, s.location) // it may be gone
	}
	s.peer.close()
}

// measure says what will be measured.
func (s *subscriber) measure(w *Window) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.meter.measure(w)
	s.overflowed = s.peer.socket.overflowed()
}

// has tells whether video stamped at t or later has come.
func (s *subscriber) has(t time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.meter.newest.Before(t)
}

// rtp takes a media packet.
func (s *subscriber) rtp(b []byte, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.meter
	if s.load.Loss > 0 && s.random.Float64() < s.load.Loss {
		m.dropped++
		return
	}
	var h header
	if !h.parse(b, s.answer.transportID) {
		m.unreadable++
		return
	}
	m.arrived(len(b), at)
	if h.numbered {
		s.transport.Record(h.ssrc, h.transport, at.UnixMicro())
		s.unreported++
	}
	k := s.answer.kinds[h.pt]
	rollover, first := s.streams[k].take(&h, at, k == kindVideo)
	if m.checked++; first || m.checked%authenticated == 0 {
		s.authenticate(b)
	}
	s.open(&h, k, rollover, b[h.size:], at)
}

// open reads the stamp. A repair without one is padding.
func (s *subscriber) open(h *header, k kind, rollover uint32, body []byte, at time.Time) {
	plain := s.peeker.peek(h, rollover, body, glanceBytes)
	var st stamp
	if !st.read(plain) {
		plain = s.peeker.peek(h, rollover, body, peekBytes)
	}
	if !st.read(plain) {
		if k != kindRepair {
			s.meter.unreadable++
		}
		return
	}
	if k == kindRepair {
		s.meter.repaired++
		s.streams[kindVideo].fill(binary.BigEndian.Uint16(plain)) // RFC 4588 §4
	}
	s.meter.media(&st, h.marker, at)
}

// authenticate decrypts all of a packet.
func (s *subscriber) authenticate(b []byte) {
	plain, err := s.peer.keys.in.DecryptRTP(s.scratch[:0], b, nil)
	if err != nil {
		s.meter.unauthentic++
		return
	}
	s.scratch = plain
}

// rtcp takes sender reports.
func (s *subscriber) rtcp(b []byte, at time.Time) {
	plain, err := s.peer.keys.in.DecryptRTCP(nil, b, nil)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const typeSR, sizeSR = 200, 28
	for len(plain) >= 4 {
		size := 4 * (int(binary.BigEndian.Uint16(plain[2:])) + 1)
		if size > len(plain) {
			return
		}
		if plain[1] == typeSR && size >= sizeSR {
			ssrc := binary.BigEndian.Uint32(plain[4:])
			for i := range s.streams {
				if s.streams[i].started && s.streams[i].ssrc == ssrc {
					s.streams[i].senderReport(plain, at)
				}
			}
		}
		plain = plain[size:]
	}
}
