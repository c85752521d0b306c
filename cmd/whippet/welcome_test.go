package main

import (
	"flag"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/whippet-media/whippet/internal/config"
)

var update = flag.Bool("update", false, "write testdata anew")

// TestWelcome holds what is printed at the start to testdata.
func TestWelcome(t *testing.T) {
	t.Setenv("TZ", "UTC")
	lan := welcome{
		version: "v1.2.3", local: "http://localhost:8080", public: "http://192.0.2.1:8080",
		admin: "http://127.0.0.1:9090", media: []string{"192.0.2.1:8080 (UDP, TCP)", "[2001:db8::1]:8080 (UDP, TCP)"},
		publishToken: "PPP", playToken: "LLL", bothToken: "BBB",
		until: time.Date(2027, 2, 18, 12, 0, 0, 0, time.UTC), secretPath: "/home/a/.local/share/whippet/jwt-secret",
	}
	open := lan
	open.open, open.publishToken, open.playToken, open.bothToken = true, "", "", ""
	open.notes = []string{"Only 127.0.0.1 is announced: media works on this machine alone. Set --announce to an address its users can reach."}
	memory := lan
	memory.secretPath = ""
	given := lan
	given.publishToken, given.playToken, given.bothToken, given.secretPath = "", "", "", ""
	given.tls, given.local, given.public = true, "", "https://live.example"

	foreign := given
	foreign.foreign = true

	for name, w := range map[string]welcome{"foreign-keys": foreign, "lan": lan, "open": open, "secret-in-memory": memory, "given-secret-tls": given} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", "welcome-"+name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(w.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), w.String()); diff != "" {
				t.Errorf("run with -update if this is right:\n%s", diff)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	addr := func(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	lan := netip.MustParseAddr("192.0.2.1")
	for _, test := range []struct {
		name                  string
		cfg                   config.Config
		listen                string
		certificate           string
		lan                   netip.Addr
		wantLocal, wantPublic string
	}{
		{"everywhere", config.Config{}, "[::]:8080", "", lan, "http://localhost:8080", "http://192.0.2.1:8080"},
		{"no network", config.Config{}, "0.0.0.0:8080", "", netip.Addr{}, "http://localhost:8080", "http://localhost:8080"},
		{"loopback", config.Config{}, "127.0.0.1:8080", "", lan, "http://localhost:8080", "http://localhost:8080"},
		{"one address", config.Config{}, "198.51.100.1:80", "", lan, "", "http://198.51.100.1"},
		{"IPv6", config.Config{}, "[2001:db8::1]:80", "", lan, "", "http://[2001:db8::1]"},
		{"IPv6 and port", config.Config{}, "[2001:db8::1]:81", "", lan, "", "http://[2001:db8::1]:81"},
		{"TLS", config.Config{TLS: config.TLS{Cert: "c", Key: "k"}}, "[::]:443", "live.example", lan, "", "https://live.example"},
		{"TLS without a name", config.Config{TLS: config.TLS{Cert: "c", Key: "k"}}, "[::]:8443", "", lan, "https://localhost:8443", "https://192.0.2.1:8443"},
		{"public URL", config.Config{PublicURL: "https://a.example/m"}, "[::]:8080", "", lan, "", "https://a.example/m"},
	} {
		local, public := urls(test.cfg, addr(test.listen), test.certificate, test.lan)
		if local != test.wantLocal || public != test.wantPublic {
			t.Errorf("%s: %q %q, want %q %q", test.name, local, public, test.wantLocal, test.wantPublic)
		}
	}
}

func TestMediaLines(t *testing.T) {
	got := mediaLines([]string{
		"candidate:1 1 udp 1 192.0.2.1 8080 typ host", "candidate:2 1 udp 1 2001:db8::1 8080 typ host",
		"candidate:3 1 tcp 1 192.0.2.1 8080 typ host tcptype passive", "garbage",
	})
	if diff := cmp.Diff([]string{"192.0.2.1:8080 (UDP, TCP)", "[2001:db8::1]:8080 (UDP)"}, got); diff != "" {
		t.Error(diff)
	}
}
