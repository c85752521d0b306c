package keys_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/keys"
)

func jwks(signers ...auth.Signer) string {
	var list []string
	for _, s := range signers {
		x := base64.RawURLEncoding.EncodeToString(s.Private.Public().(ed25519.PublicKey))
		list = append(list, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, s.ID, x))
	}
	return `{"keys":[` + strings.Join(list, ",") + `]}`
}

// TestJ11KeySetOverHTTP: the whole way, with a real server.
func TestJ11KeySetOverHTTP(t *testing.T) {
	signer := newSigner(t, "web")
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/jwks?key=hidden", http.StatusFound)
			return
		}
		fmt.Fprint(w, jwks(signer))
	}))
	defer server.Close()
	source, err := keys.URL("https://i.example", server.URL+"/old?key=hidden")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(source.Name, "hidden") {
		t.Errorf("the name shows the query: %s", source.Name)
	}
	s := open(t, keys.Config{Sources: []keys.Source{source}})
	if len(s.Warnings()) > 0 || !holds(s, mint(t, signer, "https://i.example")) || holds(s, mint(t, signer, "")) {
		t.Errorf("warnings %q", s.Warnings())
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests", n)
	}
}

// TestJ11WhatAServerMayNotDo: each answer is an error, and no key is taken from it.
func TestJ11WhatAServerMayNotDo(t *testing.T) {
	signer := newSigner(t, "web")
	var reached atomic.Bool
	var rounds atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reached.Store(true)
		fmt.Fprint(w, jwks(signer))
	}))
	t.Cleanup(other.Close)
	answers := map[string]http.HandlerFunc{
		"/redirect-to-another-host": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) },
		"/redirect-to-a-file": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(302)
		},
		"/redirect-for-ever": func(w http.ResponseWriter, r *http.Request) {
			rounds.Add(1)
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		},
		"/status":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); fmt.Fprint(w, jwks(signer)) },
		"/large":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, jwks(signer)+strings.Repeat(" ", 256<<10)) },
		"/html":      func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"/duplicate": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, jwks(signer, newSigner(t, "web"))) },
		"/one-key":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Trim(jwks(signer)[8:], "[]}")+"}") },
		"/secret": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"keys":[{"kty":"oct","k":%q}]}`, base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
		},
		"/silent": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w, r) }))
	t.Cleanup(server.Close)
	for path, want := range map[string]string{
		"/redirect-to-another-host": "another host", "/redirect-to-a-file": "another host", "/redirect-for-ever": "3 redirects",
		"/status": "status 500", "/large": "262144 bytes", "/html": "no JSON", "/duplicate": "two keys", "/one-key": "no key set",
		"/secret": "holds a secret", "/silent": "deadline exceeded",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			source, err := keys.URL("", server.URL+path)
			if err != nil {
				t.Fatal(err)
			}
			begin := time.Now()
			s := open(t, keys.Config{Sources: []keys.Source{source}})
			if len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], want) || holds(s, mint(t, signer, "")) {
				t.Errorf("warnings %q", s.Warnings())
			}
			if took := time.Since(begin); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
	t.Cleanup(func() {
		if reached.Load() {
			t.Error("the other host was asked")
		}
		if n := rounds.Load(); n != 4 {
			t.Errorf("%d requests in a circle", n)
		}
	})
}

func TestJ11URLs(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://login.example/jwks.json":       true,
		"https://login.example:8443/a?tenant=1": true,
		"http://127.0.0.1:1/jwks":               true,
		"http://localhost/jwks":                 true,
		"http://[::1]/jwks":                     true,
		"http://login.example/jwks":             false,
		"http://127.0.0.1.evil.example/":        false,
		"http://localhost.evil.example/":        false,
		"http://192.168.1.1/":                   false,
		"https://user:pw@login.example/":        false,
		"https://login.example/#x":              false,
		"file:///etc/passwd":                    false,
		"ftp://127.0.0.1/":                      false,
		"login.example":                         false,
		"https://":                              false,
		"https://:443/":                         false,
		"":                                      false,
		"http://%zz":                            false,
	} {
		if _, err := keys.URL("", address); (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys.json")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	signer := newSigner(t, "file")
	write(jwks(signer))
	s := open(t, keys.Config{Sources: []keys.Source{keys.File("", path)}})
	if !holds(s, mint(t, signer, "")) {
		t.Error("the file's key")
	}
	for _, text := range []string{"", "nonsense", strings.Repeat(" ", 256<<10) + jwks(signer)} {
		write(text)
		if s, err := keys.Open(t.Context(), keys.Config{Audience: "whippet", Sources: []keys.Source{keys.File("", path)}}); err == nil {
			s.Close()
			t.Errorf("%.10q: opened", text)
		}
	}
	_, err := keys.Open(t.Context(), keys.Config{Audience: "whippet", Sources: []keys.Source{keys.File("", dir+"/none")}})
	if err == nil || strings.Count(err.Error(), dir) != 1 {
		t.Errorf("%v", err)
	}
}
