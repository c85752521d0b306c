package rtc

import (
	"net/netip"
	"time"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Setup is a DTLS role as a=setup writes it (RFC 8842 §5). The zero Setup
// counts as ActPass.
type Setup uint8

// The DTLS roles.
const (
	ActPass Setup = iota // offers only: the answerer chooses
	Active               // DTLS client
	Passive              // DTLS server
)

// String returns the role as SDP writes it.
func (s Setup) String() string {
	switch s {
	case Active:
		return "active"
	case Passive:
		return "passive"
	}
	return "actpass"
}

// A Fingerprint is the hash of a certificate as a=fingerprint writes it (RFC
// 8122 §5): Algorithm "sha-256", Value "AB:CD:…", both in any letter case.
type Fingerprint struct{ Algorithm, Value string }

// A Section is one accepted m-section. Sending peers get SSRCs per section.
type Section struct {
	MID  string
	Kind codec.Kind
}

// A TrackSSRC holds the random SSRCs that a sending peer uses in one section:
// for media and for retransmissions (RFC 4588). All SSRCs of a peer differ.
type TrackSSRC struct {
	MID       string
	SSRC, RTX uint32
}

// A PeerConfig is what an offer says about its sender's transport.
type PeerConfig struct {
	Ufrag, Pwd   string
	Fingerprints []Fingerprint // one of those with the strongest hash must match the certificate; none is an error
	Setup        Setup         // as offered
	Lite         bool          // the offerer is ICE-lite: we do the checks and nominate
	Candidates   []string      // "candidate:…" values; unusable ones are ignored
	Sections     []Section
	Send         bool // true for a subscriber: we send media
	Handler      Handler

	offering bool // see NewOffer
}

// An OfferConfig says what a peer that speaks first is for.
type OfferConfig struct {
	Send    bool    // we send media
	Handler Handler // required
}

// An Answer is what the far end of an offering peer says of its transport.
type Answer struct {
	Ufrag, Pwd   string
	Setup        Setup         // Active: the far end is DTLS's client, and we the server; else we are the client
	Fingerprints []Fingerprint // one of those with the strongest hash must match the certificate; none is an error
	Candidates   []string      // "candidate:…" values; unusable ones are ignored
}

// A Handler gets what a peer receives. OnRTP and OnRTCP are called by the
// goroutine that reads the socket, which all peers share: they must take microseconds.
// No method may block or call Close of the peer. OnRTP and OnRTCP never run at the same
// time for one peer.
type Handler interface {
	// OnRTP gets one decrypted RTP packet, header included, of any SSRC and
	// payload type, and when it was read from its socket: what waits for keys or
	// for its turn did not come all at once. The slice is borrowed until return.
	OnRTP(packet []byte, at time.Time)
	// OnRTCP gets one decrypted RTCP packet, each packet of a compound once and in
	// order. The slice is borrowed until return. Version and length are right, the
	// rest is not checked.
	OnRTCP(packet []byte)
	// OnState gets every change of state in order, one at a time. Closed comes
	// exactly once and last.
	OnState(State)
}

// A State says how a peer's connection stands. It starts as Connecting.
type State uint8

// The states of a peer. Connected and Disconnected may alternate; Failed is
// followed by Closed.
const (
	Connecting   State = iota // no word from the peer yet, or DTLS not done
	Connected                 // ICE and DTLS are done: media may be sent
	Disconnected              // nothing came in for Config.DisconnectedTimeout
	Failed                    // never connected, DTLS refused, or consent lost
	Closed                    // closed by either side, or after Failed
)

// String returns the state in lower case.
func (s State) String() string {
	return [...]string{"connecting", "connected", "disconnected", "failed", "closed"}[min(s, Closed)]
}

// Local is our end of a peer's transport: what an answer says.
type Local struct {
	Ufrag, Pwd  string
	Fingerprint string   // "sha-256 AB:CD:…"
	Setup       Setup    // Active or Passive
	Candidates  []string // "candidate:…" values, UDP host IPv4 first
	Lite        bool     // always false: full ICE connects faster
}

// Stats are counters of a peer since it was made.
type Stats struct {
	RTT                      time.Duration
	Remote                   netip.AddrPort
	Protocol                 string // "udp" or "tcp"
	BytesSent, BytesReceived uint64 // RTP and RTCP; received ones with what SRTP adds
	PacketsSent, PacketsReceived,
	PacketsRejected, // received but refused: not authentic, replayed, malformed
	PacketsNotSent uint64 // of PacketsSent those that the socket refused after all
}
