package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whippet-media/whippet/auth"
)

type vars map[string]string

func (v vars) lookup(name string) (string, bool) { s, ok := v[name]; return s, ok }

// command runs the program to its end.
func command(t *testing.T, env vars, stdin string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	con := &console{In: strings.NewReader(stdin), Out: &out, Err: &err, Version: "v1.2.3"}
	status = run(t.Context(), con, args, env.lookup)
	return status, out.String(), err.String()
}

func TestHelpAndVersion(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"--help", "serve"},
		{"serve --help", "--announce"},
		{"serve --help", "Default: 127.0.0.1:9090."},
		{"serve --help", "WHIPPET_TLS_CERT"},
		{"token mint --help", "--action"},
		{"token inspect --help", "standard input"},
		{"health --help", "--admin"},
		{"--version", "v1.2.3"},
	} {
		status, out, _ := command(t, nil, "", strings.Fields(test.args)...)
		if status != 0 || !strings.Contains(out, test.want) {
			t.Errorf("%s: %d\n%s", test.args, status, out)
		}
	}
}

func TestMistakesEndWithStatus1(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"--http=8080", "whippet: --http:"},
		{"serve --nonsense", "--nonsense"},
		{"nonsense", "See whippet --help"},
		{"--lenient=everything", "--lenient: \"everything\" is not known"},
		{"--max-sessions=20001", "--max-sessions: 20001 is out of range"},
		{"--log-level=rtc=debug", "--log-level: there is no package \"rtc\""},
		{"serve --jwt-secret=short", "--jwt-secret: it has 5 bytes"},
		{"token --life=9999h", "366 days"},
		{"token --life=-1s", "end after it begins"},
		{"token --action=dance", "unknown action"},
		{"token --stream=a/b", "no stream pattern"},
		{"token --data=/proc/none", "no node could take a token"},
		{"token inspect x", "this is no token"},
		{"token inspect", "give a token"},
		{"health --admin=127.0.0.1:1", "--admin"},
	} {
		status, out, err := command(t, vars{}, "", strings.Fields(test.args)...)
		if status != 1 || !strings.Contains(err, test.want) || out != "" {
			t.Errorf("%s: %d, stdout %q, stderr %q", test.args, status, out, err)
		}
	}
}

func TestTokenMintAndInspect(t *testing.T) {
	env := vars{"WHIPPET_DATA": filepath.Join(t.TempDir(), "data")}
	status, minted, said := command(t, env, "", "token", "--action=publish", "--stream=cam-1,cam-2", "--subject=Anna", "--life=15m")
	if status != 0 || !strings.Contains(said, "allows publish on cam-1, cam-2 until") {
		t.Fatalf("%d %s", status, said)
	}
	token := strings.TrimSpace(minted)
	if strings.Count(minted, "\n") != 1 || strings.Contains(token, " ") {
		t.Errorf("not a token alone: %q", minted)
	}
	for _, how := range []struct{ arg, stdin string }{{token, ""}, {"-", minted}, {"", minted}} {
		args := []string{"token", "inspect"}
		if how.arg != "" {
			args = append(args, how.arg)
		}
		status, shown, err := command(t, env, how.stdin, args...)
		if status != 0 || !strings.HasSuffix(shown, "valid\n") {
			t.Errorf("%d %s %s", status, shown, err)
		}
		for _, want := range []string{"Anna", "publish", "cam-1, cam-2", "whippet", "expires"} {
			if !strings.Contains(shown, want) {
				t.Errorf("no %q in\n%s", want, shown)
			}
		}
	}
	other := vars{"WHIPPET_JWT_SECRET": strings.Repeat("x", 32)}
	if status, _, err := command(t, other, "", "token", "inspect", token); status != 1 || !strings.Contains(err, "would refuse it: unknown key") {
		t.Errorf("another node's token: %d %s", status, err)
	}
}

