package node_test

import (
	"io"
	"net"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/stream"
)

// settings reads flags as the command does.
func settings(t *testing.T, args ...string) (config.Config, error) {
	t.Helper()
	var f struct{ config.Flags }
	none := func(string) (string, bool) { return "", false }
	if _, err := config.Parse(&f, args, none, kong.Writers(io.Discard, io.Discard), kong.Exit(func(int) {})); err != nil {
		return config.Config{}, err
	}
	return f.Config()
}

// TestMistakesAreFoundByTheirFlag: what the settings let through starts, so that no part
// of the node complains about a value without naming the flag.
func TestMistakesAreFoundByTheirFlag(t *testing.T) {
	for _, arg := range []string{
		"--public-url=https://live.example", "--public-url=HTTPS://Live.example:8443/m/", "--public-url=http://[::1]:8080",
		"--public-url=ftp://x", "--public-url=https://u@x", "--public-url=https://x/?q", "--public-url=https://", "--public-url=https://x/#f",
		"--cors-origin=https://a.example,http://localhost:3000", "--cors-origin=*", "--cors-origin=null", "--cors-origin=a.example",
		"--cors-origin=https://a.example/path", "--cors-origin=https://u@a.example", "--cors-origin=https://[::1]:8443/", "--cors-origin=chrome-extension://abc",
		"--ice-server=stun:a.example", "--ice-server=stuns:[::1]:5349", "--ice-server=stun:a?transport=udp", "--ice-server=stun:",
		"--ice-server=stun:a b", "--ice-server=stun:a/b", "--ice-server=stun:a@b", "--ice-server=http:a", "--ice-server=stun://a.example",
		"--ice-server=STUN:a.example", "--ice-server=turn:a.example?transport=tcp", "--ice-server=turn:a?transport=sctp", "--ice-server=turn:a#f",
	} {
		args := []string{arg}
		if len(arg) > 17 && arg[13:17] == "turn" {
			args = append(args, "--turn-secret=s")
		}
		cfg, err := settings(t, args...)
		if err != nil {
			continue
		}
		n, err := node.New(cfg, node.Deps{UDP: []net.PacketConn{udpSocket(t)}})
		if err != nil {
			t.Errorf("%s is taken, then: %v", arg, err)
			continue
		}
		n.Close()
	}
}

// TestClientLimits: what one client may take is set.
func TestClientLimits(t *testing.T) {
	cfg, err := settings(t, "--max-request-rate=2", "--max-failure-rate=1", "--max-address-sessions=1", "--max-token-sessions=2", "--max-subject-sessions=3",
		"--trusted-proxies=192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(cfg, node.Deps{UDP: []net.PacketConn{udpSocket(t)}, Verifier: verifier(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	send := func(from, authorization string) int {
		return get(n.Handler(), "DELETE", "/whip/live/none", "X-Forwarded-For", from, "Authorization", authorization).StatusCode
	}
	answers := map[int]int{}
	for range 25 {
		answers[send("203.0.113.7", "Bearer guess")]++
	}
	if answers[401] != 10 || answers[429] != 15 {
		t.Errorf("guesses: %v", answers)
	}
	if got := send("203.0.113.8", "Bearer "+token(t, "*", "publish")); got != 404 {
		t.Errorf("another address: %d", got)
	}
}

// TestW76_W85_E48_E55_Settings: what clients may leave out can be set.
func TestW76_W85_E48_E55_Settings(t *testing.T) {
	for _, test := range []struct {
		args   []string
		method string
		header []string
		want   int // on a session's URL that leads nowhere
	}{
		{nil, "DELETE", nil, 404},
		{[]string{"--session-auth=token"}, "DELETE", nil, 401},
		{nil, "DELETE", []string{"Authorization", token(t, "*", "publish")}, 401},
		{[]string{"--lenient=bearer"}, "DELETE", []string{"Authorization", token(t, "*", "publish")}, 404},
	} {
		cfg, err := settings(t, test.args...)
		if err != nil {
			t.Fatal(err)
		}
		n, err := node.New(cfg, node.Deps{UDP: []net.PacketConn{udpSocket(t)}, Verifier: verifier(t)})
		if err != nil {
			t.Fatal(err)
		}
		if got := get(n.Handler(), test.method, "/whip/live/none", test.header...).StatusCode; got != test.want {
			t.Errorf("%q: %d, want %d", test.args, got, test.want)
		}
		n.Close()
	}
	if cfg, err := settings(t, "--lenient=bearer,if-match"); err != nil || !cfg.LenientIfMatch || !cfg.BareToken {
		t.Errorf("%+v, %v", cfg, err)
	}
	if _, err := settings(t, "--lenient=all"); err == nil {
		t.Error("--lenient=all is taken")
	}
}

// TestCapsOfSettings: each of the three flags bounds what it says.
func TestCapsOfSettings(t *testing.T) {
	for flag, want := range map[string]stream.Caps{
		"--max-session-bitrate=2500k": {Session: 2_500_000},
		"--max-stream-bitrate=80M":    {Stream: 80_000_000},
		"--max-bitrate=900M":          {Node: 900_000_000},
	} {
		cfg, err := settings(t, flag)
		if err != nil {
			t.Fatal(err)
		}
		if got := node.Caps(&cfg); got != want {
			t.Errorf("%s: %+v, want %+v", flag, got, want)
		}
	}
}
