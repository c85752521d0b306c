package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/config"
)

// keyFiles writes a private key and its public half.
func keyFiles(t *testing.T) (private, public string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, der []byte, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	private = write("private.pem", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKIXPublicKey(&key.PublicKey)
	return private, write("public.pem", "PUBLIC KEY", der, err)
}

// TestTokensOfAPrivateKey are made, shown and explained.
func TestTokensOfAPrivateKey(t *testing.T) {
	private, public := keyFiles(t)
	status, minted, said := command(t, vars{}, "", "token", "--sign-key="+private, "--jwt-issuer=https://i.example", "--action=play",
		"--max-session=90m", "--origin=https://player.example", "--ip=192.0.2.1,10.0.0.0/8", "--limit-bitrate=2500k", "--limit-width=1280",
		"--limit-height=720", "--limit-kinds=video", "--limit-layers=2", "--limit-viewers=5", "--limit-sessions=1")
	if status != 0 {
		t.Fatal(said)
	}
	token := strings.TrimSpace(minted)
	status, shown, said := command(t, vars{}, "", "token", "inspect", token, "--jwt-key=https://i.example="+public)
	if status != 0 || !strings.HasSuffix(shown, "valid\n") {
		t.Errorf("%d %s %s", status, shown, said)
	}
	for _, want := range []string{
		"https://i.example", "max session", "1h30m0s", "https://player.example", "192.0.2.1/32, 10.0.0.0/8",
		"bitrate 2500000, width 1280, height 720, kinds video, layers 2, viewers 5, sessions 1",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	_, other := keyFiles(t)
	for args, want := range map[string]string{
		"--jwt-key=https://other.example=" + public:             `Its iss is "https://i.example"; there are keys for "https://other.example".`,
		"--jwt-key=" + other:                                    "Its signature is wrong",
		"--jwt-key=" + public + " --jwt-audience=tv":            `Its aud is ["whippet"]; it must be or contain "tv".`,
		"--jwt-key=" + public + " --jwt-type=x":                 `Its typ is "JWT"; it must be "x".`,
		"--jwt-secret=" + strings.Repeat("k", 32):               "Its alg is ES256; the keys that could check it are for HS256.",
		"--jwks-url=http://127.0.0.1:1/ --jwt-issuer=https://x": `there are keys for "https://x"`,
	} {
		status, shown, said := command(t, vars{}, "", append([]string{"token", "inspect", token}, strings.Fields(args)...)...)
		if status != 1 || !strings.Contains(shown, want) && !strings.Contains(shown, "there are keys for nobody") || !strings.Contains(said, "would refuse it") {
			t.Errorf("%s: %d\n%s%s", args, status, shown, said)
		}
	}
}

func TestKeyMistakesNameTheFlag(t *testing.T) {
	private, public := keyFiles(t)
	for args, want := range map[string]string{
		"serve --jwt-key=/nowhere":                        "--jwt-key /nowhere: no such file",
		"serve --jwt-key=" + private:                      "openssl pkey",
		"serve --jwks-url=http://login.example/jwks":      "--jwks-url: keys come by https:",
		"serve --jwks-url=login.example":                  "--jwks-url: it is no URL",
		"token --jwt-key=" + public:                       "--sign-key",
		"token --sign-key=" + public:                      "no private key",
		"token --sign-key=/nowhere":                       "--sign-key /nowhere: no such file",
		"token --kid=x":                                   "--kid: it is for --sign-key",
		"token --ip=a.example --sign-key=" + private:      "--ip: \"a.example\"",
		"token --limit-bitrate=much":                      "--limit-bitrate: \"much\"",
		"token --limit-kinds=smell --sign-key=" + private: "limit kinds",
		"token --origin=* --sign-key=" + private:          "an origin is",
		"token --max-session=10ms --sign-key=" + private:  "a session lasts",
		"token --limit-sessions=-1 --sign-key=" + private: "limit sessions",
	} {
		status, out, err := command(t, vars{"WHIPPET_DATA": t.TempDir()}, "", strings.Fields(args)...)
		if status != 1 || !strings.Contains(err, want) || out != "" {
			t.Errorf("%s: %d, stdout %q, stderr %q", args, status, out, err)
		}
	}
}

// TestServeWithKeysOfOthers: a node that makes no secret takes the tokens of a file's key
// and of a key set, each of its issuer only, and says when the set cannot be read.
func TestServeWithKeysOfOthers(t *testing.T) {
	private, public := keyFiles(t)
	web, _ := keyFiles(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, jwksOf(t, web)) }))
	defer server.Close()
	s := startServe(t, "--jwt-key=file="+public, "--jwks-url=web="+server.URL, "--jwks-url=down=http://127.0.0.1:1/?x=hidden")
	if !strings.Contains(s.out, "signed by those whose keys") || !strings.Contains(s.logs.String(), `source="--jwks-url http://127.0.0.1:1/" event=not-read`) {
		t.Errorf("%s\n%s", s.out, s.logs)
	}
	if strings.Contains(s.out+s.logs.String(), "hidden") {
		t.Error("the query of a URL is shown")
	}
	if _, err := os.Stat(s.env["WHIPPET_DATA"]); err == nil {
		t.Error("a secret was made")
	}
	mint := func(key, issuer, kid string) string {
		_, token, said := command(t, vars{}, "", "token", "--sign-key="+key, "--jwt-issuer="+issuer, "--kid="+kid)
		if token == "" {
			t.Fatal(said)
		}
		return strings.TrimSpace(token)
	}
	base := s.find(t, `Streams\s+(http://localhost:\d+)/\n`)
	for _, test := range []struct {
		name, token string
		want        int
	}{
		{"file", mint(private, "file", ""), 200},
		{"web", mint(web, "web", "w"), 200},
		{"web as file", mint(web, "file", ""), 401},
		{"file as web", mint(private, "web", ""), 401},
		{"down", mint(private, "down", ""), 401},
		{"nobody", mint(private, "nobody", ""), 401},
	} {
		if got := status(t, "GET", base+"/streams.json", test.token); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	if got := s.stop(); got != 0 {
		t.Errorf("status %d", got)
	}
}

// jwksOf returns the public half of a private key's file as a key set, with the kid w.
func jwksOf(t *testing.T, path string) string {
	t.Helper()
	signer, err := readSigner(path)
	if err != nil {
		t.Fatal(err)
	}
	point, err := signer.Private.Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"w","x":%q,"y":%q}]}`, b64(point[1:33]), b64(point[33:]))
}

// TestWarningsAboutKeysArePrinted at the start.
func TestWarningsAboutKeysArePrinted(t *testing.T) {
	var w welcome
	given := config.Tokens{KeySets: []config.KeySource{{Place: "https://login.example/"}}}
	if err := w.addTokens(config.Config{}, keyring{Tokens: given, warnings: []string{"no keys yet"}}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if len(w.notes) != 1 || w.notes[0] != "No keys yet." || !w.foreign || w.publishToken != "" {
		t.Errorf("%+v", w)
	}
}
