package auth_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// TestJ16RevocationsCover: all that is set must fit, and nothing that is not.
func TestJ16RevocationsCover(t *testing.T) {
	g := auth.Grant{Issuer: "https://id.example", Subject: "ann", ID: "t1", Issued: now}
	for name, c := range map[string]struct {
		r      auth.Revocation
		stream string
		want   bool
	}{
		"token":                  {auth.Revocation{ID: "t1"}, "live", true},
		"another token":          {auth.Revocation{ID: "t2"}, "live", false},
		"subject":                {auth.Revocation{Subject: "ann"}, "live", true},
		"subject, no stream":     {auth.Revocation{Subject: "ann"}, "", true},
		"another subject":        {auth.Revocation{Subject: "bob"}, "live", false},
		"subject of the issuer":  {auth.Revocation{Issuer: "https://id.example", Subject: "ann"}, "live", true},
		"subject of another":     {auth.Revocation{Issuer: "https://evil.example", Subject: "ann"}, "live", false},
		"stream":                 {auth.Revocation{Stream: "live"}, "live", true},
		"another stream":         {auth.Revocation{Stream: "live"}, "cam", false},
		"stream, for no stream":  {auth.Revocation{Stream: "live"}, "", false},
		"subject's stream":       {auth.Revocation{Subject: "ann", Stream: "live"}, "live", true},
		"subject's other stream": {auth.Revocation{Subject: "ann", Stream: "live"}, "cam", false},
		"made before":            {auth.Revocation{Subject: "ann", Before: now.Add(time.Second)}, "live", true},
		"made after":             {auth.Revocation{Subject: "ann", Before: now}, "live", false},
	} {
		r, err := c.r.Check(now)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := r.Covers(g, c.stream, now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
		if r.Covers(g, c.stream, r.Until) {
			t.Errorf("%s: still there after its end", name)
		}
	}
	unsaid := auth.Grant{Subject: "ann"}
	if r := (auth.Revocation{Subject: "ann", Before: now, Until: now.Add(time.Hour)}); !r.Covers(unsaid, "", now) {
		t.Error("a token without iat is spared")
	}
}

func TestJ16RevocationsAreChecked(t *testing.T) {
	for name, r := range map[string]auth.Revocation{
		"of nothing":      {},
		"of an issuer":    {Issuer: "https://id.example"},
		"over":            {ID: "t1", Until: now},
		"long subject":    {Subject: strings.Repeat("s", 257)},
		"glob":            {Stream: "cam-*"},
		"path as stream":  {Stream: "a/b"},
		"long jti":        {ID: strings.Repeat("s", 257)},
		"of a long name":  {Stream: strings.Repeat("s", 129)},
		"of a long maker": {Issuer: strings.Repeat("s", 257), ID: "t1"},
	} {
		if _, err := r.Check(now); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	last := now.Add(auth.MaxLife + auth.Leeway)
	for _, until := range []time.Time{{}, last.Add(time.Hour)} {
		if r, err := (auth.Revocation{ID: "t1", Until: until}).Check(now); err != nil || !r.Until.Equal(last) {
			t.Errorf("until %v: %v, %v", until, r.Until, err)
		}
	}
}
