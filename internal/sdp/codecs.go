package sdp

import (
	"slices"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// codecs returns the payload types we forward, in the offer's order, each with
// its RTX: the first of each format, since more of the same say nothing new.
func (m *media) codecs() []Codec {
	repair := m.repairTypes()
	var out []Codec
	for _, t := range m.types {
		c, ok := t.codec(m.kind())
		if !ok || slices.ContainsFunc(out, func(o Codec) bool { return o.Format == c.Format }) {
			continue
		}
		c.RTX = repair[t.pt]
		c.feedback = t.feedback | m.feedback
		out = append(out, c)
	}
	return out
}

// repairTypes maps payload types to their RTX (RFC 4588 §8), 0 for none; PT 0
// itself is G.711's.
func (m *media) repairTypes() (repair [128]uint8) {
	for _, t := range m.types {
		name, _, _ := strings.Cut(t.rtpmap, "/")
		if !strings.EqualFold(name, "rtx") || !t.usable() {
			continue
		}
		apt, _ := param(t.fmtp, "apt")
		if pt, ok := parseUint(apt, 127); ok && repair[pt] == 0 && uint64(t.pt) != pt {
			repair[pt] = t.pt
		}
	}
	return repair
}

// nativeChannels is the only channel count that names the codec we mean: Opus
// always says two (RFC 7587 §4.1), the others have one.
func nativeChannels(name codec.Name) uint64 {
	if name == codec.Opus {
		return 2
	}
	return 1
}

// usable tells whether a payload type is free in a section with rtcp-mux: 64 to
// 95 look like RTCP once the marker bit is set (RFC 5761 §4).
func (t *payloadType) usable() bool { return t.pt < 64 || t.pt > 95 }

// codec returns the payload type as a codec; false if we do not forward it.
func (t *payloadType) codec(kind codec.Kind) (Codec, bool) {
	rtpmap := t.rtpmap
	if rtpmap == "" {
		rtpmap = staticType(t.pt)
	}
	encoding, rest, _ := strings.Cut(rtpmap, "/")
	clock, channels, _ := strings.Cut(rest, "/")
	name, ok := codec.ParseName(encoding)
	rate, _ := parseUint(clock, 1<<32-1)
	if !ok || !t.usable() || name.Kind() != kind || rate != uint64(name.ClockRate()) {
		return Codec{}, false
	}
	n, ok := parseUint(channels, 8)
	if !ok && channels != "" || n != 0 && n != nativeChannels(name) {
		return Codec{}, false
	}
	c := Codec{PT: t.pt, Channels: int(n)}
	if c.Format, ok = parseFormat(name, t.fmtp); !ok {
		return Codec{}, false
	}
	c.Stereo = name == codec.Opus && stereo(t.fmtp)
	// What cannot be read is left out: the stream brings its own.
	c.ParameterSets, _ = codec.SpropNALs(c.Format, t.fmtp)
	c.Fmtp, ok = cleanFmtp(t.fmtp)
	return c, ok
}

// staticType is the rtpmap of a payload type that needs none (RFC 3551 §6).
func staticType(pt uint8) string {
	switch pt {
	case 0:
		return "PCMU/8000"
	case 8:
		return "PCMA/8000"
	case 9:
		return "G722/8000"
	}
	return ""
}

// parseFormat reads what distinguishes formats of one codec from its parameters;
// false if they cannot be read.
func parseFormat(name codec.Name, fmtp string) (codec.Format, bool) {
	f := codec.Format{Name: name}
	switch name {
	case codec.H264:
		return h264Format(fmtp)
	case codec.H265:
		return numberedFormat(f, fmtp, "profile-id", 1) // RFC 7798 §7.1: Main by default
	case codec.VP9:
		return numberedFormat(f, fmtp, "profile-id", 0) // RFC 9628 §6
	case codec.AV1:
		return numberedFormat(f, fmtp, "profile", 0) // AV1 RTP specification §7.2.3
	}
	return f, true
}

func numberedFormat(f codec.Format, fmtp, key string, absent uint16) (codec.Format, bool) {
	f.Profile = absent
	value, ok := param(fmtp, key)
	if !ok {
		return f, true
	}
	n, ok := parseUint(value, 255)
	f.Profile = uint16(n)
	return f, ok
}

// h264Format reads packetization-mode and profile-level-id (RFC 6184 §8.1).
func h264Format(fmtp string) (codec.Format, bool) {
	f := codec.Format{Name: codec.H264, Profile: 0x4200} // Baseline where none is given
	if mode, ok := param(fmtp, "packetization-mode"); ok {
		n, ok := parseUint(mode, 2)
		if !ok {
			return f, false
		}
		f.Mode = uint8(n)
	}
	id, ok := param(fmtp, "profile-level-id")
	if !ok {
		return f, true
	}
	n, err := strconv.ParseUint(id, 16, 32)
	switch {
	case err != nil:
		return f, false
	case len(id) == 6:
		f.Profile = uint16(n >> 8)
	case len(id) == 7:
		// FFmpeg 8.0 prints the constraint flags of "constrained" profiles with
		// one digit too many: 42|200|1f.
		f.Profile = uint16(n>>20)<<8 | 0xe0
	default:
		return f, false
	}
	return f, true
}

func stereo(fmtp string) bool {
	for _, key := range [...]string{"sprop-stereo", "stereo"} {
		if v, _ := param(fmtp, key); v == "1" {
			return true
		}
	}
	return false
}

// param finds a format parameter by its name, in any letter case.
func param(fmtp, key string) (string, bool) {
	for p := range strings.SplitSeq(fmtp, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v), true
		}
	}
	return "", false
}

// cleanFmtp copies the parameters but for the sender's own properties: they say
// what the offerer sends, and repeated in an answer what we send. False if what
// is left cannot be echoed.
func cleanFmtp(fmtp string) (string, bool) {
	var b strings.Builder
	for p := range strings.SplitSeq(fmtp, ";") {
		p = strings.TrimSpace(p)
		if p == "" || len(p) >= 6 && strings.EqualFold(p[:6], "sprop-") {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(';')
		}
		b.WriteString(p)
		if b.Len() > maxFmtp {
			return "", false
		}
	}
	return b.String(), isVisible(b.String())
}
