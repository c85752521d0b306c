package sdp

import (
	"slices"
	"strings"
)

// transport takes ICE and DTLS parameters. All sections share one transport, so
// they are those of the tagged section, else the session's, else whichever
// section has them.
func (d *description) transport(o *Offer) error {
	levels := d.levels(o)
	if err := o.credentials(levels); err != nil {
		return err
	}
	if err := o.fingerprints(levels); err != nil {
		return err
	}
	o.candidates(levels)
	o.Lite = d.session.lite
	return o.setup(first(levels, func(a *attributes) string { return a.setup }))
}

// levels lists where transport attributes are looked for, in order.
func (d *description) levels(o *Offer) []*attributes {
	tagged := o.tagged()
	levels := []*attributes{&d.media[tagged].attributes, &d.session}
	for i := range d.media {
		if i != tagged && o.Sections[i].Accepted {
			levels = append(levels, &d.media[i].attributes)
		}
	}
	return levels
}

func first(levels []*attributes, value func(*attributes) string) string {
	for _, a := range levels {
		if v := value(a); v != "" {
			return v
		}
	}
	return ""
}

func (o *Offer) credentials(levels []*attributes) error {
	ufrag := first(levels, func(a *attributes) string { return a.ufrag })
	pwd := first(levels, func(a *attributes) string { return a.pwd })
	if ufrag == "" || pwd == "" {
		return malformed(CodeNoICECredentials, "The offer has no a=ice-ufrag and a=ice-pwd.")
	}
	if !isCredential(ufrag, minUfrag) || !isCredential(pwd, minPwd) {
		return malformed(CodeNoICECredentials, badCredentials)
	}
	o.Ufrag, o.Pwd = strings.Clone(ufrag), strings.Clone(pwd)
	return nil
}

const badCredentials = "The ICE credentials are not valid: a ufrag has 4 to 256 characters, a password 22 to 256."

// isCredential checks length and characters. RFC 8839 §5.4 allows letters,
// digits, "+" and "/"; other visible characters are tolerated, but for the colon
// that parts the two ufrags of a USERNAME.
func isCredential(s string, least int) bool {
	if len(s) < least || len(s) > maxCred {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || s[i] == ':' {
			return false
		}
	}
	return true
}

func (o *Offer) setup(value string) error {
	switch strings.ToLower(value) {
	case "actpass", "": // RFC 8842 §5.1 wants it written; without it we may choose
		o.Setup = ActPass
	case "active":
		o.Setup = Active
	case "passive":
		o.Setup = Passive
	default:
		return unacceptable(CodeUnsupportedSetup, "The DTLS role offered must be actpass, active or passive.")
	}
	return nil
}

// fingerprints keeps the first level's that has any.
func (o *Offer) fingerprints(levels []*attributes) error {
	for _, a := range levels {
		for _, value := range a.fingerprints {
			f, ok, err := parseFingerprint(value)
			if err != nil {
				return err
			}
			if ok {
				o.Fingerprints = append(o.Fingerprints, f)
			}
		}
		if len(o.Fingerprints) > 0 {
			return nil
		}
		if len(a.fingerprints) > 0 {
			return unacceptable(CodeUnsupportedFingerprint, "No fingerprint has a hash this server trusts; offer sha-256.")
		}
	}
	return malformed(CodeNoFingerprint, "The offer has no a=fingerprint.")
}

// parseFingerprint reads "sha-256 AA:BB:…" (RFC 8122 §5); ok is false for hashes
// that are unknown or too weak.
func parseFingerprint(value string) (f Fingerprint, ok bool, err error) {
	algorithm, hash := cutField(value)
	sizes := map[string]int{"sha-224": 28, "sha-256": 32, "sha-384": 48, "sha-512": 64}
	size, ok := sizes[strings.ToLower(algorithm)]
	if !ok {
		return Fingerprint{}, false, nil
	}
	if !isHexPairs(hash, size) {
		return Fingerprint{}, false, malformed(CodeNoFingerprint, "A fingerprint is not a hash in hexadecimal pairs of the right length.")
	}
	return Fingerprint{strings.ToLower(algorithm), strings.Clone(strings.ToUpper(hash))}, true, nil
}

func isHexPairs(s string, n int) bool {
	if len(s) != 3*n-1 {
		return false
	}
	for i := range len(s) {
		if i%3 == 2 {
			if s[i] != ':' {
				return false
			}
		} else if strings.IndexByte("0123456789abcdefABCDEF", s[i]) < 0 {
			return false
		}
	}
	return true
}

// candidates keeps what can be used; what cannot never fails an offer.
func (o *Offer) candidates(levels []*attributes) {
	for _, a := range levels {
		for _, value := range a.candidates {
			c, verdict := parseCandidate(value)
			if verdict != usable || c.ufrag != "" && c.ufrag != o.Ufrag {
				continue
			}
			if text := c.String(); len(o.Candidates) < maxCandidates && !slices.Contains(o.Candidates, text) {
				o.Candidates = append(o.Candidates, text)
			}
		}
	}
}
