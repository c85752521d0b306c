package sdp

import (
	"strings"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// checkMIDs refuses an offer that gives two sections one mid.
func (d *description) checkMIDs(*Offer) error {
	seen := make(map[string]bool, len(d.media))
	for i := range d.media {
		mid := d.media[i].mid
		if mid != "" && seen[mid] {
			return malformed(CodeMalformedSDP, "Two m= sections have the same mid.")
		}
		seen[mid] = true
	}
	return nil
}

// acceptSections decides which sections carry media. A publisher's sections are
// accepted one and all or the offer is refused (RFC 9725 §4.4.3); a subscriber's
// may be declined one by one as long as one remains.
func (d *description) acceptSections(o *Offer) error {
	o.Sections = make([]Section, len(d.media))
	var reason error
	for i := range d.media {
		m, s := &d.media[i], &o.Sections[i]
		*s = m.section()
		if s.Kind == 0 || !m.offered() {
			continue
		}
		if o.Section(s.Kind) != nil {
			if o.Role == Publisher {
				return unacceptable(CodeTooManySections, "The offer has more than one "+s.Kind.String()+" section; offer at most one audio and one video section.")
			}
			continue
		}
		if err := d.checkDirection(m, o.Role); err != nil {
			return err
		}
		if err := m.accept(s); err != nil {
			reason = err
			if o.Role == Publisher {
				return err
			}
		}
	}
	if o.Section(codec.Audio) != nil || o.Section(codec.Video) != nil {
		return nil
	}
	if reason != nil {
		return reason
	}
	return unacceptable(CodeNoMedia, "The offer has no active audio or video section; offer at least one.")
}

// section returns what a declined section's answer needs.
func (m *media) section() Section {
	s := Section{
		MID:      strings.Clone(m.mid),
		Media:    strings.Clone(m.name),
		Kind:     m.kind(),
		Proto:    strings.Clone(m.proto),
		midless:  m.mid == "",
		rejected: strings.Clone(m.format),
	}
	if len(m.types) > 0 && len(m.types[0].rtpmap) <= maxToken && isVisible(m.types[0].rtpmap) {
		s.rtpmap = strings.Clone(m.types[0].rtpmap)
	}
	return s
}

// checkDirection wants a publisher to send and a subscriber to receive
// (RFC 9725 §4.2; WHEP §4.3.6). No direction means sendrecv (RFC 8866 §6.7).
func (d *description) checkDirection(m *media, role Role) error {
	direction := m.direction
	if direction == "" {
		direction = d.session.direction
	}
	if direction == "" || direction == "sendrecv" {
		return nil
	}
	if role == Publisher && direction != "sendonly" {
		return unacceptable(CodeWrongDirection, "A publisher's sections must be sendonly or sendrecv.")
	}
	if role == Subscriber && direction != "recvonly" {
		return unacceptable(CodeWrongDirection, "A subscriber's sections must be recvonly or sendrecv.")
	}
	return nil
}

// accept accepts the section, or says why it cannot be.
func (m *media) accept(s *Section) error {
	if !isRTPOverDTLS(m.proto) {
		return unacceptable(CodeUnsupportedTransport, "The "+m.name+" section's transport is not DTLS-SRTP; offer UDP/TLS/RTP/SAVPF.")
	}
	codecs := m.codecs()
	if len(codecs) == 0 {
		return unacceptable(CodeUnsupportedCodec, "The "+m.name+" section has no codec this server forwards; offer "+forwardable(s.Kind)+".")
	}
	s.Codecs = codecs
	s.Accepted = true
	if s.midless {
		s.MID = "0" // only a lone section may lack one: see bundle
	}
	s.rsize = m.rsize
	return nil
}

// isRTPOverDTLS knows the protocols of RFC 9429 §5.1.2, which all mean the same
// here.
func isRTPOverDTLS(proto string) bool {
	switch strings.ToUpper(proto) {
	case "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP", "RTP/SAVPF", "RTP/SAVP":
		return true
	}
	return false
}

// isDataOverDTLS knows the protocols of data channels (RFC 8841 §4.1).
func isDataOverDTLS(proto string) bool {
	return strings.EqualFold(proto, "UDP/DTLS/SCTP") || strings.EqualFold(proto, "TCP/DTLS/SCTP")
}

// forwardable names the codecs of a kind for people: "H264, H265, …".
func forwardable(k codec.Kind) string {
	var names []string
	for n := codec.Opus; n.Kind() != 0; n++ {
		if n.Kind() == k {
			names = append(names, n.String())
		}
	}
	return strings.Join(names, ", ")
}

// bundle wants all accepted sections in one BUNDLE group, each with rtcp-mux
// (RFC 9725 §4.4.1). Members of the group that the offer lacks are tolerated.
func (d *description) bundle(o *Offer) error {
	accepted, muxed := 0, false
	for i := range o.Sections {
		if o.Sections[i].Accepted {
			accepted++
			muxed = muxed || d.media[i].mux
		}
	}
	for i := range o.Sections {
		// A bundle-only section shares the mux of the section it is bundled with.
		if m := &d.media[i]; o.Sections[i].Accepted && !m.mux && !(m.bundleOnly && muxed) {
			return unacceptable(CodeNoRTCPMux, "Every audio and video section must have a=rtcp-mux.")
		}
	}
	for _, group := range d.groups {
		if len(o.members(group)) == accepted {
			d.idleTagged(o, group)
			o.bundle = o.members(group)
			return nil
		}
	}
	if accepted > 1 {
		return unacceptable(CodeNotBundled, "All audio and video sections must be in one BUNDLE group; use the bundle policy max-bundle.")
	}
	return nil
}

// idleTagged keeps the group's first section alive without media where it is not
// accepted: all sections of the group share its transport, and a browser with
// the policy max-bundle fails the whole answer if it is declined ("Failed to
// setup RTCP mux").
func (d *description) idleTagged(o *Offer, group []string) {
	for _, mid := range group {
		for i := range o.Sections {
			if m, s := &d.media[i], &o.Sections[i]; m.mid == mid && m.offered() {
				s.idle = !s.Accepted && (isRTPOverDTLS(s.Proto) || isDataOverDTLS(s.Proto))
				return
			}
		}
	}
}

// members returns the mids of group that belong to accepted or idle sections,
// each once, in the group's order.
func (o *Offer) members(group []string) []string {
	var mids []string
	used := make([]bool, len(o.Sections))
	for _, mid := range group {
		for i := range o.Sections {
			s := &o.Sections[i]
			if (s.Accepted || s.idle) && !s.midless && s.MID == mid && !used[i] {
				used[i] = true
				mids = append(mids, s.MID)
			}
		}
	}
	return mids
}

// tagged returns the index of the section whose transport all share: the first
// of the BUNDLE group (RFC 9143 §7.1.2), else the only accepted one.
func (o *Offer) tagged() int {
	for i := range o.Sections {
		s := &o.Sections[i]
		if o.bundle == nil && s.Accepted || o.bundle != nil && !s.midless && s.MID == o.bundle[0] {
			return i
		}
	}
	return 0
}
