package sdp

import (
	"slices"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// Feedback is a set of RTCP feedback the two ends agreed on.
type Feedback struct {
	NACK        bool // RFC 4585 §6.2.1
	PLI         bool // RFC 4585 §6.3.1
	FIR         bool // RFC 5104 §4.3.1
	TransportCC bool // draft-holmer-rmcat-transport-wide-cc-extensions-01; only with its header extension
	REMB        bool // draft-alvestrand-rmcat-remb; in a codec never together with TransportCC
}

// Feedback returns what any of the section's codecs agreed on.
func (s *Section) Feedback() Feedback {
	var f Feedback
	for _, c := range s.Codecs {
		f = f.with(c.Feedback)
	}
	return f
}

// Formats returns the section's formats by payload type, without RTX.
func (s *Section) Formats() map[uint8]codec.Format {
	formats := make(map[uint8]codec.Format, len(s.Codecs))
	for _, c := range s.Codecs {
		formats[c.PT] = c.Format
	}
	return formats
}

// RepairTypes maps each RTX payload type to the one it repairs.
func (s *Section) RepairTypes() map[uint8]uint8 {
	types := make(map[uint8]uint8, len(s.Codecs))
	for _, c := range s.Codecs {
		if c.RTX != 0 {
			types[c.RTX] = c.PT
		}
	}
	return types
}

// ParameterSets returns what the offer gave of each payload type's parameter sets.
func (s *Section) ParameterSets() map[uint8][][]byte {
	sets := make(map[uint8][][]byte)
	for _, c := range s.Codecs {
		if len(c.ParameterSets) > 0 {
			sets[c.PT] = c.ParameterSets
		}
	}
	return sets
}

// ExtensionsByID returns what the negotiated extension ids mean.
func (s *Section) ExtensionsByID() map[uint8]codec.Extension {
	byID := make(map[uint8]codec.Extension, len(s.Extensions))
	for _, e := range s.Extensions {
		byID[e.ID] = e.Extension
	}
	return byID
}

// ExtensionIDs returns the ids of the negotiated extensions.
func (s *Section) ExtensionIDs() map[codec.Extension]uint8 {
	ids := make(map[codec.Extension]uint8, len(s.Extensions))
	for _, e := range s.Extensions {
		ids[e.Extension] = e.ID
	}
	return ids
}

// Preferring returns the section's codecs with the best receiver of source
// first, an exact match before a loose one, and the others in their order.
// Without a match, or for the zero Format, it is the offer's order. The slice is
// the caller's.
func (s *Section) Preferring(source codec.Format) []Codec {
	codecs := slices.Clone(s.Codecs)
	best, match := 0, codec.NoMatch
	for i, c := range codecs {
		if m := c.Format.Receives(source); m > match {
			best, match = i, m
		}
	}
	chosen := codecs[best]
	copy(codecs[1:best+1], codecs[:best])
	codecs[0] = chosen
	return codecs
}

// Section returns the accepted section of a kind, or nil. There is at most one.
func (o *Offer) Section(k codec.Kind) *Section {
	for i := range o.Sections {
		if s := &o.Sections[i]; s.Accepted && s.Kind == k {
			return s
		}
	}
	return nil
}

// Silence gives up the section of a kind that is accepted, if there is one: it stays for
// its transport's sake and carries nothing.
func (o *Offer) Silence(k codec.Kind) {
	s := o.Section(k)
	if s == nil {
		return
	}
	*s = Section{
		MID: s.MID, Media: s.Media, Kind: s.Kind, Proto: s.Proto,
		midless: s.midless, rsize: s.rsize, rejected: s.rejected, rtpmap: s.rtpmap, idle: true,
	}
}

// MatchSource tells whether a subscriber can be sent a source with these formats
// (one or more alternatives per kind). It returns an *Error that names the codec
// needed where the offer has an accepted section of a kind and the source's
// formats of that kind fit none of its codecs. A kind that is missing on either
// side is no fault: the section stays silent, the track unsent.
func (o *Offer) MatchSource(formats []codec.Format) error {
	for _, k := range [...]codec.Kind{codec.Video, codec.Audio} {
		s := o.Section(k)
		if s == nil || s.receivesAny(formats) {
			continue
		}
		for _, f := range formats {
			if f.Name.Kind() == k {
				return unacceptable(CodeUnsupportedCodec, "The stream's "+k.String()+" is "+describe(f)+", which the offer lacks; nothing is transcoded.")
			}
		}
	}
	return nil
}

// receivesAny tells whether the section takes one of the formats.
func (s *Section) receivesAny(formats []codec.Format) bool {
	for _, f := range formats {
		for _, c := range s.Codecs {
			if c.Format.Receives(f) != codec.NoMatch {
				return true
			}
		}
	}
	return false
}

// describe names a format for people: "H264 with packetization-mode=1".
func describe(f codec.Format) string {
	switch {
	case f.Name == codec.H264:
		return "H264 with packetization-mode=" + string('0'+rune(f.Mode))
	case f.Name == codec.VP9 && f.Profile != 0:
		return "VP9 with profile-id=" + string('0'+rune(f.Profile))
	case f.Name == codec.AV1 && f.Profile != 0:
		return "AV1 with profile=" + string('0'+rune(f.Profile))
	}
	return f.Name.String()
}
