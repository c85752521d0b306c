package nodetest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/nodetest"
)

// TestJ16_RevocationEndsMediaOnAllNodes: what is revoked on one node ends on another in less
// than a second, may not come back there, and nobody else notices. Taken back, on whichever
// node, it is good everywhere.
func TestJ16_RevocationEndsMediaOnAllNodes(t *testing.T) {
	verifier, token := guard(t)
	as := func(subject string) func(*client.PlayOptions) {
		return func(o *client.PlayOptions) { o.Token = token(subject) }
	}
	cluster(t, 2, func(t *testing.T, c *nodetest.Cluster) {
		a, b := c.Nodes[0], c.Nodes[1]
		a.Publish("studio", func(o *client.PublishOptions) { o.Token = token("studio") })
		c.Run(time.Second)
		good, bad := b.Subscribe("studio", nodetest.Link{}, as("good")), b.Subscribe("studio", nodetest.Link{}, as("bad"))
		c.Run(time.Second)
		start := time.Now()
		if ended, err := a.Signaling().Revoke(auth.Revocation{Subject: "bad"}); err != nil || ended != 0 {
			t.Fatalf("%d ended here, %v", ended, err)
		}
		<-bad.Done()
		if took := time.Since(start); took >= time.Second {
			t.Errorf("it took %v", took)
		}
		if _, err := c.World.Host(nodetest.Link{}).TrySubscribe("studio", b.At("studio"), as("bad")); err == nil {
			t.Error("a revoked subject is back")
		}
		good.WantMedia(3 * time.Second)
		if list := b.Signaling().Revocations(); len(list) != 1 || list[0].Subject != "bad" {
			t.Fatalf("in force: %+v", list)
		}
		if !b.Signaling().Unrevoke(auth.Revocation{Subject: "bad"}) {
			t.Error("not taken back")
		}
		c.Run(time.Second)
		if list := a.Signaling().Revocations(); len(list) != 0 {
			t.Errorf("in force: %+v", list)
		}
		b.Subscribe("studio", nodetest.Link{}, as("bad")).WantMedia(3 * time.Second)
	}, nodetest.Guarded(verifier))
}

// TestJ16_RevokedStreamEndsOnAllNodes: by REST, of a stream whose publisher is on another
// node.
func TestJ16_RevokedStreamEndsOnAllNodes(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	verifier, err := auth.NewVerifier(auth.Options{Audience: "whippet", Keys: []auth.Key{{Algorithm: auth.HS256, Secret: secret}}})
	if err != nil {
		t.Fatal(err)
	}
	cluster(t, 3, func(t *testing.T, c *nodetest.Cluster) {
		pub := c.Nodes[0].Publish("studio")
		c.Run(time.Second)
		sub := c.Nodes[1].Subscribe("studio", nodetest.Link{})
		c.Run(time.Second)
		start := time.Now()
		token, err := auth.Mint(secret, auth.Claims{
			Audience: []string{"whippet"}, Expires: time.Now().Add(time.Hour), Actions: []auth.Action{auth.Admin},
		})
		if err != nil {
			t.Fatal(err)
		}
		revoke(t, c.Nodes[2], token, `{"stream":"studio"}`)
		<-pub.Done()
		<-sub.Done()
		if took := time.Since(start); took >= time.Second {
			t.Errorf("it took %v", took)
		}
		c.Run(nodetest.Linger + time.Second)
		c.WantEmpty()
	}, nodetest.Deps(func(d *node.Deps) { d.Verifier = verifier }))
}

// revoke revokes by REST, on a node's admin port.
func revoke(t *testing.T, m *nodetest.Member, token, what string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/api/v1/revocations", strings.NewReader(what))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	m.AdminHandler().ServeHTTP(w, r)
	if w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
}
