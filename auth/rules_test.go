package auth_test

import (
	"crypto/ed25519"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/auth"
)

const badSignature = "unknown key or wrong signature"

func wantRefused(t *testing.T, v *auth.Verifier, name, token, reason string) {
	t.Helper()
	if _, err := v.Verify(token, now); err == nil || err.Error() != reason || !errors.Is(err, auth.ErrInvalid) {
		t.Errorf("%s: %v, want %q", name, err, reason)
	}
}

// TestJ1NoneIsNoAlgorithm, whatever keys there are.
func TestJ1NoneIsNoAlgorithm(t *testing.T) {
	for alg, p := range realKeys() {
		v := newVerifier(t, p.key(t))
		for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
			wantRefused(t, v, alg+" "+none, unsigned(`{"alg":"`+none+`"}`), badSignature)
			wantRefused(t, v, alg+" signed "+none, signAs(t, alg, `{"alg":"`+none+`"}`, payload(""), secretOrPrivate(p)), badSignature)
		}
		token := p.sign(t, alg, "")
		wantRefused(t, v, alg+" cut", token[:strings.LastIndexByte(token, '.')+1], badSignature)
	}
}

// TestJ5HeadersChooseNoKey: a header that brings its own key, or the place of one, is of
// no use.
func TestJ5HeadersChooseNoKey(t *testing.T) {
	ours, theirs := realKeys()[auth.ES256], ecPair(elliptic.P256(), "P-256")
	v := newVerifier(t, ours.key(t))
	for name, member := range map[string]string{
		"jwk":      `"jwk":` + string(asJSON(t, theirs.jwk)),
		"jku":      `"jku":"http://127.0.0.1:1/jwks.json"`,
		"x5u":      `"x5u":"http://127.0.0.1:1/c.pem"`,
		"x5c":      `"x5c":["YQ=="]`,
		"kid path": `"kid":"../../etc/passwd"`,
		"kid SQL":  `"kid":"' OR 1=1 --"`,
		"kid URL":  `"kid":"http://127.0.0.1:1/"`,
	} {
		header := `{"alg":"ES256",` + member + `}`
		wantRefused(t, v, name, signAs(t, auth.ES256, header, payload(""), theirs.private), badSignature)
		if strings.HasPrefix(name, "kid") {
			wantRefused(t, v, name+" with our key", signAs(t, auth.ES256, header, payload(""), ours.private), badSignature)
		}
	}
}

