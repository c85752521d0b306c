package sdp

import "github.com/whippet-media/whippet/forwarder/codec"

// A Role says what the offerer wants to be. The zero Role is invalid.
type Role uint8

// The roles of an offerer.
const (
	Publisher  Role = iota + 1 // WHIP: sends to us
	Subscriber                 // WHEP: receives from us
)

// A Setup is a DTLS role (RFC 8842 §5.1). The zero Setup is ActPass.
type Setup uint8

// The DTLS roles a description can hold. Offers hold any, answers never ActPass.
const (
	ActPass Setup = iota // the answerer chooses
	Active               // its sender starts the handshake: DTLS client
	Passive              // its sender waits for it: DTLS server
)

// String returns the role as an a=setup line writes it.
func (s Setup) String() string {
	switch s {
	case Active:
		return "active"
	case Passive:
		return "passive"
	}
	return "actpass"
}

// A Fingerprint is the hash of a certificate the offerer may use (RFC 8122).
type Fingerprint struct {
	Algorithm string // lower case: sha-224, sha-256, sha-384 or sha-512
	Value     string // upper-case hex pairs with colons between
}

// An Offer is a checked WHIP or WHEP offer and what we accept of it. It holds
// at least one accepted section.
type Offer struct {
	Role Role

	// Ufrag and Pwd are the offerer's ICE credentials: those of the
	// offerer-tagged section (RFC 9143 §7.1.2), else the session's.
	Ufrag, Pwd string

	// Fingerprints holds at least one; the certificate must match any.
	Fingerprints []Fingerprint

	// Setup is the DTLS role offered; ActPass where the offer names none.
	Setup Setup

	// Lite tells that the offerer is an ICE-lite agent: we control.
	Lite bool

	// Candidates are the offerer's, each "candidate:…" without extensions,
	// on component 1, UDP, with an IP address. All others were dropped: names
	// (also .local ones) are never resolved, TCP is only ever opened towards us.
	Candidates []string

	// Sections are all m= sections of the offer, in its order.
	Sections []Section

	bundle []string // mids of the accepted and idle sections in their BUNDLE group's order, nil without group
	mixed  bool     // extmap-allow-mixed at session level
}

// A Section is one m= section of an offer and what we accept of it.
type Section struct {
	// MID is the section's identification (RFC 9143 §15). It is "0" for a lone
	// section that has none, and may be "" in a section that is not accepted.
	MID string

	Media string     // "audio", "video", "application", …
	Kind  codec.Kind // 0 for anything but audio and video
	Proto string     // as offered, e.g. "UDP/TLS/RTP/SAVPF"

	// Accepted tells whether the section carries media. The others are answered
	// with port 0, but for one whose transport the accepted ones share: that is
	// kept without media. Of them only MID, Media, Kind and Proto are set.
	Accepted bool

	// Codecs are what both sides know, in the offer's order: one payload type
	// for each codec.Format, at least one.
	Codecs []Codec

	// Extensions are the header extensions the answer keeps, in the offer's
	// order. Publishers': all we consume or forward. Subscribers': those that
	// are forwarded, and transport-cc.
	Extensions []Extension

	// Mixed tells that one-byte and two-byte header extensions may alternate
	// within a stream (RFC 8285 §6).
	Mixed bool

	// SSRCs are the publisher's declared media SSRCs, in order, without those
	// of repair and error-correction streams; often empty.
	SSRCs []uint32

	// Repairs maps an RTX SSRC to the media SSRC it repairs (FID groups).
	Repairs map[uint32]uint32

	// RIDs are the publisher's encodings, in the order of the simulcast line,
	// or of the rid lines where there is none; at most 8.
	RIDs []RID

	// Simulcast is the list the publisher offers to send ("hi,hi2;~lo"), less
	// what no rid line declares; "" without simulcast.
	Simulcast string

	midless  bool
	rsize    bool
	idle     bool   // not accepted, yet alive for its transport's sake
	rejected string // what such an m= line repeats: its first format
	rtpmap   string // and that format's rtpmap, "" if none
}

// A Codec is one payload type of a section, with its RTX.
type Codec struct {
	Format codec.Format

	// PT and RTX are the offerer's payload types, 0 to 127; RTX is that of the
	// retransmissions (RFC 4588), 0 if there are none.
	PT, RTX uint8

	// Channels is the channel count of the rtpmap line, 0 where it has none.
	Channels int

	// Fmtp is the offered format parameters, without the sender's own
	// properties (sprop-…); "" if none.
	Fmtp string

	// ParameterSets are the NAL units of sprop-parameter-sets (RFC 6184 §8.1) or
	// sprop-vps, -sps and -pps (RFC 7798 §7.1).
	ParameterSets [][]byte

	// Stereo tells that an Opus offer sends or wants two channels
	// (sprop-stereo=1 or stereo=1).
	Stereo bool

	// Feedback is what both sides will use of the offered RTCP feedback.
	Feedback Feedback

	feedback feedbackSet // what the answer repeats
}

// An Extension is a negotiated RTP header extension (RFC 8285).
type Extension struct {
	ID        uint8 // 1 to 255; the two-byte form is needed from 15 on
	Extension codec.Extension
}

// A RID is one encoding a publisher offers to send (RFC 8851).
type RID struct {
	ID     string
	Paused bool // offered with "~": not sent at the start

	restrictions string
}

// AnswerSetup returns the DTLS role we answer: Passive, so that we choose the
// SRTP profile, unless the offerer insists on Passive.
func (o *Offer) AnswerSetup() Setup {
	if o.Setup == Passive {
		return Active
	}
	return Passive
}

// ParseOffer parses and checks an offer. Errors are *Error. Line ends may be
// CRLF or LF, unknown lines and attributes are ignored, the body is not kept.
func ParseOffer(body []byte, role Role) (*Offer, error) {
	d, err := read(string(body))
	if err != nil {
		return nil, err
	}
	o := &Offer{Role: role, mixed: d.session.mixed}
	for _, step := range []func(*Offer) error{
		d.checkMIDs, d.acceptSections, d.bundle, d.transport, d.negotiate,
	} {
		if err := step(o); err != nil {
			return nil, err
		}
	}
	return o, nil
}
