package rtc

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// W62: the first line is UDP over IPv4, component 1, host.
func TestW62_FirstCandidateIsHostIPv4(t *testing.T) {
	got := candidateLines(
		addrPorts("127.0.0.1:8080", "[2001:db8::1]:8080", "192.0.2.1:8080", "192.0.2.2:9090"),
		addrPorts("[2001:db8::1]:8080", "192.0.2.1:8080"),
	)
	want := []string{
		"candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host",
		"candidate:2 1 udp 2130706175 192.0.2.2 9090 typ host",
		"candidate:3 1 udp 2130705919 2001:db8::1 8080 typ host",
		"candidate:4 1 udp 2130705663 127.0.0.1 8080 typ host",
		"candidate:5 1 tcp 1520435199 192.0.2.1 8080 typ host tcptype passive",
		"candidate:6 1 tcp 1520434943 2001:db8::1 8080 typ host tcptype passive",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestChooseAddresses(t *testing.T) {
	for _, tc := range []struct{ name, have, want string }{
		{"LAN", "lo=127.0.0.1 lo=::1 eth0=fe80::1 eth0=2001:db8::5 eth0=192.168.1.5 docker0=172.17.0.1", "192.168.1.5 2001:db8::5"},
		{"LAN, IPv4 alone", "lo=127.0.0.1 eth0=192.168.1.5 br-1=172.18.0.1 veth0=169.254.1.1", "192.168.1.5 127.0.0.1"},
		{"cloud", "lo=127.0.0.1 eth0=8.8.8.8 eth1=10.0.0.2", "8.8.8.8 10.0.0.2"},
		{"container", "lo=127.0.0.1 eth0=172.17.0.2", "172.17.0.2 127.0.0.1"},
		{"offline", "lo=127.0.0.1 lo=::1 docker0=172.17.0.1", "172.17.0.1 127.0.0.1"},
		{"loopback", "lo=127.0.0.1 lo=::1", "127.0.0.1"},
		{"loopback, IPv6", "lo=::1 eth0=fe80::1", "::1"},
		{"nothing", "eth0=fe80::1", ""},
		{"twice", "eth0=10.0.0.1 eth1=10.0.0.1 lo=127.0.0.1", "10.0.0.1 127.0.0.1"},
		{"many", "a=9.0.0.1 a=9.0.0.2 a=9.0.0.3 a=9.0.0.4 a=9.0.0.5 a=9.0.0.6 a=9.0.0.7", "9.0.0.1 9.0.0.2 9.0.0.3 9.0.0.4 9.0.0.5 9.0.0.6"},
	} {
		var have []namedAddr
		for _, f := range strings.Fields(tc.have) {
			name, addr, _ := strings.Cut(f, "=")
			have = append(have, namedAddr{name, netip.MustParseAddr(addr)})
		}
		var got []string
		for _, a := range chooseAddresses(have) {
			got = append(got, a.String())
		}
		if s := strings.Join(got, " "); s != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, s, tc.want)
		}
	}
}

func TestReachabilityProblem(t *testing.T) {
	for addrs, want := range map[string]string{
		"":                               "No address",
		"127.0.0.1:1":                    "this machine alone",
		"127.0.0.1:1 [::1]:1":            "this machine alone",
		"172.17.0.2:1 127.0.0.1:1":       "container",
		"192.168.1.5:1 127.0.0.1:1":      "private",
		"172.17.0.2:1 10.0.0.1:1":        "private",
		"100.64.1.1:1":                   "private",
		"192.168.1.5:1 8.8.8.8:1":        "",
		"192.168.1.5:1 [2a00:1450::1]:1": "",
	} {
		got := ReachabilityProblem(candidateLines(addrPorts(strings.Fields(addrs)...), nil))
		if want == "" && got != "" || !strings.Contains(got, want) || want != "" && !strings.Contains(got, "--announce") {
			t.Errorf("%s: %q", addrs, got)
		}
	}
}

func TestAnnounce(t *testing.T) {
	any4, err := net.ListenPacket("udp4", "0.0.0.0:0")
	must(t, err)
	tr, err := New(Config{UDP: []net.PacketConn{any4}, Announce: addrPorts("203.0.113.7:0", "203.0.113.8:5000", "[2001:db8::1]:0", "203.0.113.7:0")})
	must(t, err)
	defer tr.Close()
	port := any4.LocalAddr().(*net.UDPAddr).AddrPort().Port() //nolint:forcetypeassert // it is
	want := candidateLines([]netip.AddrPort{
		netip.AddrPortFrom(netip.MustParseAddr("203.0.113.7"), port), addrPorts("203.0.113.8:5000")[0],
		netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), port),
	}, nil)
	if d := cmp.Diff(want, tr.Candidates()); d != "" {
		t.Error(d)
	}
	for _, bad := range []string{"0.0.0.0:0", "[::]:5", "224.0.0.1:0"} {
		if _, err := New(Config{UDP: []net.PacketConn{any4}, Announce: addrPorts(bad)}); err == nil {
			t.Errorf("announced %s", bad)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("no socket was accepted")
	}
}

func TestParseCandidate(t *testing.T) {
	for line, want := range map[string]string{
		"candidate:1 1 udp 2113937151 192.0.2.1 51234 typ host":                                "192.0.2.1:51234",
		"a=candidate:1 1 UDP 2113937151 2001:db8::1 51234 typ srflx raddr 0.0.0.0 rport 9":     "[2001:db8::1]:51234",
		"candidate:1 1 udp 1 192.0.2.1 51234 typ host generation 0 ufrag abcd network-cost 50": "192.0.2.1:51234",
		"candidate:1 1 udp 1 192.0.2.1 51234 typ host ufrag gone":                              "",
		"candidate:1 2 udp 1 192.0.2.1 51234 typ host":                                         "",
		"candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active":                              "",
		"candidate:1 1 sctp 1 192.0.2.1 9 typ host":                                            "",
		"candidate:1 1 udp 1 x.local 9 typ host":                                               "",
		"candidate:1 1 udp 1 192.0.2.1 9 typ quantum":                                          "",
		"candidate:1 1 udp 1 192.0.2.1 0 typ host":                                             "",
		"candidate:1 1 udp 1 224.0.0.1 9 typ host":                                             "",
		"candidate:1 1 udp 1 255.255.255.255 9 typ host":                                       "",
		"candidate:1 1 udp 1 0.0.0.0 9 typ host":                                               "",
		"candidate:garbage":                                                                    "error",
		"candidate:1 x udp 1 192.0.2.1 9 typ host":                                             "error",
		"candidate:1 1 udp 99999999999 192.0.2.1 9 typ host":                                   "error",
		"candidate:1 1 udp 1 192.0.2.1 99999 typ host":                                         "error",
		`{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host"}`:                             "error",
	} {
		c, ok, err := parseCandidate(line, "abcd")
		got := ""
		if ok {
			got = c.addr.String()
		}
		if err != nil {
			got = "error"
			if !errors.Is(err, ErrBadCandidate) {
				t.Errorf("%s: %v", line, err)
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
