package sdp

import "github.com/whippet-media/whippet/forwarder/codec"

// An Answer is what the server adds to an offer to answer it.
type Answer struct {
	// Ufrag and Pwd are our ICE credentials, Fingerprint our certificate's hash
	// as an a=fingerprint line holds it: "sha-256 AA:…".
	Ufrag, Pwd, Fingerprint string

	// Setup is our DTLS role, Active or Passive; ActPass stands for
	// Offer.AnswerSetup.
	Setup Setup

	// Candidates are our own, each "candidate:…", in order of preference:
	// clients that take but one take the first, which must be UDP, host, IPv4.
	Candidates []string

	// SessionID is the number of the o= line; its highest bit is ignored
	// (RFC 9429 §5.2.1).
	SessionID uint64

	// Lite says that we are an ICE-lite agent.
	Lite bool

	// NoSimulcast declines simulcast: the publisher then sends one encoding.
	NoSimulcast bool

	// VideoBitrate is what a publisher may send as video, in bits per second; 0: anything.
	VideoBitrate int64

	// Tracks describe what we send to a subscriber, by index of Offer.Sections;
	// missing and zero entries announce no track. Ignored for publishers.
	Tracks []AnswerTrack
}

// An AnswerTrack is what we announce in one section of a subscriber's answer.
type AnswerTrack struct {
	// SSRC and RTXSSRC are the stream's and its retransmissions'; a zero SSRC
	// announces no track, a zero RTXSSRC no retransmissions. RTXSSRC is left out
	// where the section has no RTX.
	SSRC, RTXSSRC uint32

	// StreamID must be the same in all tracks and not "-": browsers group by it.
	// TrackID differs between tracks. CNAME is the RTCP SDES name.
	StreamID, TrackID, CNAME string

	// Source is the format really sent: the section's best match for it is
	// answered first. The zero Format keeps the offer's order.
	Source codec.Format

	// Mono tells that an Opus source is known to have one channel; else stereo
	// is announced.
	Mono bool
}

// Answer writes the answer to o: CRLF line ends, under 8192 bytes for an offer
// of two sections and a dozen candidates of ours. Values in a are trusted and
// must not hold line ends.
func (o *Offer) Answer(a Answer) []byte {
	if a.Setup == ActPass {
		a.Setup = o.AnswerSetup()
	}
	w := writer{o: o, a: a, b: make([]byte, 0, answerBytes)}
	w.session()
	for i := range o.Sections {
		switch s := &o.Sections[i]; {
		case s.Accepted:
			w.accepted(i)
		case s.idle:
			w.idle(i)
		default:
			w.declined(s)
		}
	}
	return w.b
}
