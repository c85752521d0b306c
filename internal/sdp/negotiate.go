package sdp

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// negotiate settles the accepted sections' extensions, feedback, encodings and
// sources, and keeps ids apart that share the one transport.
func (d *description) negotiate(o *Offer) error {
	var types [128]bool
	ids := make(map[uint8]codec.Extension)
	for i := range o.Sections {
		m, s := &d.media[i], &o.Sections[i]
		if !s.Accepted {
			continue
		}
		s.separateTypes(&types)
		if len(s.Codecs) == 0 {
			return unacceptable(CodeUnsupportedCodec, "Two sections use the same payload types for different codecs.")
		}
		s.Extensions = m.extensions(o.Role, d.session.extmaps, ids)
		s.Mixed = m.mixed || o.mixed
		s.negotiateFeedback()
		if o.Role == Subscriber {
			continue
		}
		s.SSRCs, s.Repairs = m.sources.media(), m.sources.repairs
		if s.Kind == codec.Video {
			if err := m.encodings(s); err != nil {
				return err
			}
		}
	}
	o.fit()
	return nil
}

// separateTypes drops payload types that another section of the bundle already
// uses, since there a payload type has one meaning (RFC 9143 §9.1).
func (s *Section) separateTypes(used *[128]bool) {
	s.Codecs = slices.DeleteFunc(s.Codecs, func(c Codec) bool { return used[c.PT] })
	for i := range s.Codecs {
		c := &s.Codecs[i]
		used[c.PT] = true
		if used[c.RTX] {
			c.RTX = 0
		}
	}
	for _, c := range s.Codecs {
		used[c.RTX] = used[c.RTX] || c.RTX != 0
	}
}

// extensions returns the extensions both sides use, each id and each meaning
// once. ids holds what the bundle's earlier sections use, since an id has one
// meaning in all of them.
func (m *media) extensions(role Role, session []extmap, ids map[uint8]codec.Extension) []Extension {
	var out []Extension
	for _, line := range slices.Concat(m.extmaps, session) {
		e := line.Extension
		other, taken := ids[e.ID]
		if !line.flows(role) || !m.keeps(role, e.Extension) || taken && other != e.Extension || hasExtension(out, e) {
			continue
		}
		ids[e.ID] = e.Extension
		out = append(out, e)
	}
	return out
}

// flows tells whether the line's direction lets the extension go our way.
func (e extmap) flows(role Role) bool {
	switch e.direction {
	case "", "sendrecv":
		return true
	case "sendonly":
		return role == Publisher
	case "recvonly":
		return role == Subscriber
	}
	return false
}

func hasExtension(all []Extension, e Extension) bool {
	return slices.ContainsFunc(all, func(o Extension) bool { return o.ID == e.ID || o.Extension == e.Extension })
}

// keeps tells whether an answer keeps an extension. From a publisher we take all
// we know but the absolute send time, as transport-cc tells more. To a subscriber
// we send what is forwarded, and transport-wide numbers if it reports on them.
func (m *media) keeps(role Role, e codec.Extension) bool {
	if role == Publisher {
		return e != codec.AbsSendTime
	}
	return e.Forwarded() || e == codec.TransportCC && m.wantsTransportCC()
}

func (m *media) wantsTransportCC() bool {
	return m.feedback&transportCC != 0 ||
		slices.ContainsFunc(m.types, func(t payloadType) bool { return t.feedback&transportCC != 0 })
}

// negotiateFeedback settles each codec's feedback. REMB gives way to working
// transport-wide feedback.
func (s *Section) negotiateFeedback() {
	extension := slices.ContainsFunc(s.Extensions, func(e Extension) bool { return e.Extension == codec.TransportCC })
	for i := range s.Codecs {
		c := &s.Codecs[i]
		if c.feedback&transportCC != 0 && extension {
			c.feedback &^= remb
		}
		c.Feedback = c.feedback.usable(extension)
	}
}

// fit drops formats until the answer's codec lines fit maxCodecBytes: those
// least likely to be sent first, of these the last; each section keeps one.
func (o *Offer) fit() {
	total := 0
	for i := range o.Sections {
		for _, c := range o.Sections[i].Codecs {
			total += c.answerBytes()
		}
	}
	for total > maxCodecBytes {
		s, c := o.leastUseful()
		if s == nil {
			return
		}
		total -= s.Codecs[c].answerBytes()
		s.Codecs = slices.Delete(s.Codecs, c, c+1)
	}
}

// leastUseful returns a section with more than one codec and the index of the
// one to drop; nil if every section has but one left.
func (o *Offer) leastUseful() (section *Section, index int) {
	rare := false
	for i := range o.Sections {
		s := &o.Sections[i]
		if len(s.Codecs) < 2 {
			continue
		}
		for c := len(s.Codecs) - 1; c >= 0; c-- {
			if section == nil || !rare && isRare(s.Codecs[c].Format) {
				section, index, rare = s, c, isRare(s.Codecs[c].Format)
			}
		}
	}
	return section, index
}

// isRare tells whether hardly any publisher sends a format.
func isRare(f codec.Format) bool {
	switch f.Name {
	case codec.H264:
		return f.Mode != 1 || f.Profile>>8 == 0xf4 // High 4:4:4
	case codec.VP9, codec.AV1:
		return f.Profile != 0
	}
	return false
}

// answerBytes estimates, from above, the lines of a codec in an answer.
func (c *Codec) answerBytes() int {
	const line, rtx = 48, 56 // rtpmap, fmtp and their line ends; both lines of RTX
	n := line + len(c.Fmtp) + len(opusSubscriber)
	if c.Format.Name != codec.Opus {
		n -= len(opusSubscriber)
	}
	for i, name := range feedbackNames {
		if c.feedback&(1<<i) != 0 {
			n += len("a=rtcp-fb:127 \r\n") + len(name)
		}
	}
	if c.RTX != 0 {
		n += rtx
	}
	return n
}