func TestInspectShowsNoControlSequences(t *testing.T) {
	secret := strings.Repeat("k", 32)
	token, err := auth.Mint([]byte(secret), auth.Claims{
		Subject: "\x1b[2J\u009b", Audience: []string{"whippet"}, Expires: time.Now().Add(time.Hour), Actions: []auth.Action{auth.Admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := command(t, vars{"WHIPPET_JWT_SECRET": secret}, "", "token", "inspect", token)
	if strings.ContainsAny(shown, "\x1b\u009b") || !strings.Contains(shown, "valid") {
		t.Errorf("%q", shown)
	}
}

// served is a node run by the serve command.
type served struct {
	out  string // all it printed at the start
	env  vars
	logs *syncBuffer
	stop func() int // ends it and returns its status
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startServe runs a node on free ports and waits for what it prints.
func startServe(t *testing.T, args ...string) served {
	t.Helper()
	r, w := io.Pipe()
	s := served{env: vars{"WHIPPET_DATA": filepath.Join(t.TempDir(), "data"), "WHIPPET_LOG_LEVEL": "debug"}, logs: &syncBuffer{}}
	ctx, cancel := context.WithCancel(t.Context())
	status := make(chan int, 1)
	go func() {
		con := &console{Out: w, Err: s.logs, Version: "v1.2.3"}
		status <- run(ctx, con, append([]string{"--http=127.0.0.1:0", "--media=127.0.0.1:0", "--admin=127.0.0.1:0"}, args...), s.env.lookup)
		_ = w.CloseWithError(io.EOF)
	}()
	s.stop = sync.OnceValue(func() int {
		cancel()
		return <-status
	})
	t.Cleanup(func() { s.stop() })
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		s.out += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "Plain HTTP") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if !strings.Contains(s.out, "is running") {
		t.Fatalf("printed %q, logged %s", s.out, s.logs)
	}
	return s
}

// find returns the first group of the pattern in what was printed.
func (s served) find(t *testing.T, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(s.out)
	if m == nil {
		t.Fatalf("no %s in\n%s", pattern, s.out)
	}
	return m[1]
}

func status(t *testing.T, method, url, token string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	a, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	return a.StatusCode
}

// TestServe: what is printed works as it is pasted, and the end is orderly.
func TestServe(t *testing.T) {
	s := startServe(t)
	base := s.find(t, `Streams\s+(http://localhost:\d+)/#token=`)
	both := s.find(t, `Streams\s+\S+#token=(\S+)`)
	publish := s.find(t, `Bearer Token\s+(\S+)`)
	play := s.find(t, `Watch\s+\S+/watch/live#token=(\S+)`)
	server := s.find(t, `Server\s+(\S+/whip/live)`)
	admin := s.find(t, `Admin\s+http://(\S+)/metrics`)

	for name, test := range map[string]struct {
		method, url, token string
		want               int
	}{
		"page":                       {"GET", base + "/", "", 200},
		"list with the page's token": {"GET", base + "/streams.json", both, 200},
		"list with the play token":   {"GET", base + "/streams.json", play, 200},
		"list without a token":       {"GET", base + "/streams.json", "", 401},
		"OBS's fields":               {"POST", server, publish, 415}, // let in; an offer is missing
		"publish with the play one":  {"POST", server, play, 403},
		"play with the publish one":  {"POST", base + "/whep/live", publish, 403},
		"no token":                   {"POST", server, "", 401},
	} {
		if got := status(t, test.method, test.url, test.token); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	if code, out, err := command(t, vars{"WHIPPET_ADMIN": admin}, "", "health"); code != 0 || out != "healthy\n" {
		t.Errorf("health: %d %s %s", code, out, err)
	}
	if !strings.Contains(s.out, "ffmpeg ") || !strings.Contains(s.out, "-f whip -authorization "+publish+" "+server) {
		t.Error("no FFmpeg line")
	}
	info, err := os.Stat(filepath.Join(s.env["WHIPPET_DATA"], "jwt-secret"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the secret: %v %v", info, err)
	}

	if got := s.stop(); got != 0 || !strings.Contains(s.logs.String(), "event=closing") || !strings.Contains(s.logs.String(), "event=closed") {
		t.Errorf("ended with %d: %s", got, s.logs)
	}
	if code, _, _ := command(t, vars{"WHIPPET_ADMIN": admin}, "", "health"); code != 1 {
		t.Error("healthy after its end")
	}
	for _, secret := range []string{both, publish, play} { // W134
		if strings.Contains(s.logs.String(), secret) {
			t.Error("a token in the log")
		}
	}
}

func TestServeOpen(t *testing.T) {
	s := startServe(t, "--auth=open")
	base := s.find(t, `Streams\s+(http://localhost:\d+)/\n`)
	if !strings.Contains(s.out, "OPEN: anyone") || strings.Contains(s.out, "token=") || strings.Contains(s.out, "-authorization") {
		t.Error(s.out)
	}
	if got := status(t, "GET", base+"/streams.json", "nonsense"); got != 200 {
		t.Errorf("list: %d", got)
	}
	if got := status(t, "POST", base+"/whip/live", "nonsense"); got != 415 { // W126
		t.Errorf("publish: %d", got)
	}
}

// TestServeWithAGivenSecret prints no token, but takes those made with it.
func TestServeWithAGivenSecret(t *testing.T) {
	secret := strings.Repeat("g", 40)
	s := startServe(t, "--jwt-secret="+secret)
	if strings.Contains(s.out, "eyJ") || strings.Contains(s.out, secret) {
		t.Error(s.out)
	}
	base := s.find(t, `Streams\s+(http://localhost:\d+)/\n`)
	_, token, _ := command(t, vars{"WHIPPET_JWT_SECRET": secret}, "", "token", "--action=play")
	if got := status(t, "GET", base+"/streams.json", strings.TrimSpace(token)); got != 200 {
		t.Errorf("list: %d", got)
	}
	if _, err := os.Stat(s.env["WHIPPET_DATA"]); err == nil {
		t.Error("a data folder nobody needs")
	}
}

func TestServeSaysThatThePortIsTaken(t *testing.T) {
	s := startServe(t)
	at := s.find(t, `Streams\s+http://localhost(:\d+)/`)
	status, _, err := command(t, vars{"WHIPPET_DATA": t.TempDir()}, "", "--http=127.0.0.1"+at, "--admin=127.0.0.1:0")
	if status != 1 || !strings.Contains(err, "--http") || !strings.Contains(err, "another program") {
		t.Errorf("%d %s", status, err)
	}
}
