package harness

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Evidence describes what tells the causes of lost packets apart, for a test that failed: what
// every open session of the browser says of loss and of the addresses it talks to, what the browser
// threw away unread, what the system dropped at full sockets, and what the node lost, repaired
// and dropped.
func (s *Session) Evidence(t testing.TB, n *Node) string {
	t.Helper()
	var b strings.Builder
	for _, other := range s.page.browser.started() {
		if lines, err := other.losses(); err == nil { // else it has ended
			fmt.Fprintf(&b, "session %q:\n%s", other.name, indent(lines))
		}
	}
	fmt.Fprintf(&b, "the browser's sockets:\n%s", indent(s.page.browser.discarded()))
	fmt.Fprintf(&b, "UDP sockets of this machine that overflowed:\n%s", indent(overflows()))
	fmt.Fprintf(&b, "the node's counters:\n%s", indent(n.losses()))
	return b.String()
}

func indent(lines []string) string {
	if len(lines) == 0 {
		return "  nothing\n"
	}
	return "  " + strings.Join(lines, "\n  ") + "\n"
}

// losses lists what a session's reports say of loss: of what it received, of what the node said
// it received, and the pairs of addresses that packets came by.
func (s *Session) losses() ([]string, error) {
	var reports []map[string]any
	if err := s.try("stats", nil, &reports); err != nil {
		return nil, err
	}
	addresses := map[any]string{}
	for _, r := range reports {
		addresses[r["id"]] = fmt.Sprintf("%v:%v", r["address"], r["port"])
	}
	var lines []string
	for _, r := range reports {
		switch r["type"] {
		case "inbound-rtp", "remote-inbound-rtp":
			lines = append(lines, describe(r, "type", "kind", "ssrc", "rid", "packetsReceived", "packetsLost",
				"packetsDiscarded", "retransmittedPacketsReceived", "nackCount", "pliCount"))
		case "candidate-pair":
			if received, _ := r["packetsReceived"].(float64); received > 0 {
				lines = append(lines, fmt.Sprintf("%s to %s: %s", addresses[r["localCandidateId"]],
					addresses[r["remoteCandidateId"]], describe(r, "nominated", "packetsReceived", "responsesReceived")))
			}
		}
	}
	return lines, nil
}

// describe writes the named fields that a report has.
func describe(report map[string]any, names ...string) string {
	var fields []string
	for _, name := range names {
		if v, ok := report[name]; ok {
			if f, isNumber := v.(float64); isNumber {
				v = strconv.FormatFloat(f, 'f', -1, 64)
			}
			fields = append(fields, fmt.Sprintf("%s=%v", name, v))
		}
	}
	return strings.Join(fields, " ")
}

// maxShown bounds the lines shown of one kind of evidence.
const maxShown = 50

// discarded returns what the browser's log says of its sockets for media: it names packets from
// addresses it has not heard of, which it throws away.
func (b *Browser) discarded() []string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, ":ERROR:services/network/p2p/") && len(lines) < maxShown {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// overflows lists the UDP sockets that dropped packets because nobody read them in time.
func overflows() []string {
	var lines []string
	for _, path := range []string{"/proc/net/udp", "/proc/net/udp6"} {
		text, err := os.ReadFile(path)
		if err != nil {
			lines = append(lines, err.Error())
		}
		for line := range strings.Lines(string(text)) {
			// proc(5): sl local remote st queues tr when retransmits uid timeout inode ref pointer drops
			f := strings.Fields(line)
			if len(f) < 13 || f[0] == "sl" || f[12] == "0" || len(lines) == maxShown {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			port, _ := strconv.ParseUint(hex, 16, 16)
			lines = append(lines, fmt.Sprintf("port %d, of %s: %s dropped", port, socketOwner(f[9]), f[12]))
		}
	}
	return lines
}

// socketOwner returns the name of a process that has the socket with this inode open.
func socketOwner(inode string) string {
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if target, err := os.Readlink(file); err == nil && target == "socket:["+inode+"]" {
			name, _ := os.ReadFile(filepath.Join(filepath.Dir(filepath.Dir(file)), "comm"))
			return strings.TrimSpace(string(name))
		}
	}
	return "nobody"
}

// losses lists the node's counters of what was lost, asked for again, repaired and dropped, as
// far as they are not zero.
func (n *Node) losses() []string {
	client := http.Client{Timeout: callTimeout}
	r, err := client.Get(n.Admin + "/metrics")
	if err != nil {
		return []string{err.Error()}
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		for _, word := range []string{"_dropped_", "_nacks_", "_repaired_", "_errors_", "_keyframe_"} {
			if strings.HasPrefix(line, "whippet_") && strings.Contains(line, word) && !strings.HasSuffix(line, " 0") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
