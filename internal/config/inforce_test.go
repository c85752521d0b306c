package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/whippet-media/whippet/internal/config"
)

func inForce(t *testing.T, args ...string) map[string]config.Setting {
	t.Helper()
	var flags struct{ config.Flags }
	if _, err := config.Parse(&flags, args, func(string) (string, bool) { return "", false }, kong.Name("whippet")); err != nil {
		t.Fatal(err)
	}
	all := map[string]config.Setting{}
	for _, s := range flags.InForce() {
		all[s.Name] = s
	}
	return all
}

// TestInForceListsAll settings, and which of them differ from their defaults.
func TestInForceListsAll(t *testing.T) {
	for _, args := range [][]string{nil, {"--max-sessions", "7", "--announce", "192.0.2.1,192.0.2.2"}} {
		all := inForce(t, args...)
		for name := range config.Names() {
			s, ok := all[name]
			changed := args != nil && (name == "max-sessions" || name == "announce")
			if !ok || s.Changed != changed {
				t.Errorf("%s: %+v, listed %v", name, s, ok)
			}
		}
		if len(all) != len(config.Names()) {
			t.Errorf("%d settings, want %d", len(all), len(config.Names()))
		}
	}
	if got := inForce(t, "--announce", "192.0.2.1,192.0.2.2")["announce"].Values; !slices.Equal(got, []string{"192.0.2.1", "192.0.2.2"}) {
		t.Errorf("announce %q", got)
	}
	if got := inForce(t)["media"].Values; len(got) != 0 {
		t.Errorf("media %q", got)
	}
}

// TestInForceHidesSecrets, those of every flag that can have one.
func TestInForceHidesSecrets(t *testing.T) {
	const word = "confidential-word-of-32-letters-or-more"
	secrets := 0
	for name := range config.Names() {
		if !config.Names()[name+"-file"] {
			continue
		}
		secrets++
		s := inForce(t, "--"+name, word)[name]
		if !s.Secret || !s.Changed || !slices.Equal(s.Values, []string{"[hidden]"}) {
			t.Errorf("%+v", s)
		}
		if s := inForce(t)[name]; !s.Secret || len(s.Values) > 0 {
			t.Errorf("%+v", s)
		}
	}
	if secrets < 2 {
		t.Errorf("%d secrets", secrets)
	}
	for given, want := range map[string]string{
		"https://me:" + word + "@keys.example/set?key=" + word: "https://[hidden]@keys.example/set?[hidden]",
		"us=https://" + word + "@keys.example/set":             "us=https://[hidden]@keys.example/set",
		"https://keys.example/set?a=" + word:                   "https://keys.example/set?[hidden]",
		"https://keys.example/set":                             "https://keys.example/set",
		"us=https://keys.example:99x/" + word:                  "us=[hidden]",
	} {
		got := inForce(t, "--jwks-url", given)["jwks-url"].Values
		if len(got) != 1 || got[0] != want || strings.Contains(got[0], word) {
			t.Errorf("%s: %q", given, got)
		}
	}
	for given, want := range map[string]string{
		"https://app.example/" + word:                        "https://app.example/[hidden]",
		"publish@cam-*=https://app.example/" + word + "?q=1": "publish@cam-*=https://app.example/[hidden]?[hidden]",
		"http://127.0.0.1:9000":                              "http://127.0.0.1:9000",
	} {
		if got := inForce(t, "--webhook", given)["webhook"].Values; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", given, got)
		}
	}
	for _, name := range []string{"push", "pull"} {
		given, want := "cam=https://far.example/"+word+"?q="+word, "cam=https://far.example/[hidden]?[hidden]"
		if got := inForce(t, "--"+name, given)[name].Values; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q", given, got)
		}
	}
}
