package sdp

import (
	"errors"
	"slices"
	"strings"
)

// A Fragment is a trickle-ice-sdpfrag body from a client (RFC 8840 §9), in any
// of the dialects in use.
type Fragment struct {
	// Ufrag and Pwd are the client's credentials; both are "" where the fragment
	// has none, which means the current ones. Changed ones ask for an ICE restart
	// (RFC 9725 §4.3.3).
	Ufrag, Pwd string

	// Candidates are as Offer.Candidates, but keep a trailing "ufrag …": use
	// CandidatesFor. Hopeless ones were dropped, so it may be empty.
	Candidates []string

	// EndOfCandidates tells that the client will send no more in this generation.
	EndOfCandidates bool

	// MIDs are the sections the fragment names, each once.
	MIDs []string
}

// A fragmentReader gathers a fragment line by line.
type fragmentReader struct {
	Fragment
	lines    int // candidate lines
	readable int // those of them that could be read
}

// ParseFragment parses a fragment. A fragment with neither credentials,
// candidates nor end-of-candidates, or whose candidates are all unreadable, is
// malformed; candidates that were understood and are of no use are dropped.
func ParseFragment(body []byte) (*Fragment, error) {
	var r fragmentReader
	s := scanner{rest: string(body)}
	for {
		l, ok, err := s.next()
		if err != nil {
			return nil, asFragmentError(err)
		}
		if !ok {
			break
		}
		if err := r.line(l); err != nil {
			return nil, err
		}
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	return &r.Fragment, nil
}

// asFragmentError gives the scanner's errors the code of fragments.
func asFragmentError(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Code == CodeMalformedSDP {
		return malformed(CodeMalformedFragment, e.Detail)
	}
	return err
}

func (r *fragmentReader) line(l line) error {
	key, value, _ := strings.Cut(l.value, ":")
	value = strings.TrimLeft(value, " ")
	if l.kind != 'a' {
		return nil // the dialects disagree on the m= line; the mid decides
	}
	switch key {
	case "ice-ufrag":
		setOnce(&r.Ufrag, value)
	case "ice-pwd":
		setOnce(&r.Pwd, value)
	case "end-of-candidates":
		r.EndOfCandidates = true
	case "mid":
		return r.mid(value)
	case "candidate":
		r.candidate(value)
	}
	return nil
}

func (r *fragmentReader) mid(mid string) error {
	if !isToken(mid, "") {
		return malformed(CodeMalformedFragment, "A mid is not a token.")
	}
	if slices.Contains(r.MIDs, mid) {
		return nil
	}
	if len(r.MIDs) == maxSections {
		return unacceptable(CodeTooManySections, "The fragment names too many sections.")
	}
	r.MIDs = append(r.MIDs, strings.Clone(mid))
	return nil
}

func (r *fragmentReader) candidate(value string) {
	r.lines++
	if r.lines > 2*maxCandidates {
		return
	}
	c, verdict := parseCandidate(value)
	if verdict != unreadable {
		r.readable++
	}
	if verdict != usable || len(r.Candidates) == maxCandidates {
		return
	}
	text := c.String()
	if c.ufrag != "" {
		text += ufragSeparator + c.ufrag
	}
	if !slices.Contains(r.Candidates, text) {
		r.Candidates = append(r.Candidates, text)
	}
}

// ufragSeparator stands between a candidate and the ufrag of its generation.
const ufragSeparator = " ufrag "

func (r *fragmentReader) check() error {
	switch {
	case r.lines > 0 && r.readable == 0:
		return malformed(CodeMalformedFragment, "No a=candidate line could be read.")
	case r.lines == 0 && r.Ufrag == "" && r.Pwd == "" && !r.EndOfCandidates:
		return malformed(CodeMalformedFragment, "The body has no credentials, candidates or end-of-candidates: it is not an ICE fragment.")
	case r.Ufrag == "" && r.Pwd == "":
		return nil
	case !isCredential(r.Ufrag, minUfrag) || !isCredential(r.Pwd, minPwd):
		return malformed(CodeMalformedFragment, badCredentials)
	}
	r.Ufrag, r.Pwd = strings.Clone(r.Ufrag), strings.Clone(r.Pwd)
	return nil
}

// CandidatesFor returns the candidates of the generation with this client
// ufrag: those that name no other one (RFC 8840 §4.4), without their ufrag.
func (f *Fragment) CandidatesFor(ufrag string) []string {
	var out []string
	for _, c := range f.Candidates {
		text, generation, named := strings.Cut(c, ufragSeparator)
		if !named || generation == ufrag {
			out = append(out, text)
		}
	}
	return out
}

// CheckMIDs returns an *Error with CodeUnknownMID if the fragment names a
// section the offer does not have.
func (f *Fragment) CheckMIDs(o *Offer) error {
	for _, mid := range f.MIDs {
		if !slices.ContainsFunc(o.Sections, func(s Section) bool { return s.MID == mid }) {
			return malformed(CodeUnknownMID, "The fragment names a mid that the session does not have.")
		}
	}
	return nil
}

// WriteFragment writes the body that answers an ICE restart (RFC 9725 §4.3.3):
// the options of the answer, our new credentials and candidates, under the
// section that holds the transport. Of a, only Ufrag, Pwd, Candidates and Lite
// are used.
func WriteFragment(o *Offer, a Answer) []byte {
	w := writer{o: o, a: a}
	s := &o.Sections[o.tagged()]
	w.iceOptions()
	w.group()
	w.mediaLine(s, "9", s.Codecs)
	w.mid(s)
	w.credentials()
	w.candidates()
	return w.b
}
