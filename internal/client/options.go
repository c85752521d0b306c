package client

import (
	"net/http"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4"
	"github.com/pion/webrtc/v4"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Setup is the DTLS role the offer claims (RFC 8842). The zero value offers both.
type Setup string

// The roles an offer can claim.
const (
	ActPass Setup = "actpass" // the server chooses, as browsers and OBS offer
	Active  Setup = "active"  // this side starts the handshake
	Passive Setup = "passive" // the server starts it, as FFmpeg offers
)

// Options is what publishing and playing share. Only URL is required.
type Options struct {
	// URL of the endpoint, http or https.
	URL string

	// Token is sent as bearer token with every request; "" sends none.
	Token string

	// HTTP carries the requests; nil is a client with named limits of its own.
	// Its CheckRedirect is replaced: a POST follows 307 and 308 only (RFC 9725 §4.5).
	HTTP *http.Client

	// InsecureTLS accepts any certificate of the server. Only for HTTP nil.
	InsecureTLS bool

	// Net is the network media goes through, a vnet in tests; nil is the host's.
	Net transport.Net

	// Setting changes pion's settings before the peer is made; nil changes nothing.
	// The network belongs into Net, or Kill cannot silence it.
	Setting func(*webrtc.SettingEngine)

	// ICEServers are used beside those the server names in Link headers.
	ICEServers []webrtc.ICEServer

	// RelayOnly uses only TURN candidates.
	RelayOnly bool

	// TCPOnly connects by ICE-TCP to the server's passive candidates and uses no UDP.
	TCPOnly bool

	// Setup is the DTLS role offered; "" is ActPass.
	Setup Setup

	// Codecs restricts the offer to these codecs, in this order; nil offers every
	// codec this package knows. A publisher offers what its sources send instead.
	Codecs []codec.Name

	// NoCandidates leaves the offer without candidates, as OBS does.
	NoCandidates bool

	// Trickle POSTs before gathering has ended and sends candidates by PATCH.
	Trickle bool

	// NoRepair offers neither NACK nor RTX.
	NoRepair bool

	// EditOffer changes the text that is POSTed, not the peer's own description;
	// nil changes nothing.
	EditOffer func(sdp string) string

	// Header is added to every request; nil adds nothing.
	Header http.Header

	// OnState is told each change of the peer's state, in order, from one
	// goroutine at a time. It must not call Close or Kill. Nil: nobody is told.
	OnState func(webrtc.PeerConnectionState)

	// OnRTCP is told every RTCP packet that comes in, from pion's goroutines;
	// borrowed until return. Nil: nobody is told.
	OnRTCP func([]rtcp.Packet)
}

// PublishOptions says what to publish and how.
type PublishOptions struct {
	Options

	// Video holds the encodings of the video track: none sends no video, one
	// without a RID is an ordinary track, several are simulcast, whose RIDs must
	// differ. All encodings must have the same codec.
	Video []Encoding

	// Audio is the sound; nil sends none.
	Audio Source

	// Loop starts all sources anew when the last of them has ended; timestamps go
	// on rising. Without it the session's media ends and Ended is closed.
	Loop bool

	// Pace spreads the packets of a frame over the time to the next one. False
	// sends each frame as one burst, as OBS and FFmpeg do.
	Pace bool

	// MTU bounds RTP packets, in bytes with the header; 0 is 1200.
	MTU int

	// OnFrame is told each frame just before its first packet is written, from the
	// source's goroutine. It must not block. Nil: nobody is told.
	OnFrame func(rid string, f Frame)

	// OnKeyframeRequest is told each PLI or FIR that comes in. Sources that can
	// answer (KeyframeRequester) are asked anyway. Nil: nobody is told.
	OnKeyframeRequest func(rid string)

	// IgnoreKeyframeRequests leaves keyframe requests unanswered, as OBS does.
	IgnoreKeyframeRequests bool
}

// An Encoding is one RTP stream of the video track. A publisher owns its
// Source from Publish on and closes it, also when Publish fails.
type Encoding struct {
	RID    string // 1 to 16 letters or digits (RFC 8851); "" only if it is the only one
	Source Source
}

// PlayOptions says what to play and who is told of it.
type PlayOptions struct {
	Options

	// NoVideo and NoAudio leave the section out of the offer.
	NoVideo, NoAudio bool

	// OnRTP is told every media packet in order of arrival, repaired ones too
	// (decapsulated), with the time since the POST was begun. One goroutine per
	// kind. The packet is borrowed until return. Nil: nobody is told.
	OnRTP func(kind codec.Kind, p *rtp.Packet, since time.Duration)

	// OnFrame is told every complete frame in decoding order, one goroutine per
	// kind; Frame.At is the RTP timestamp's distance from the first frame's.
	// Nil: nobody is told.
	OnFrame func(kind codec.Kind, f Frame)

	// Recorder gets every complete frame; nil records nothing. It stays the
	// caller's, to be closed after the Player.
	Recorder *Recorder

	// OnReconnect is told that the server wants this session to be replaced by one at url,
	// an absolute endpoint, or where it was begun if that is "". From one goroutine; it
	// must not call Close or Kill. Nil: the server's events are not asked for.
	OnReconnect func(url string)

	// KeyframeRequests lets the player ask for a keyframe (PLI) when a frame was
	// lost or none has come, at most once a second, as browsers do.
	KeyframeRequests bool
}
