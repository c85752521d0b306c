package auth_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// TestExplain: every reason Verify has is said in a sentence.
func TestExplain(t *testing.T) {
	ec := realKeys()[auth.ES256]
	key := ec.key(t)
	key.ID, key.Issuer = "k1", "https://i.example"
	v, err := auth.NewVerifier(auth.Options{
		Audience: "whippet", Type: "JWT", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: secret}, key}, Issuers: []string{"https://down.example"},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := func(claim string, offset time.Duration) string {
		return fmt.Sprintf(`{"aud":"whippet","exp":%d,%q:%d}`, now.Unix()+3600, claim, now.Add(offset).Unix())
	}
	ours := func(header, claims string) string {
		return signAs(t, auth.ES256, header, payload(claims), ec.private)
	}
	for _, test := range []struct{ token, want string }{
		{sign(hs256, payload(""), secret), ""},
		{sign(hs256, payload(""), secret) + ".", "A token has three parts"},
		{strings.Repeat("a", 9000), "It has 9000 bytes"},
		{"!.b.c", "cannot be read"},
		{sign(hs256, payload(`"actions":"publish"`), secret), "claim actions"},
		{sign(`{"alg":"HS256"}`, payload(""), secret), "Its typ is missing"},
		{sign(`{"alg":"HS256","typ":"at+jwt"}`, payload(""), secret), `Its typ is "at+jwt"; it must be "JWT".`},
		{unsigned(`{"alg":"none","typ":"JWT"}`), `Its alg is "none"; possible are RS256`},
		{unsigned(`{"alg":"HS1","typ":"JWT"}`), `Its alg is "HS1"`},
		{unsigned(`{"typ":"JWT"}`), `Its alg is missing`},
		{sign(`{"alg":"HS256","typ":"JWT","crit":["x"]}`, payload(""), secret), `Its header has "crit"`},
		{sign(`{"alg":"HS256","typ":"JWT","kid":5}`, payload(""), secret), "Its kid is no text"},
		{sign(`{"alg":"HS256","typ":"JWT","kid":"x"}`, payload(""), secret), "only keys without a kid"},
		{ours(`{"alg":"ES256","typ":"JWT","kid":"k2"}`, `"iss":"https://i.example"`), `Its kid is "k2"; there are "k1".`},
		{ours(`{"alg":"ES256","typ":"JWT","kid":"k1"}`, `"iss":"https://down.example"`), `Its iss is "https://down.example"; there are keys for "", "https://down.example", "https://i.example".`},
		{sign(hs256, payload(`"iss":"https://i.example"`), secret), "Its alg is HS256; the keys that could check it are for ES256."},
		{sign(hs256, payload(""), []byte("another secret")), "Its signature is wrong"},
		{sign(hs256, `{"exp":1}`, secret), `It has no aud; it must be or contain "whippet".`},
		{sign(hs256, `{"aud":["a","b"],"exp":1}`, secret), `Its aud is ["a" "b"]`},
		{sign(hs256, `{"aud":"whippet"}`, secret), "It has no exp"},
		{sign(hs256, at("exp", -time.Hour), secret), "It expired 1h0m0s ago."},
		{sign(hs256, at("exp", -60*time.Second), secret), "It expired 1m0s ago."},
		{sign(hs256, at("exp", 1000*24*time.Hour), secret), "It ends in 1000 days; at most 366 are possible."},
		{sign(hs256, at("nbf", time.Hour), secret), "Its nbf is 1h0m0s from now"},
		{sign(hs256, at("iat", time.Hour), secret), "Its iat is 1h0m0s from now"},
	} {
		got := v.Explain(test.token, now)
		_, err := v.Verify(test.token, now)
		if (err == nil) != (len(got) == 0) {
			t.Errorf("verified: %v, explained: %q", err, got)
		}
		if test.want == "" {
			continue
		}
		if !strings.Contains(strings.Join(got, "\n"), test.want) {
			t.Errorf("%q lacks %q", got, test.want)
		}
	}
	if got := new(auth.Verifier).Explain(sign(hs256, payload(""), secret), now); !strings.Contains(fmt.Sprint(got), "keys for nobody") {
		t.Errorf("no keys: %q", got)
	}
}

// FuzzExplain: there is a reason if and only if Verify refuses.
func FuzzExplain(f *testing.F) {
	f.Add(hs256, payload(""))
	f.Add(`{"alg":"none","kid":5}`, `{"exp":"x"}`)
	f.Add(`{"alg":"HS256"}`, `null`)
	v := newVerifier(f)
	f.Fuzz(func(t *testing.T, header, body string) {
		for _, token := range []string{header, sign(header, body, secret), unsigned(header)} {
			_, err := v.Verify(token, now)
			if got := v.Explain(token, now); (err == nil) != (len(got) == 0) {
				t.Errorf("%v: %q", err, got)
			}
		}
	})
}
