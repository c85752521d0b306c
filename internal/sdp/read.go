package sdp

import (
	"strings"

	"github.com/whippet-media/whippet/forwarder/codec"
)

// A description is an offer's text taken apart, nothing decided yet. Its strings
// point into the body; what is kept of them is copied.
type description struct {
	session attributes
	media   []media
	groups  [][]string // BUNDLE groups

	version, origin, name bool // mandatory lines seen
	bundled               int  // mids read of all groups
}

// attributes are what may stand at session and at media level.
type attributes struct {
	ufrag, pwd, setup string
	direction         string
	fingerprints      []string
	candidates        []string
	extmaps           []extmap
	extmapLines       int
	lite, mixed       bool
}

// An extmap is an extmap line (RFC 8285 §8) whose URI is known.
type extmap struct {
	Extension
	direction string
}

// A media is one m= section taken apart.
type media struct {
	attributes
	name, proto string
	port        uint16
	format      string // the first one
	mid         string
	bundleOnly  bool
	mux, rsize  bool

	types     []payloadType
	index     [128]uint8 // payload type → 1 + its place in types
	feedback  feedbackSet
	rids      []ridLine
	simulcast string
	sources   sources
}

// A payloadType is one format of an audio or video section.
type payloadType struct {
	pt           uint8
	rtpmap, fmtp string
	feedback     feedbackSet
}

// read walks the body once.
func read(body string) (*description, error) {
	d := &description{}
	s := scanner{rest: body}
	for {
		l, ok, err := s.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			return d, d.complete()
		}
		if err := d.line(l); err != nil {
			return nil, err
		}
	}
}

func (d *description) line(l line) error {
	if !d.version && l != (line{'v', "0"}) {
		return malformed(CodeMalformedSDP, "The body does not begin with v=0.")
	}
	switch l.kind {
	case 'v':
		d.version = true
	case 'o':
		if len(strings.Fields(l.value)) != 6 { // RFC 8866 §5.2
			return malformed(CodeMalformedSDP, "The o= line does not have six fields.")
		}
		d.origin = true
	case 's':
		d.name = true
	case 'm':
		return d.section(l.value)
	case 'a':
		key, value, _ := strings.Cut(l.value, ":")
		return d.attribute(key, strings.TrimLeft(value, " "))
	}
	return nil
}

func (d *description) complete() error {
	if !d.version || !d.origin || !d.name {
		return malformed(CodeMalformedSDP, "The body is not a session description: v=, o= or s= is missing.")
	}
	return nil
}

func (d *description) attribute(key, value string) error {
	if len(d.media) == 0 {
		if key == "group" {
			d.group(value)
			return nil
		}
		d.session.set(key, value)
		return nil
	}
	m := &d.media[len(d.media)-1]
	if m.set(key, value) {
		return nil
	}
	return m.setMedia(key, value)
}

func (d *description) group(value string) {
	semantics, rest := cutField(value)
	if !strings.EqualFold(semantics, "BUNDLE") {
		return
	}
	var mids []string
	for rest != "" && d.bundled < maxBundled {
		var mid string
		mid, rest = cutField(rest)
		mids = append(mids, mid)
		d.bundled++
	}
	if len(mids) > 0 {
		d.groups = append(d.groups, mids)
	}
}

// set takes an attribute that either level may hold; the first one counts. It
// returns false for any other attribute.
func (a *attributes) set(key, value string) bool {
	switch key {
	case "ice-ufrag":
		setOnce(&a.ufrag, value)
	case "ice-pwd":
		setOnce(&a.pwd, value)
	case "setup":
		setOnce(&a.setup, value)
	case "sendrecv", "sendonly", "recvonly", "inactive":
		setOnce(&a.direction, key)
	case "fingerprint":
		if len(a.fingerprints) < maxFingerprints {
			a.fingerprints = append(a.fingerprints, value)
		}
	case "candidate":
		// The bound is on lines looked at, twice that of candidates kept.
		if len(a.candidates) < 2*maxCandidates {
			a.candidates = append(a.candidates, value)
		}
	case "extmap":
		a.extension(value)
	case "extmap-allow-mixed":
		a.mixed = true
	case "ice-lite":
		a.lite = true
	default:
		return false
	}
	return true
}

func setOnce(s *string, value string) {
	if *s == "" {
		*s = value
	}
}

// extension takes "id[/direction] uri [attributes]" if the URI is known.
func (a *attributes) extension(value string) {
	if a.extmapLines++; a.extmapLines > maxExtensions {
		return
	}
	id, rest := cutField(value)
	id, direction, _ := strings.Cut(id, "/")
	uri, _ := cutField(rest)
	n, ok := parseUint(id, 255)
	e := codec.ParseExtension(uri)
	// 15 means something else in the one-byte form (RFC 8285 §4.2).
	if !ok || n == 0 || n == 15 || e == 0 {
		return
	}
	a.extmaps = append(a.extmaps, extmap{Extension{ID: uint8(n), Extension: e}, direction})
}
