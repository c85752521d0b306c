package house

import (
	"slices"
	"testing"
)

// down says which of our packages each package may import. A line covers what lies
// below it unless that has a line of its own. Nothing may import cmd.
func down() map[string][]string {
	codec := []string{"forwarder/codec"}
	core := append([]string{"forwarder"}, codec...)
	media := append([]string{"internal/rtc", "internal/sdp", "internal/stream"}, core...)
	return map[string][]string{
		// Leaves: pure, or glue to one library or the system.
		".":               {}, // openapi.yaml, embedded
		"auth":            {},
		"forwarder":       codec,
		"forwarder/codec": {},
		"internal/house":  {},
		"deploy/check":    {}, // a module of its own

		// One subscriber of the core behind a bottleneck, for tests.
		"forwarder/forwardertest/scenario": append([]string{"forwarder/forwardertest/link"}, core...),
		"forwarder/forwardertest/link":     {},

		"internal/authz":   {"auth"},
		"internal/keys":    {"auth"},
		"internal/metrics": {},
		"internal/quiet":   {},
		"relay":            {"auth"},
		"relay/link":       append([]string{"relay", "relay/tree", "internal/signaling"}, media...),
		"relay/tree":       {},
		"internal/sdp":     codec,
		"internal/trace":   {},
		"internal/udp":     {},
		"internal/web":     {},
		// A client shares nothing with the server but the names of codecs: it would
		// share its mistakes.
		"internal/client": append([]string{"internal/client", "internal/quiet"}, codec...),
		"internal/bench":  {"internal/quiet"}, // a far end too

		"internal/webhook":   {},
		"internal/config":    {"auth", "internal/authz", "internal/webhook", "relay"},
		"internal/rtc":       append([]string{"internal/quiet", "internal/udp"}, core...),
		"internal/stream":    core,
		"internal/signaling": append([]string{"auth"}, media...),
		"internal/outbound":  append([]string{"internal/signaling"}, media...),
		// The two protocols do not know each other, nor relays.
		"whep": append([]string{"auth", "internal/signaling"}, media...),
		"whip": append([]string{"auth", "internal/signaling"}, media...),

		"internal/api": append([]string{
			"auth", "internal/api/wire", "internal/config", "internal/outbound", "internal/signaling", "relay", "relay/link", "relay/tree",
		}, media...),
		"internal/api/wire": {},

		"internal/node": append([]string{
			".", "auth", "internal/api", "internal/authz", "internal/config", "internal/metrics", "internal/outbound", "internal/signaling",
			"internal/trace", "internal/udp", "internal/web", "internal/webhook", "relay", "relay/link", "relay/tree", "whep", "whip",
		}, media...),
		// Whole nodes with their far ends, for tests.
		"internal/nodetest": {"auth", "internal/api", "internal/client", "internal/config", "internal/node", "internal/signaling", "forwarder/codec", "relay", "relay/relaytest"},

		"cmd": {"auth", "internal/api", "internal/authz", "internal/bench", "internal/client", "internal/config", "internal/keys", "internal/node", "internal/rtc", "forwarder/codec"},
	}
}

func TestImportsOnlyGoDown(t *testing.T) {
	rules := down()
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		line := lineOf(rules, s.dir)
		if line == "" {
			t.Errorf("%s: package %s has no line in down(); give it its place", s.path, s.dir)
			continue
		}
		for _, dep := range s.own() {
			if !slices.Contains(rules[line], dep) && !within(dep, ownTree(rules, line)...) {
				t.Errorf("%s: %s must not import %s", s.path, s.dir, dep)
			}
		}
	}
}

// lineOf finds the longest rule that covers a package.
func lineOf(rules map[string][]string, dir string) string {
	best := ""
	for line := range rules {
		if within(dir, line) && len(line) > len(best) {
			best = line
		}
	}
	return best
}

// ownTree returns the line itself if it may import what lies below it: a line that
// lists itself.
func ownTree(rules map[string][]string, line string) []string {
	if slices.Contains(rules[line], line) {
		return []string{line}
	}
	return nil
}

// TestRulesHaveNoCircle: otherwise "down" would mean nothing.
func TestRulesHaveNoCircle(t *testing.T) {
	rules := down()
	var visit func(at string, path []string)
	visit = func(at string, path []string) {
		if slices.Contains(path, at) {
			t.Fatalf("a circle: %v", append(path, at))
		}
		for _, dep := range rules[at] {
			if dep != at {
				visit(dep, append(slices.Clone(path), at))
			}
		}
	}
	for line := range rules {
		visit(line, nil)
	}
}

// TestTestPackagesStayInTests: what is made for tests is no part of the program.
func TestTestPackagesStayInTests(t *testing.T) {
	for _, s := range sources(t) {
		for _, dep := range s.imports() {
			forTests := dep == "testing" || len(dep) > 4 && dep[len(dep)-4:] == "test"
			if forTests && !s.test {
				t.Errorf("%s: imports %s outside of tests", s.path, dep)
			}
		}
	}
}

// TestOnlyRTCKnowsPionsStack: a change of WebRTC library touches one package, and the
// far ends that share none of our code.
func TestOnlyRTCKnowsPionsStack(t *testing.T) {
	stack := []string{
		"github.com/pion/webrtc", "github.com/pion/interceptor", "github.com/pion/ice",
		"github.com/pion/dtls", "github.com/pion/srtp", "github.com/pion/sctp",
	}
	for _, s := range sources(t) {
		if s.test || within(s.dir, "internal/rtc", "internal/client", "internal/bench") {
			continue
		}
		for _, dep := range s.imports() {
			if within(dep, stack...) {
				t.Errorf("%s: imports %s; only internal/rtc may", s.path, dep)
			}
		}
	}
}

// TestProtocolsDoNotKnowEachOther: their tests may, a subscriber needs a publisher.
func TestProtocolsDoNotKnowEachOther(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, dep := range s.own() {
			if within(s.dir, "whip") && within(dep, "whep", "relay") || within(s.dir, "whep") && within(dep, "whip", "relay") {
				t.Errorf("%s: imports %s", s.path, dep)
			}
		}
	}
}
