package link

import (
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/stream"
)

var (
	_ stream.Sink = (*served)(nil)
	_ rtc.Handler = (*served)(nil)
)

// served is a link that this node feeds: the far end as its shard sees it, and the handler
// of its peer. Bind, WriteRTP and WriteRTCP belong to the shard, one call at a time.
type served struct {
	links        *Links
	node, stream string
	url          string // of the node; "": it feeds nobody
	since        time.Time
	epoch        int64         // the edge knows
	depth        int           // of this node when the link was opened; set by open
	gone         chan struct{} // closed once it has ended
	release      func()        // of the edge that feeds this node; nil: it is the origin; set by open
	instead      []*served     // links that end once this one is open: their node was mute; set by add
	yields       bool          // it is one of those of another; Links.mu

	peer  atomic.Pointer[rtc.Peer]
	sub   atomic.Pointer[stream.Subscription]
	ready atomic.Bool  // the peer is connected
	heard atomic.Int64 // when the far end last said something once it was ready, Unix time in nanoseconds; 0: not yet
	out   *rtc.Writer

	// mu guards the fields below.
	mu      sync.Mutex
	settled bool // it is connected or has ended: nobody waits for it
	ended   bool
	timer   *time.Timer // while it is waited for
	known   int         // the depth of this node as the far end was told
	untold  int         // how often it is to be told that
}

// open makes peer and tap, and says what the far end must know of them.
func (s *served) open(r *request) (*response, error) {
	cfg := s.links.cfg
	peer, err := cfg.Transport.NewPeer(rtc.PeerConfig{
		Ufrag: r.Transport.Ufrag, Pwd: r.Transport.Pwd, Setup: rtc.Active,
		Fingerprints: fingerprints(r.Transport), Candidates: r.Transport.Candidates,
		Send: true, Handler: s,
	})
	if err != nil {
		return nil, err
	}
	s.peer.Store(peer)
	sub, d, depth, err := s.feed(r)
	if err != nil {
		return nil, errors.Join(err, peer.Close())
	}
	s.depth = depth
	if !s.adopt(sub) {
		sub.Close()
		return nil, errors.Join(rtc.ErrClosed, peer.Close())
	}
	s.start() // the peer may have connected meanwhile
	return &response{Version: version, Transport: transportOf(peer.Local(), true), Publisher: d.ID, Depth: depth, Tracks: tracksOf(&d)}, nil
}

// adopt takes the tap over and waits for the far end; false where the link ended meanwhile.
func (s *served) adopt(sub *stream.Subscription) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.known = s.depth
	s.sub.Store(sub)
	if !s.settled {
		s.timer = time.AfterFunc(acceptTimeout, func() { s.end(errNeverConnected) })
	}
	return true
}

var errNeverConnected = errors.New("link: the other node did not connect")

func fingerprints(t transportMessage) []rtc.Fingerprint {
	algorithm, value, _ := strings.Cut(t.Fingerprint, " ")
	return []rtc.Fingerprint{{Algorithm: algorithm, Value: value}}
}

// start lets media flow once there is both, a peer that is connected and a tap.
func (s *served) start() {
	if sub := s.sub.Load(); sub != nil && s.ready.Load() {
		sub.Start()
	}
}

// settleLocked notes that nobody waits for the link any more.
func (s *served) settleLocked() {
	if s.timer != nil {
		s.timer.Stop()
	}
	if !s.settled {
		s.settled = true
		s.links.connected()
	}
}

func (s *served) connected() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.settleLocked()
	}
}

// end closes the link without waiting for it.
func (s *served) end(reason error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	s.settleLocked()
	s.ended = true
	s.links.closing.Go(func() { s.close(reason) })
}

// mute tells whether the far end says nothing any more: it may be dead. It is given up when
// the tap does so, or at once where another node needs its place.
func (s *served) mute(now time.Time) bool {
	heard := s.heard.Load()
	return heard != 0 && now.UnixNano()-heard > int64(muteAfter)
}

// setRelease notes the edge that feeds this node. A link that ended while it was opened has not released
// it.
func (s *served) setRelease(release func()) {
	s.mu.Lock()
	s.release = release
	ended := s.ended
	s.mu.Unlock()
	if ended {
		release()
	}
}

// relayed tells whether a link carries another node's stream.
func (s *served) relayed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release != nil
}

func (s *served) close(reason error) {
	s.mu.Lock() // open has left nothing half done
	sub, peer, release := s.sub.Load(), s.peer.Load(), s.release
	s.mu.Unlock()
	if sub != nil {
		sub.Close()
		s.links.ended(s, endReason(reason))
	}
	if peer != nil {
		_ = peer.Close()
	}
	if release != nil {
		release()
	}
	s.links.remove(s)
	close(s.gone)
}

// OnRTP drops what an edge sends: it has nothing to send but feedback.
func (s *served) OnRTP([]byte, time.Time) {}

// OnRTCP passes feedback on to the shard, and answers what is to be told.
func (s *served) OnRTCP(packet []byte) {
	s.heard.Store(time.Now().UnixNano())
	if sub := s.sub.Load(); sub != nil {
		sub.PushRTCP(packet)
		s.tellDepth()
	}
}

var errPeer = errors.New("link: the other node has closed it, or cannot be reached")

// OnState begins when the peer is connected, and ends with it.
func (s *served) OnState(state rtc.State) {
	switch state {
	case rtc.Connected:
		s.ready.Store(true)
		s.connected()
		s.start()
	case rtc.Failed, rtc.Closed:
		s.end(errPeer)
	}
}

// WriteRTP sends a packet. A far end with too many streams needs new keys, so another link.
func (s *served) WriteRTP(p *forwarder.OutPacket) error {
	n, err := p.MarshalTo(s.out.Room())
	if err != nil {
		return err
	}
	if err = s.out.SendRTP(n); errors.Is(err, rtc.ErrTooManyStreams) {
		s.end(err)
	}
	return err
}

// WriteRTCP sends a compound packet.
func (s *served) WriteRTCP(compound []byte) error { return s.out.WriteRTCP(compound) }

// Began does nothing: nobody measures how soon a link carries media.
func (s *served) Began(stream.Beginning) {}

// Bind takes the shard's batch, one that NewBatch of the peer's Transport made.
func (s *served) Bind(b stream.Batch) {
	s.out = s.peer.Load().Writer(b.(*rtc.Batch)) //nolint:forcetypeassert // as the node is wired
}

// Close ends the link soon: its publisher has gone, or the far end says nothing. It does
// not block.
func (s *served) Close(reason error) { s.end(reason) }
