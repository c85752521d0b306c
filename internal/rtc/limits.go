package rtc

import (
	"time"

	"github.com/whippet-media/whippet/internal/udp"
)

// Every bound of this package, with what it answers.
const (
	// maxDatagram is the largest packet taken from a socket or an ICE-TCP frame.
	// Media keeps to 1,200 bytes or so, DTLS to 1,232; an Ethernet frame has 1,500.
	maxDatagram = udp.MaxDatagram

	// MaxPacket is the largest RTP or RTCP packet that a Writer takes, in bytes.
	MaxPacket = maxDatagram - srtpOverhead

	// maxDTLSQueue bounds the datagrams that wait for one peer's DTLS: a handshake is
	// some ten in each direction, with what is repeated meanwhile.
	maxDTLSQueue = 64

	// maxSTUNQueue bounds the STUN packets that wait for one ICE agent. An agent
	// gets some per second; more is a flood.
	maxSTUNQueue = 64

	// maxEarlyMedia bounds the packets kept between the peer's last handshake
	// message and our keys being in place: a first keyframe, some hundred packets.
	maxEarlyMedia = 256

	// maxSessionAddresses bounds the remote addresses of one session at a time: its
	// candidates, and those it wanders through. The oldest yields to the next.
	// maxAddressesEver bounds all that one generation ever has, as its ICE agent
	// keeps each for good, in a KB or two; further ones are ignored until a restart.
	maxSessionAddresses = 64
	maxAddressesEver    = 1024

	// maxRemoteCandidates bounds the candidates taken from one peer per
	// generation. Browsers send about ten; each costs checks on every local one.
	maxRemoteCandidates = 48

	// maxSSRCs bounds the streams a peer may send, as SRTP keeps a state for each:
	// three encodings with RTX and FEC for a few tracks need a third of it. A
	// peer with more is closed.
	maxSSRCs = 64

	// maxSealedStreams bounds the streams one peer is sent: as many as a peer may send.
	// Over a link they are the encodings of a publisher, and those it began anew.
	maxSealedStreams = maxSSRCs

	// maxPeers bounds a Transport's peers. A peer costs some 100 KB.
	maxPeers = 20_000

	// maxUnsniffed bounds the connections whose first byte has not come; beyond,
	// the one that has waited longest is closed. sniffTimeout is how long one may
	// wait: as long as net/http gives a client for its headers.
	maxUnsniffed = 1024
	sniffTimeout = 10 * time.Second

	// maxHalfOpenTCP bounds the ICE-TCP connections that have not named a session;
	// beyond, the oldest is closed. firstCheckTimeout is how long one may take.
	// maxTCP bounds all of them, maxSessionTCP those of one session.
	maxHalfOpenTCP    = 256
	firstCheckTimeout = 5 * time.Second
	maxTCP            = 10_000
	maxSessionTCP     = 8

	// maxTCPQueue bounds what waits for a slow ICE-TCP peer, in bytes: a large
	// keyframe, or 1.6 s of 2.5 Mbit/s. tcpReserve is kept for STUN and DTLS.
	maxTCPQueue = 512 << 10
	tcpReserve  = 16 << 10

	// certificateLife is how long new sessions get the same certificate.
	certificateLife = 24 * time.Hour

	// handshakeTimeout bounds the DTLS handshake, flightInterval is how often what
	// was not answered is repeated. RFC 6347 §4.2.4.1 would have 1 s, doubled each
	// time, for fear of congestion. But ICE has just measured the way and keeps its
	// consent, a flight is 1 KB or two, and somebody waits for a picture: doubling
	// makes one lost packet in five cost twelve seconds now and then.
	handshakeTimeout = 20 * time.Second
	flightInterval   = 300 * time.Millisecond

	// maxHandshakeBytes bounds what one peer's handshake messages may come to, all
	// told: a handshake of 5 KB with a chain of certificates, repeated ten times.
	maxHandshakeBytes = 64 << 10

	// consentLife is how long what we send to a subscriber may go without an answer
	// to our checks (RFC 7675 §5.1).
	consentLife = 30 * time.Second

	// A pair is abandoned when the peer nominates another one and was not heard on
	// it for silentPair, which is longer than the interval of checks, or did not
	// nominate it for unnominatedPair: browsers do so every 2.5 s at the least.
	silentPair      = 2500 * time.Millisecond
	unnominatedPair = 8 * time.Second

	// reconnectGrace is how long a peer whose ICE-TCP connection ended may take to
	// come back: browsers connect anew within a second or two.
	reconnectGrace = 5 * time.Second

	// replayWindow is how late a packet may come, in packets. A repair without
	// RTX is as late as a round trip: at 30 Mbit/s 600 packets in 200 ms.
	replayWindow = 2048

	// offerCheckInterval is how often the side that offers checks until it is connected,
	// which is when it nominates: between nodes, where a round trip is a few milliseconds.
	// A pair that does not answer maxOfferChecks of them, in 5 s, has failed.
	offerCheckInterval = 20 * time.Millisecond
	maxOfferChecks     = 250

	// livenessInterval is how often authenticated media counts as a sign of life.
	livenessInterval = time.Second

	// maxAddresses bounds the addresses announced per family; each costs every
	// peer a candidate pair per address of its own.
	maxAddresses = 6
)
