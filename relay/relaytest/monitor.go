package relaytest

import (
	"bufio"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A Monitor sees each command that a server is sent. Not safe for concurrent use.
type Monitor struct {
	t      testing.TB
	server *Server
	lines  *bufio.Reader
	marks  int
}

// Monitor begins to watch a server's commands, until the test ends.
func (s *Server) Monitor() *Monitor {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	if _, err = conn.Write([]byte("MONITOR\r\n")); err != nil {
		s.t.Fatal(err)
	}
	m := &Monitor{t: s.t, server: s, lines: bufio.NewReader(conn)}
	if got := m.line(); got != "+OK" {
		s.t.Fatalf("MONITOR: %q", got)
	}
	return m
}

func (m *Monitor) line() string {
	m.t.Helper()
	text, err := m.lines.ReadString('\n')
	if err != nil {
		m.t.Fatal(err)
	}
	return strings.TrimRight(text, "\r\n")
}

// A Command is what a client sent: its name in lower case, and its arguments as Redis writes them.
type Command []string

// Name is the command's.
func (c Command) Name() string { return c[0] }

// About tells whether one of the arguments holds a text.
func (c Command) About(text string) bool {
	return slices.ContainsFunc(c[1:], func(a string) bool { return strings.Contains(a, text) })
}

// monitored is a line of Redis: +1700000000.123456 [0 127.0.0.1:40000] "evalsha" "…"; what a
// script does comes from "lua".
var monitored = regexp.MustCompile(`^\+[0-9.]+ \[\d+ ([^\]]+)\] (.*)$`)

// argument is one of them.
var argument = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)

// ofTheConnection are commands of a client that are there whatever it is used for.
var ofTheConnection = map[string]bool{"hello": true, "client": true, "select": true, "ping": true, "auth": true, "script": true}

// Commands returns the commands that came since the last call, without those of
// scripts and those that set up, try and end connections.
func (m *Monitor) Commands() []Command {
	m.t.Helper()
	m.marks++
	mark := fmt.Sprintf("mark-%p-%d", m, m.marks)
	m.server.Do("ECHO", mark)
	var all []Command
	for {
		found := monitored.FindStringSubmatch(m.line())
		if found == nil {
			m.t.Fatal("MONITOR says something else")
		}
		var c Command
		for _, a := range argument.FindAllStringSubmatch(found[2], -1) {
			c = append(c, a[1])
		}
		c[0] = strings.ToLower(c[0])
		switch {
		case c.Name() == "echo" && c.About(mark):
			return all
		case found[1] != "lua" && !ofTheConnection[c.Name()]:
			all = append(all, c)
		}
	}
}
