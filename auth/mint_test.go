package auth_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/whippet-media/whippet/auth"
)

func claims() auth.Claims {
	return auth.Claims{
		Subject: "obs", ID: "x1", Audience: []string{"whippet"},
		IssuedAt: now, NotBefore: now, Expires: now.Add(time.Hour),
		Actions: []auth.Action{auth.Publish}, Streams: []string{"cam-1"},
	}
}

// TestMintedTokensVerify: what Mint makes, Verify and Inspect read back.
func TestMintedTokensVerify(t *testing.T) {
	v := newVerifier(t)
	rapid.Check(t, func(t *rapid.T) {
		c := claims()
		c.Subject = rapid.StringN(0, 40, 250).Draw(t, "sub")
		c.Actions = rapid.SliceOfNDistinct(rapid.SampledFrom(auth.Actions()), 1, 4, rapid.ID).Draw(t, "actions")
		c.Streams = rapid.SliceOfN(rapid.StringMatching(`[A-Za-z0-9._*-]{1,20}`), 1, 8).Draw(t, "streams")
		c.Expires = now.Add(time.Duration(rapid.IntRange(1, 366*86400).Draw(t, "life")) * time.Second)

		token, err := auth.Mint(secret, c)
		if err != nil {
			t.Fatal(err)
		}
		shown, err := auth.Inspect(token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, shown); diff != "" {
			t.Fatal(diff)
		}
		got, err := v.Verify(token, now)
		if err != nil {
			t.Fatal(err)
		}
		want := auth.Grant{Subject: c.Subject, ID: c.ID, Actions: c.Actions, Streams: c.Streams, Issued: c.IssuedAt, Expires: c.Expires.Add(auth.Leeway)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestMintRefusesUselessTokens(t *testing.T) {
	for name, change := range map[string]func(*auth.Claims){
		"no end":               func(c *auth.Claims) { c.Expires = time.Time{} },
		"ends before it began": func(c *auth.Claims) { c.Expires = now },
		"too long":             func(c *auth.Claims) { c.Expires = now.Add(auth.MaxLife + time.Second) },
		"no audience":          func(c *auth.Claims) { c.Audience = nil },
		"no action":            func(c *auth.Claims) { c.Actions = nil },
		"unknown action":       func(c *auth.Claims) { c.Actions = []auth.Action{"subscribe"} },
		"no stream":            func(c *auth.Claims) { c.Streams = nil },
		"path as stream":       func(c *auth.Claims) { c.Streams = []string{"live/*"} },
		"empty stream":         func(c *auth.Claims) { c.Streams = []string{""} },
		"too many streams":     func(c *auth.Claims) { c.Streams = make([]string, 65) },
		"long subject":         func(c *auth.Claims) { c.Subject = strings.Repeat("s", 257) },
		"over 8 KiB": func(c *auth.Claims) {
			c.Streams = strings.Split(strings.Repeat(strings.Repeat("s", 128)+",", 63)+"s", ",")
		},
	} {
		c := claims()
		change(&c)
		if _, err := auth.Mint(secret, c); err == nil {
			t.Errorf("%s: minted", name)
		}
	}
	if _, err := auth.Mint(secret[:31], claims()); !errors.Is(err, auth.ErrWeakSecret) {
		t.Errorf("short secret: %v", err)
	}
}

func TestAdminTokensNeedNoStreams(t *testing.T) {
	c := claims()
	c.Actions, c.Streams = []auth.Action{auth.Admin, auth.Metrics}, nil
	if _, err := auth.Mint(secret, c); err != nil {
		t.Error(err)
	}
}

func TestInspectDoesNotJudge(t *testing.T) {
	token := sign(hs256, `{"sub":"old","exp":5}`, []byte("whatever"))
	got, err := auth.Inspect(token)
	if err != nil || got.Subject != "old" || got.Expires.Unix() != 5 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "a.b", strings.Repeat("a", 9000)} {
		if _, err := auth.Inspect(bad); !errors.Is(err, auth.ErrInvalid) {
			t.Errorf("%.9q: %v", bad, err)
		}
	}
}

// FuzzVerify feeds tokens whose signature is right, so that the claims are read,
// and as they are. A grant comes only with a signature, an audience and a life.
func FuzzVerify(f *testing.F) {
	f.Add(hs256, payload(`"actions":["publish"],"streams":["*"]`))
	f.Add(`{"alg":"none"}`, payload(""))
	f.Add(hs256, `{"aud":["whippet"],"exp":1.5e9,"streams":[null]}`)
	f.Add(hs256, `{"exp":1e999}`)
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, header, body string) {
		_, _ = v.Verify(header, now)
		token := sign(header, body, secret)
		grant, err := v.Verify(token, now)
		if err != nil {
			if !errors.Is(err, auth.ErrInvalid) {
				t.Errorf("error outside the family: %v", err)
			}
			return
		}
		if !grant.Expires.After(now) || grant.Expires.After(now.Add(auth.MaxLife+auth.Leeway)) {
			t.Errorf("grant until %v", grant.Expires)
		}
		if _, err := v.Verify(token[:len(token)-3], now); err == nil {
			t.Error("a cut signature holds")
		}
	})
}
