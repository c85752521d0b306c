package sdp

import (
	"strings"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// section begins the section of an m= line: "media port proto fmt …"
// (RFC 8866 §5.14).
func (d *description) section(value string) error {
	if len(d.media) == maxSections {
		return unacceptable(CodeTooManySections, "The offer has too many m= sections; offer one audio and one video section.")
	}
	name, rest := cutField(value)
	port, rest := cutField(rest)
	proto, rest := cutField(rest)
	port, _, _ = strings.Cut(port, "/")
	n, ok := parseUint(port, 65535)
	if !ok || rest == "" || !isToken(name, "") || !isToken(proto, "/") {
		return malformed(CodeMalformedSDP, "An m= line is not of the form <media> <port> <proto> <format>.")
	}
	d.media = append(d.media, media{name: name, port: uint16(n), proto: proto})
	return d.media[len(d.media)-1].formats(rest)
}

// formats takes the format list of the m= line.
func (m *media) formats(list string) error {
	m.format, _ = cutField(list)
	if !isToken(m.format, "/") {
		return malformed(CodeMalformedSDP, "An m= line names a format that is not a token.")
	}
	if m.kind() == 0 {
		return nil
	}
	for list != "" && len(m.types) < maxFormats {
		var f string
		f, list = cutField(list)
		pt, ok := parseUint(f, 127)
		if !ok {
			return malformed(CodeMalformedSDP, "An m= line names a payload type that is not a number from 0 to 127.")
		}
		if m.index[pt] == 0 {
			m.types = append(m.types, payloadType{pt: uint8(pt)})
			m.index[pt] = uint8(len(m.types))
		}
	}
	return nil
}

func (m *media) kind() codec.Kind {
	switch m.name {
	case "audio":
		return codec.Audio
	case "video":
		return codec.Video
	}
	return 0
}

// offered tells whether the offerer wants the section: with port 0 only if it
// is bundle-only (RFC 9143 §6).
func (m *media) offered() bool { return m.port != 0 || m.bundleOnly }

// setMedia takes an attribute that only sections hold.
func (m *media) setMedia(key, value string) error {
	switch key {
	case "mid":
		if !isToken(value, "") {
			return malformed(CodeMalformedSDP, "A mid is not a token.")
		}
		setOnce(&m.mid, value)
	case "bundle-only":
		m.bundleOnly = true
	case "rtcp-mux", "rtcp-mux-only": // the latter includes the former: RFC 8858 §3
		m.mux = true
	case "rtcp-rsize":
		m.rsize = true
	case "rtpmap", "fmtp", "rtcp-fb":
		m.setType(key, value)
	case "rid":
		m.rid(value)
	case "simulcast":
		setOnce(&m.simulcast, value)
	case "ssrc":
		m.sources.declare(value)
	case "ssrc-group":
		m.sources.group(value)
	}
	return nil
}

// setType takes an attribute of one payload type, "pt value"; those of payload
// types that the m= line does not list are ignored.
func (m *media) setType(key, value string) {
	field, rest := cutField(value)
	if field == "*" && key == "rtcp-fb" {
		m.feedback |= parseFeedback(rest)
		return
	}
	pt, ok := parseUint(field, 127)
	if !ok || m.index[pt] == 0 {
		return
	}
	t := &m.types[m.index[pt]-1]
	switch key {
	case "rtpmap":
		setOnce(&t.rtpmap, rest)
	case "fmtp":
		setOnce(&t.fmtp, rest)
	case "rtcp-fb":
		t.feedback |= parseFeedback(rest)
	}
}
