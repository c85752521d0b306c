package codec

import "strings"

// A Kind tells audio from video. The zero Kind is invalid.
type Kind uint8

// The kinds of media Whippet forwards.
const (
	Audio Kind = iota + 1
	Video
)

// String returns the kind as SDP writes it: "audio" or "video".
func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// A Name is a codec Whippet forwards. The zero Name is invalid.
type Name uint8

// The codecs Whippet forwards.
const (
	Opus Name = iota + 1
	PCMU
	PCMA
	G722
	H264
	H265
	VP8
	VP9
	AV1
)

type nameInfo struct {
	name  string // as SDP's rtpmap writes it
	kind  Kind
	clock uint32 // RTP clock in Hz
}

// G.722 samples at 16 kHz but its RTP clock is 8 kHz (RFC 3551 §4.5.2).
var names = [...]nameInfo{
	Opus: {"opus", Audio, 48000},
	PCMU: {"PCMU", Audio, 8000},
	PCMA: {"PCMA", Audio, 8000},
	G722: {"G722", Audio, 8000},
	H264: {"H264", Video, 90000},
	H265: {"H265", Video, 90000},
	VP8:  {"VP8", Video, 90000},
	VP9:  {"VP9", Video, 90000},
	AV1:  {"AV1", Video, 90000},
}

// ParseName finds a codec by the encoding name of an rtpmap line, in any letter
// case. It returns false for a codec Whippet does not forward.
func ParseName(s string) (Name, bool) {
	for n := Opus; int(n) < len(names); n++ {
		if strings.EqualFold(names[n].name, s) {
			return n, true
		}
	}
	return 0, false
}

func (n Name) info() nameInfo {
	if n == 0 || int(n) >= len(names) {
		return nameInfo{name: "unknown"}
	}
	return names[n]
}

// String returns the encoding name as rtpmap lines write it, e.g. "H264".
func (n Name) String() string { return n.info().name }

// Kind returns whether the codec is audio or video.
func (n Name) Kind() Kind { return n.info().kind }

// ClockRate returns the RTP clock in Hz: 90000 for video, 48000 for Opus
// (RFC 7587), 8000 for G.711 and G.722 (RFC 3551).
func (n Name) ClockRate() uint32 { return n.info().clock }

// A Format is a codec with those of its parameters that decide whether a
// subscriber can receive what a publisher sends. Formats are comparable; the
// zero Format is invalid.
type Format struct {
	Name Name

	// Profile is profile_idc<<8|profile_iop of profile-level-id for H264
	// (RFC 6184 §8.1), profile-id for H265 and VP9, profile for AV1; 0 else.
	Profile uint16

	// Mode is H264's packetization-mode, 0 to 2; 0 else.
	Mode uint8
}

// A Match says how well a subscriber's format fits a source's. Higher is better.
type Match uint8

// The grades of a match.
const (
	NoMatch    Match = iota // another codec, or a profile that cannot be decoded
	LooseMatch              // the same codec; the profile differs but most decoders take it
	ExactMatch              // the same codec and profile
)

// Receives tells whether a subscriber that offered f can be sent source's
// packets unchanged. H264 must agree in packetization mode, not in profile:
// publishers mislabel it (OBS writes 42e01f for High), so a differing profile is
// a loose match. VP9 and AV1 must agree in profile.
func (f Format) Receives(source Format) Match {
	switch {
	case f.Name != source.Name || f.Mode != source.Mode:
		return NoMatch
	case f.Profile == source.Profile:
		return ExactMatch
	case f.Name == H264 || f.Name == H265:
		return LooseMatch
	}
	return NoMatch
}
