package sdp

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A Proposal is an offer of ours to the WHIP or WHEP endpoint of another server. The zero
// Proposal is invalid.
type Proposal struct {
	// Far says what the far end is to be: a Subscriber gets what we send (we are its WHIP
	// client), a Publisher sends to us (we are its WHEP client).
	Far Role

	// Ufrag and Pwd are our ICE credentials, Fingerprint our certificate's hash as an
	// a=fingerprint line holds it, Candidates ours, each "candidate:…": there will be no others.
	Ufrag, Pwd, Fingerprint string
	Candidates              []string

	// SessionID is as in Answer.
	SessionID uint64

	// Sections are what is offered, one or two, each of another kind.
	Sections []Proposed
}

// A Proposed is one section of a Proposal.
type Proposed struct {
	Kind codec.Kind
	MID  string // a token, another one for each section

	// Codecs are offered in this order, at least one; payload types and those of
	// retransmissions differ in all sections. Feedback need not be set: all we know is offered.
	Codecs []Codec

	// Extensions have the same ids in all sections.
	Extensions []Extension

	// Track is what we send; zero where the far end does.
	Track AnswerTrack
}

// Text writes the offer, with CRLF line ends. Values are trusted and must not hold line ends.
func (p *Proposal) Text() []byte {
	o := &Offer{Role: p.Far, mixed: true}
	a := Answer{
		Ufrag: p.Ufrag, Pwd: p.Pwd, Fingerprint: p.Fingerprint, Setup: ActPass,
		Candidates: p.Candidates, SessionID: p.SessionID,
	}
	for _, s := range p.Sections {
		o.Sections = append(o.Sections, s.section())
		o.bundle = append(o.bundle, s.MID)
		a.Tracks = append(a.Tracks, s.Track)
	}
	// What we propose to a far end is what we would answer to its own offer, but that it
	// may choose its role in DTLS.
	w := writer{o: o, a: a, b: make([]byte, 0, answerBytes)}
	w.session()
	for i := range o.Sections {
		w.accepted(i)
	}
	return w.b
}

// section returns the section as an answer would hold it.
func (s *Proposed) section() Section {
	section := Section{
		MID: s.MID, Media: s.Kind.String(), Kind: s.Kind, Proto: "UDP/TLS/RTP/SAVPF", Accepted: true,
		Codecs: slices.Clone(s.Codecs), Extensions: s.Extensions, rsize: true,
	}
	for i := range section.Codecs {
		section.Codecs[i].feedback = s.feedback()
	}
	return section
}

// feedback is all that can be used of a kind: one of the two ways to tell a bitrate is left
// by the answer.
func (s *Proposed) feedback() feedbackSet {
	if s.Kind == codec.Audio {
		return nack | transportCC
	}
	return nack | pli | fir | transportCC | remb
}

// ReadAnswer reads and checks what the far end answered, which is not kept. The result says
// of the far end what its own offer would: its transport, and of each section what both sides
// agreed on, with the payload types that the answer names. Formats are those proposed. Setup is
// never ActPass. Errors are *Error, whose details speak of an offer.
func (p *Proposal) ReadAnswer(body []byte) (*Offer, error) {
	d, err := read(string(body))
	if err != nil {
		return nil, err
	}
	o := &Offer{Role: p.Far, mixed: d.session.mixed}
	for _, step := range []func(*Offer) error{
		func(*Offer) error { return p.identify(d) },
		d.checkMIDs,
		func(o *Offer) error { return p.acceptAnswered(d, o) },
		d.bundle, d.transport, d.negotiate,
	} {
		if err := step(o); err != nil {
			return nil, err
		}
	}
	if o.Setup == ActPass {
		o.Setup = Passive // what an answer without the line means (RFC 4145 §4.1)
	}
	p.restrict(o)
	return o, nil
}

// identify wants the sections of the answer to be those proposed, in the same order (RFC
// 3264 §6), and names those that do not say who they are.
func (p *Proposal) identify(d *description) error {
	if len(d.media) != len(p.Sections) {
		return malformed(CodeMalformedSDP, "The answer does not have the offer's m= sections.")
	}
	for i := range d.media {
		m, s := &d.media[i], &p.Sections[i]
		if m.kind() != s.Kind || m.mid != "" && m.mid != s.MID {
			return malformed(CodeMalformedSDP, "The answer does not have the offer's m= sections.")
		}
		m.mid = s.MID
	}
	return nil
}

// acceptAnswered takes the sections that the answer keeps; at least one must be.
func (p *Proposal) acceptAnswered(d *description, o *Offer) error {
	o.Sections = make([]Section, len(d.media))
	for i := range d.media {
		m, s := &d.media[i], &o.Sections[i]
		*s = m.section()
		if !m.offered() || m.inactive(d) {
			continue
		}
		if err := d.checkDirection(m, o.Role); err != nil {
			return err
		}
		if err := m.accept(s); err != nil {
			return err
		}
		if s.Codecs = p.Sections[i].agreed(s.Codecs); len(s.Codecs) == 0 {
			return unacceptable(CodeUnsupportedCodec, "The answer has no codec of the offer.")
		}
	}
	if o.Section(codec.Audio) == nil && o.Section(codec.Video) == nil {
		return unacceptable(CodeNoMedia, "The answer declines everything.")
	}
	return nil
}

func (m *media) inactive(d *description) bool {
	return m.direction == "inactive" || m.direction == "" && d.session.direction == "inactive"
}

// agreed returns the answered codecs that were proposed, as they were: by payload type first,
// since servers write other profiles behind it than were offered and mean the same.
func (s *Proposed) agreed(answered []Codec) []Codec {
	var all []Codec
	for _, c := range answered {
		i := slices.IndexFunc(s.Codecs, func(o Codec) bool { return o.PT == c.PT && o.Format.Name == c.Format.Name })
		if i < 0 {
			i = slices.IndexFunc(s.Codecs, func(o Codec) bool { return o.Format == c.Format })
		}
		if i < 0 {
			continue
		}
		c.Format = s.Codecs[i].Format
		if s.Codecs[i].RTX == 0 {
			c.RTX = 0
		}
		c.feedback &= s.feedback()
		all = append(all, c)
	}
	return all
}

// restrict drops extensions that were not proposed.
func (p *Proposal) restrict(o *Offer) {
	for i := range o.Sections {
		s := &o.Sections[i]
		s.Extensions = slices.DeleteFunc(s.Extensions, func(e Extension) bool {
			return !slices.Contains(p.Sections[i].Extensions, e)
		})
	}
}
