package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// check is one of a self-test's.
type check struct {
	Name, Text string
	Good       bool
}

// selfTestOf lets a served node test itself.
func selfTestOf(t *testing.T, s served, token string) map[string]check {
	t.Helper()
	admin := s.find(t, `Admin\s+http://(\S+)/metrics`)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+admin+"/api/v1/self-test", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%d %s %v", answer.StatusCode, body, err)
	}
	var got struct{ Checks []check }
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	all := map[string]check{}
	for _, c := range got.Checks {
		all[c.Name] = c
		t.Logf("%v %s: %s", c.Good, c.Name, c.Text)
	}
	return all
}

// TestSelfTest on a node with its own secret: all is good, until the secret's file is not
// the one it began with.
func TestSelfTest(t *testing.T) {
	for _, args := range [][]string{nil, {"--auth=open"}} {
		s := startServe(t, args...)
		_, token, _ := command(t, s.env, "", "token", "--action=admin")
		token = strings.TrimSpace(token)
		got := selfTestOf(t, s, token)
		for _, name := range []string{"addresses", "media-socket", "keys", "stream"} {
			if !got[name].Good || got[name].Text == "" {
				t.Errorf("%s: %+v", name, got[name])
			}
		}
		if _, ok := got["socket-buffers"]; !ok || !strings.Contains(got["stream"].Text, "arrived") {
			t.Errorf("%+v", got)
		}
		if err := os.WriteFile(filepath.Join(s.env["WHIPPET_DATA"], "jwt-secret"), []byte(strings.Repeat("0", 64)), 0o600); err != nil {
			t.Fatal(err)
		}
		if keys := selfTestOf(t, s, token)["keys"]; keys.Good || !strings.Contains(keys.Text, "is not the one") {
			t.Errorf("%+v", keys)
		}
	}
}

// TestSelfTestWithKeysOfOthers tells that it cannot make a token, and when a file with
// keys is gone.
func TestSelfTestWithKeysOfOthers(t *testing.T) {
	sign, public := keyFiles(t)
	s := startServe(t, "--jwt-key="+public)
	_, token, _ := command(t, s.env, "", "token", "--action=admin", "--sign-key="+sign)
	got := selfTestOf(t, s, strings.TrimSpace(token))
	if !got["keys"].Good || !got["stream"].Good || !strings.HasPrefix(got["stream"].Text, "Not tried") {
		t.Errorf("%+v", got)
	}
	if err := os.Remove(public); err != nil {
		t.Fatal(err)
	}
	if keys := selfTestOf(t, s, strings.TrimSpace(token))["keys"]; keys.Good || !strings.Contains(keys.Text, "--jwt-key") {
		t.Errorf("%+v", keys)
	}
}