// TestJ7Type: with a type set, the tokens of other systems do not work.
func TestJ7Type(t *testing.T) {
	v, err := auth.NewVerifier(auth.Options{
		Audience: "whippet", Type: "whippet+jwt", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: secret}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{`"at+jwt"`, `"JWT"`, `""`, `null`, `5`, `["whippet+jwt"]`} {
		wantRefused(t, v, typ, sign(`{"alg":"HS256","typ":`+typ+`}`, payload(""), secret), "of another type")
	}
	wantRefused(t, v, "none", sign(`{"alg":"HS256"}`, payload(""), secret), "of another type")
	for _, typ := range []string{"whippet+jwt", "Whippet+JWT", "application/whippet+jwt"} {
		if _, err := v.Verify(sign(`{"alg":"HS256","typ":"`+typ+`"}`, payload(""), secret), now); err != nil {
			t.Errorf("%s: %v", typ, err)
		}
	}
	token, err := auth.Signer{Type: "whippet+jwt", Algorithm: auth.HS256, Secret: secret}.Mint(claims())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(token, now); err != nil {
		t.Errorf("minted: %v", err)
	}
	if _, err := newVerifier(t).Verify(sign(`{"alg":"HS256","typ":"at+jwt"}`, payload(""), secret), now); err != nil {
		t.Errorf("no type set: %v", err)
	}
}

// TestJ8KeysOfAnIssuer check its tokens only, and it needs its own.
func TestJ8KeysOfAnIssuer(t *testing.T) {
	a, b, free := realKeys()[auth.ES256], realKeys()[auth.RS256], realKeys()[auth.EdDSA]
	key := func(p keyPair, issuer string) auth.Key {
		k := p.key(t)
		k.Issuer, k.ID = issuer, "1"
		return k
	}
	v := newVerifier(t, key(a, "https://a.example"), key(b, "https://b.example"), key(free, ""))
	for _, test := range []struct {
		pair keyPair
		alg  string
		iss  string
		ok   bool
	}{
		{a, auth.ES256, `"iss":"https://a.example"`, true},
		{b, auth.RS256, `"iss":"https://b.example"`, true},
		{a, auth.ES256, `"iss":"https://b.example"`, false},
		{b, auth.RS256, `"iss":"https://a.example"`, false},
		{a, auth.ES256, `"iss":"https://a.example/"`, false},
		{a, auth.ES256, `"iss":"HTTPS://a.example"`, false},
		{a, auth.ES256, ``, false},
		{a, auth.ES256, `"iss":""`, false},
		{free, auth.EdDSA, ``, true},
		{free, auth.EdDSA, `"iss":"https://c.example"`, true},
		{free, auth.EdDSA, `"iss":"https://a.example"`, false},
	} {
		for _, kid := range []string{``, `,"kid":"1"`} {
			token := signAs(t, test.alg, `{"alg":"`+test.alg+`"`+kid+`}`, payload(test.iss), test.pair.private)
			grant, err := v.Verify(token, now)
			if (err == nil) != test.ok {
				t.Errorf("%s %s %s: %v", test.alg, test.iss, kid, err)
			}
			if err == nil && test.iss != "" && !strings.Contains(test.iss, `"`+grant.Issuer+`"`) {
				t.Errorf("%s: granted as of %q", test.iss, grant.Issuer)
			}
		}
	}
	wantRefused(t, v, "iss list", signAs(t, auth.EdDSA, `{"alg":"EdDSA"}`, payload(`"iss":["https://a.example"]`), free.private), "malformed")
	missing, err := auth.NewVerifier(auth.Options{
		Audience: "whippet", Keys: []auth.Key{key(free, "")}, Issuers: []string{"https://a.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, missing, "no key yet", free.sign(t, auth.EdDSA, `"iss":"https://a.example"`), badSignature)
	only := newVerifier(t, key(a, "https://a.example"))
	wantRefused(t, only, "iss missing", a.sign(t, auth.ES256, ""), badSignature)
}

// TestJ14ClaimsThatBound are read strictly: one that cannot be understood must not be
// taken for none.
func TestJ14ClaimsThatBound(t *testing.T) {
	grant, err := newVerifier(t).Verify(sign(hs256, payload(`"iss":"i","max_session":90.5,"limits":{"bitrate":2500000,"width":1280,
		"height":720,"kinds":["video"],"layers":2,"viewers":5,"sessions":1,"unknown":{}},"origins":["HTTPS://Player.example/"],
		"ip":["10.1.2.3/8","2001:db8::7","::ffff:192.0.2.1"]`), secret), now)
	if err != nil {
		t.Fatal(err)
	}
	want := auth.Grant{
		Issuer: "i", Expires: now.Add(time.Hour + auth.Leeway), MaxSession: 90500 * time.Millisecond,
		Limits:  auth.Limits{Bitrate: 2_500_000, Width: 1280, Height: 720, Kinds: []string{"video"}, Layers: 2, Subscribers: 5, Sessions: 1},
		Origins: []string{"https://player.example"},
		Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::7/128"), netip.MustParsePrefix("192.0.2.1/32"),
		},
	}
	if diff := cmp.Diff(want, grant, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, claim := range []string{
		`"max_session":0`, `"max_session":-1`, `"max_session":0.5`, `"max_session":"60"`, `"max_session":null`, `"max_session":1e300`, `"max_session":99999999`,
		`"limits":null`, `"limits":[]`, `"limits":"x"`, `"limits":{"bitrate":0}`, `"limits":{"bitrate":-1}`, `"limits":{"bitrate":1.5}`, `"limits":{"bitrate":"1"}`,
		`"limits":{"bitrate":1e13}`, `"limits":{"width":1e9}`, `"limits":{"viewers":null}`, `"limits":{"kinds":"audio"}`, `"limits":{"kinds":["smell"]}`,
		`"limits":{"kinds":null}`, `"limits":{"sessions":true}`, `"limits":{"layers":[1]}`,
		`"origins":"https://a.example"`, `"origins":null`, `"origins":[null]`, `"origins":["a.example"]`, `"origins":["*"]`, `"origins":["https://*.example"]`,
		`"origins":["https://a.example/path"]`, `"origins":["null"]`, `"origins":["://a"]`,
		`"ip":"10.0.0.1"`, `"ip":null`, `"ip":[7]`, `"ip":["10.0.0.0/33"]`, `"ip":["a.example"]`, `"ip":[""]`, `"ip":["fe80::1%eth0"]`, `"ip":["::ffff:10.0.0.0/104"]`,
		`"iss":7`, `"iss":null`, `"jti":7`, `"scope":["whip:publish"]`, `"scope":null`, `"scope":"` + strings.Repeat("a", 2049) + `"`,
	} {
		wantRefused(t, newVerifier(t), claim, sign(hs256, payload(claim), secret), "malformed")
	}
}

// TestScopeIsReadForActions where there are no actions; it never adds to them.
func TestScopeIsReadForActions(t *testing.T) {
	for _, test := range []struct{ claims, want string }{
		{`"scope":"whip:publish whep:play"`, "[play publish]"},
		{`"scope":"openid whep:play  email whep:play"`, "[play]"},
		{`"scope":"whip:play whep:publish publish admin WHIP:PUBLISH whip:publish,whep:play"`, "[]"},
		{`"scope":""`, "[]"},
		{`"scope":"whip:publish","actions":["play"]`, "[play]"},
		{`"scope":"whip:publish","actions":[]`, "[]"},
		{``, "[]"},
	} {
		grant, err := newVerifier(t).Verify(sign(hs256, payload(test.claims), secret), now)
		if got := fmt.Sprint(grant.Actions); err != nil || got != test.want {
			t.Errorf("%s: %s, %v", test.claims, got, err)
		}
	}
}

// TestTokensHaveNames by which they can be told apart.
func TestTokensHaveNames(t *testing.T) {
	grant, err := newVerifier(t).Verify(sign(hs256, payload(`"iss":"i","sub":"s","jti":"j"`), secret), now)
	if err != nil || grant.Issuer != "i" || grant.Subject != "s" || grant.ID != "j" {
		t.Errorf("%+v %v", grant, err)
	}
}

// TestJ17UnknownKeyAndWrongSignatureAnswerTheSame; only whoever may fetch keys is told.
func TestJ17UnknownKeyAndWrongSignatureAnswerTheSame(t *testing.T) {
	ec := realKeys()[auth.ES256]
	key := ec.key(t)
	key.ID = "known"
	v := newVerifier(t, key)
	for _, test := range []struct {
		name, header, claims string
		private              any
		lacks                bool
	}{
		{"wrong signature", `{"alg":"ES256","kid":"known"}`, ``, realKeys()[auth.EdDSA].private, false},
		{"unknown kid", `{"alg":"ES256","kid":"new"}`, `"iss":"https://i.example"`, ec.private, true},
		{"unknown algorithm", `{"alg":"EdDSA"}`, ``, realKeys()[auth.EdDSA].private, true},
		{"none", `{"alg":"none"}`, ``, ec.private, false},
	} {
		alg := auth.ES256
		if _, ok := test.private.(ed25519.PrivateKey); ok {
			alg = auth.EdDSA
		}
		_, err := v.Verify(signAs(t, alg, test.header, payload(test.claims), test.private), now)
		var e *auth.Error
		if !errors.As(err, &e) || e.Error() != badSignature {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		issuer, lacks := e.Lacks()
		if lacks != test.lacks || (issuer != "") != strings.Contains(test.claims, "iss") {
			t.Errorf("%s: lacks %v of %q", test.name, lacks, issuer)
		}
	}
}

// TestJ15StreamKeys: publish key and play key are two, for one stream each.
func TestJ15StreamKeys(t *testing.T) {
	keys, err := auth.NewStreamKeys([]auth.StreamKey{
		{Stream: "cam-1", Action: auth.Publish, Key: []byte("publish-key-0001")},
		{Stream: "cam-1", Action: auth.Subscribe, Key: []byte("play-key-cam-001")},
		{Stream: "cam-2", Action: auth.Publish, Key: []byte("publish-key-0002")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		" publish-key-0001\r\n": "publish cam-1", "play-key-cam-001": "play cam-1", "publish-key-0002": "publish cam-2",
	} {
		g, err := keys.Verify(key, now)
		action, stream, _ := strings.Cut(want, " ")
		if err != nil || len(g.Actions) != 1 || !g.Allows(auth.Action(action), stream) || !g.Expires.IsZero() {
			t.Errorf("%s: %+v, %v", key, g, err)
		}
	}
	for _, key := range []string{"publish-key-000", "publish-key-00011", "PUBLISH-KEY-0001", "x", strings.Repeat("x", 9000)} {
		if _, err := keys.Verify(key, now); !errors.Is(err, auth.ErrInvalid) || len(key) < 99 && err.Error() != badSignature {
			t.Errorf("%.20s: %v", key, err)
		}
	}
	if _, err := keys.Verify(" ", now); !errors.Is(err, auth.ErrMissing) {
		t.Error(err)
	}
	if _, err := new(auth.StreamKeys).Verify("publish-key-0001", now); !errors.Is(err, auth.ErrInvalid) {
		t.Error(err)
	}
}

func TestStreamKeysAreRefused(t *testing.T) {
	good := auth.StreamKey{Stream: "a", Action: auth.Publish, Key: secret}
	for name, list := range map[string][]auth.StreamKey{
		"publish key is play key": {good, {Stream: "a", Action: auth.Subscribe, Key: secret}},
		"one key, two streams":    {good, {Stream: "b", Action: auth.Publish, Key: secret}},
		"short":                   {{Stream: "a", Action: auth.Publish, Key: secret[:15]}},
		"admin":                   {{Stream: "a", Action: auth.Admin, Key: secret}},
		"glob":                    {{Stream: "a*", Action: auth.Publish, Key: secret}},
		"no stream":               {{Action: auth.Publish, Key: secret}},
		"too many":                make([]auth.StreamKey, 1025),
	} {
		if _, err := auth.NewStreamKeys(list); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestGrantsEnd(t *testing.T) {
	g := auth.Grant{Expires: now.Add(time.Hour)}
	if got := g.Ends(now); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("with the grant: %v", got)
	}
	for _, longest := range []time.Duration{time.Minute, 5 * time.Hour} {
		g.MaxSession = longest
		if got := g.Ends(now.Add(time.Second)); !got.Equal(now.Add(time.Second + longest)) {
			t.Errorf("after %v: %v", longest, got)
		}
	}
	if !auth.Anyone().Ends(now).IsZero() {
		t.Error("anyone's sessions end")
	}
}

func TestGrantsAreForPlaces(t *testing.T) {
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	g := auth.Grant{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}, Origins: []string{"https://a.example"}}
	for from, want := range map[netip.Addr]bool{
		at("10.9.9.9"): true, at("::ffff:10.9.9.9"): true, at("11.0.0.1"): false, at("2001:db8::1"): true, at("2001:db9::1"): false,
		at("2001:db8::1%eth0"): true, {}: false,
	} {
		if g.AllowsAddress(from) != want {
			t.Errorf("%v: %v", from, !want)
		}
	}
	for origin, want := range map[string]bool{
		"": true, "https://a.example": true, "https://A.example": true, "http://a.example": false, "https://a.example:8443": false,
		"https://a.example.evil.example": false, "null": false,
	} {
		if g.AllowsOrigin(origin) != want {
			t.Errorf("%q: %v", origin, !want)
		}
	}
	var none auth.Grant
	if !none.AllowsAddress(netip.Addr{}) || !none.AllowsOrigin("https://a.example") {
		t.Error("no claim, no bound")
	}
	nobody := auth.Grant{Prefixes: []netip.Prefix{}, Origins: []string{}}
	if nobody.AllowsAddress(at("10.0.0.1")) || nobody.AllowsOrigin("https://a.example") {
		t.Error("an empty list allows somebody")
	}
}

// TestMintedBoundsAreRead back as they were given.
func TestMintedBoundsAreRead(t *testing.T) {
	c := claims()
	c.Issuer, c.MaxSession = "https://i.example", 90*time.Minute
	c.Limits = auth.Limits{Bitrate: 5, Width: 6, Height: 7, Kinds: []string{"audio"}, Layers: 1, Subscribers: 2, Sessions: 3}
	c.Origins, c.Prefixes = []string{"https://a.example"}, []netip.Prefix{}
	token, err := auth.Mint(secret, c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := auth.Inspect(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(*auth.Claims){
		"short session":  func(c *auth.Claims) { c.MaxSession = time.Millisecond },
		"long session":   func(c *auth.Claims) { c.MaxSession = auth.MaxLife + time.Second },
		"negative":       func(c *auth.Claims) { c.Limits.Bitrate = -1 },
		"too many":       func(c *auth.Claims) { c.Limits.Sessions = 1_000_001 },
		"unknown kind":   func(c *auth.Claims) { c.Limits.Kinds = []string{"smell"} },
		"bad origin":     func(c *auth.Claims) { c.Origins = []string{"*"} },
		"broken network": func(c *auth.Claims) { c.Prefixes = make([]netip.Prefix, 1) },
		"long issuer":    func(c *auth.Claims) { c.Issuer = strings.Repeat("i", 257) },
	} {
		c := claims()
		change(&c)
		if _, err := auth.Mint(secret, c); err == nil {
			t.Errorf("%s: minted", name)
		}
	}
}
