package auth_test

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/whippet-media/whippet/auth"
)

// FuzzGlobAgainstRegexp: a glob allows what the regular expression of the same meaning does.
func FuzzGlobAgainstRegexp(f *testing.F) {
	f.Add("cam-*", "cam-1")
	f.Add("a*b*c", "aXbXbc")
	f.Add("*-*", "-")
	f.Add("studio2", "studio")
	valid := regexp.MustCompile(`^[A-Za-z0-9._*-]{1,128}$`)
	f.Fuzz(func(t *testing.T, glob, name string) {
		grant := auth.Grant{Actions: []auth.Action{auth.Publish}, Streams: []string{glob}}
		want := false
		if valid.MatchString(glob) && name != "" {
			want = regexp.MustCompile(`\A` + strings.ReplaceAll(regexp.QuoteMeta(glob), `\*`, `[^/]*`) + `\z`).MatchString(name)
		}
		if strings.ToValidUTF8(name, "") == name && grant.Allows(auth.Publish, name) != want {
			t.Errorf("%q on %q: %v", glob, name, !want)
		}
	})
}

// FuzzNetwork: a network that is read is written so that it is read again, and it allows its own
// address and none of another family.
func FuzzNetwork(f *testing.F) {
	for _, s := range []string{"10.0.0.0/8", "::ffff:1.2.3.4", "2001:db8::/32", "fe80::1%a", "1.2.3.4/33"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := auth.ParsePrefix(s)
		if err != nil {
			return
		}
		again, err := auth.ParsePrefix(p.String())
		grant := auth.Grant{Prefixes: []netip.Prefix{p}}
		if err != nil || again != p || !grant.AllowsAddress(p.Addr()) || grant.AllowsAddress(netip.Addr{}) {
			t.Errorf("%q is read as %v, then %v, %v", s, p, again, err)
		}
		other := netip.MustParseAddr("2001:db8::1")
		if p.Addr().Is6() {
			other = netip.MustParseAddr("192.0.2.1")
		}
		if grant.AllowsAddress(other) {
			t.Errorf("%q allows %v", s, other)
		}
	})
}

// FuzzForgery: whatever a header says, nothing that is signed by what is public holds, nor
// anything unsigned.
func FuzzForgery(f *testing.F) {
	for _, header := range []string{hs256, `{"alg":"RS256"}`, `{"alg":"none"}`, `{"alg":"HS256","kid":"a"}`, `{"alg":"EdDSA","jwk":{}}`} {
		f.Add(header, "")
	}
	var keys []auth.Key
	var public [][]byte
	for _, alg := range []string{auth.RS256, auth.ES256, auth.EdDSA} {
		pair := realKeys()[alg]
		keys = append(keys, pair.key(f))
		public = append(public, pemOf(f, pair.public()), asJSON(f, pair.jwk))
	}
	v := newVerifier(f, append(keys, auth.Key{Algorithm: auth.HS256, Secret: secret})...)
	f.Fuzz(func(t *testing.T, header, signature string) {
		forged := []string{unsigned(header), sign(header, payload(""), nil), sign(header, payload(""), []byte(signature))}
		for _, secret := range public {
			forged = append(forged, sign(header, payload(""), secret))
		}
		if signature == string(secret) {
			return
		}
		for _, token := range append(forged, b64([]byte(header))+"."+b64([]byte(payload("")))+"."+signature) {
			if grant, err := v.Verify(token, now); err == nil {
				t.Errorf("%s is taken: %+v", token, grant)
			}
		}
	})
}
