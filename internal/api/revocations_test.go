package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/client"
)

// TestRevoke: sessions of what is revoked have ended when the answer comes, and their
// tokens are refused, until it is taken back.
func TestRevoke(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		pub := r.publish("studio", "camera")
		alice, bob := r.subscribe("studio", "alice"), r.subscribe("studio", "bob")
		r.Run(time.Second)
		tries := func(subject string) error {
			token := mint(t, subject, auth.Subscribe)
			s, err := r.Host(link()).TrySubscribe("studio", func(o *client.PlayOptions) { o.Token = token })
			if err == nil {
				s.Leave()
			}
			return err
		}
		made := r.do("POST", "revocations", `{"subject":"alice","issuer":"https://issuer.example"}`).want(201, "")
		v := read[wire.Revocation](made)
		if *v.Sessions != 1 || *v.Subject != "alice" || v.TokenID != nil || v.Until.Before(time.Now().Add(360*24*time.Hour)) ||
			made.Header.Get("Location") != "/api/v1/revocations/"+v.ID {
			t.Errorf("%+v %v", v, made.Header)
		}
		<-alice.Done()
		if tries("alice") == nil {
			t.Error("alice is back")
		}
		if err := tries("bob"); err != nil {
			t.Error(err)
		}
		again := read[wire.Revocation](r.do("POST", "revocations", `{"subject":"alice","issuer":"https://issuer.example"}`).want(201, ""))
		one := read[wire.Revocation](r.do("GET", "revocations/"+v.ID, "").want(200, ""))
		if again.ID != v.ID || *again.Sessions != 0 || one.ID != v.ID || one.Sessions != nil {
			t.Errorf("%+v %+v", again, one)
		}
		r.do("POST", "revocations", `{"tokenId":"id-of-bob"}`).want(201, "")
		<-bob.Done()
		until := time.Now().Add(time.Minute).UTC().Format(time.RFC3339)
		all := read[wire.Revocation](r.do("POST", "revocations", `{"stream":"studio","until":"`+until+`"}`).want(201, ""))
		if *all.Sessions != 1 || all.Until.Format(time.RFC3339) != until {
			t.Errorf("%+v", all)
		}
		<-pub.Done()
		if got := read[wire.RevocationPage](r.do("GET", "revocations?limit=2", "").want(200, "")); len(got.Items) != 2 || got.Next == nil {
			t.Errorf("%+v", got)
		}
		r.do("DELETE", "revocations/"+v.ID, "").want(204, "")
		r.do("DELETE", "revocations/"+v.ID, "").want(404, "no-such-revocation")
		r.do("GET", "revocations/"+v.ID, "").want(404, "no-such-revocation")
		r.Run(2 * time.Minute)
		if err := tries("alice"); err != nil {
			t.Error(err)
		}
		if got := read[wire.RevocationPage](r.do("GET", "revocations", "").want(200, "")); len(got.Items) != 1 || *got.Items[0].TokenID != "id-of-bob" {
			t.Errorf("%+v", got)
		}
	})
}

// TestRevokeSpares tokens that are made later.
func TestRevokeSpares(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		old := mint(t, "alice", auth.Subscribe)
		r.Run(10 * time.Second)
		before := time.Now().Add(-5 * time.Second).UTC().Format(time.RFC3339)
		v := read[wire.Revocation](r.do("POST", "revocations", `{"subject":"alice","before":"`+before+`"}`).want(201, ""))
		if v.Before.Format(time.RFC3339) != before {
			t.Errorf("%+v", v)
		}
		if _, err := r.Host(link()).TrySubscribe("studio", func(o *client.PlayOptions) { o.Token = old }); err == nil {
			t.Error("the old token works")
		}
		r.subscribe("studio", "alice")
	})
}

// TestAnOperatorsTokenCanBeRevoked, also by its bearer.
func TestAnOperatorsTokenCanBeRevoked(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		r.do("POST", "revocations", `{"subject":"operator"}`).want(201, "")
		r.do("GET", "revocations", "").want(401, "token-invalid")
	})
}

func TestRevocationsAreChecked(t *testing.T) {
	run(t, func(t *testing.T, r *rig) {
		long := strings.Repeat("x", 2000)
		for _, body := range []string{
			`{}`, `{"issuer":"https://issuer.example"}`, `{"subject":""}`, `{"subject":7}`, `{"subject":null}`, `{"jti":"x"}`, `{"stream":"cam-*"}`, `{"stream":"."}`,
			`{"subject":"` + long + `"}`, `{"tokenId":"` + long + `"}`, `{"subject":"a","until":"1999-01-01T00:00:00Z"}`,
			`{"subject":"a","until":"1970-01-01T00:00:00Z"}`, `{"subject":"a","until":"0001-01-01T00:00:00Z"}`, `{"subject":"a","until":"tomorrow"}`, `{"subject":"a","before":1}`,
		} {
			r.do("POST", "revocations", body).want(422, "bad-value")
		}
		r.do("POST", "revocations", `"alice"`).want(400, "malformed-json")
		r.do("POST", "revocations", ``).want(415, "not-json")
		if got := read[wire.RevocationPage](r.do("GET", "revocations", "")); len(got.Items) != 0 {
			t.Errorf("%+v", got)
		}
	})
}
