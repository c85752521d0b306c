package webhook_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/webhook"
)

// examples returns the marked code blocks of docs/webhooks.md by name.
func examples(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)<!-- example (\\S+) -->\n```\\w+\n(.*?)\n```\n").FindAllStringSubmatch(string(page), -1) {
		all[m[1]] = m[2] + "\n"
	}
	return all
}

// detailsOf returns an empty value of the details of a type.
func detailsOf(typ string) any {
	switch typ {
	case webhook.PublishStarted, webhook.SubscriberJoined:
		return &webhook.Began{}
	case webhook.PublishEnded, webhook.SubscriberLeft:
		return &webhook.Over{}
	case webhook.StreamIdle:
		return &webhook.Idle{}
	case webhook.StreamWatched:
		return &webhook.Watched{}
	case webhook.DiagnosisFound, webhook.DiagnosisCleared:
		return &webhook.Diagnosis{}
	}
	return &webhook.Refused{}
}

// TestPageShowsTheBodies: the page has an example of each type, which holds each field
// that is always there, no other, and reads back as it is written.
func TestPageShowsTheBodies(t *testing.T) {
	all := examples(t)
	for _, typ := range webhook.Types() {
		e := webhook.Event{Details: detailsOf(typ)}
		d := json.NewDecoder(strings.NewReader(all[typ]))
		d.DisallowUnknownFields()
		if err := d.Decode(&e); err != nil {
			t.Errorf("%s: %v", typ, err)
			continue
		}
		written, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var a, b any
		if err := json.Unmarshal(written, &a); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(all[typ]), &b); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(a, b) || e.Type != typ {
			t.Errorf("%s: the page has %v, the code %v", typ, b, a)
		}
	}
}

// TestPageTellsOfEveryField: each name in a body stands on the page.
func TestPageTellsOfEveryField(t *testing.T) {
	page, err := os.ReadFile("../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	names := fields(reflect.TypeFor[webhook.Event]())
	for _, typ := range webhook.Types() {
		names = append(names, fields(reflect.TypeOf(detailsOf(typ)).Elem())...)
	}
	for _, name := range append(names, append(webhook.Types(), webhook.DeadReasons()...)...) {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s is not explained", name)
		}
	}
}

func fields(t reflect.Type) (names []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous:
			names = append(names, fields(f.Type)...)
		default:
			names = append(names, name)
		}
		if f.Type.Kind() == reflect.Slice {
			names = append(names, fields(f.Type.Elem())...)
		}
	}
	return names
}

// TestPageExamplesVerify runs the programs of the page, with the real thing and with
// forgeries.
func TestPageExamplesVerify(t *testing.T) {
	for name, file := range map[string]string{"python": "hook.py", "go": "hook.go"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := filepath.Join(t.TempDir(), file)
			if err := os.WriteFile(source, []byte(examples(t)[name]), 0o600); err != nil {
				t.Fatal(err)
			}
			url, lines := start(t, programOf(t, source))
			h := webhook.New(webhook.Hasty(webhook.Config{Node: "n", Receivers: []webhook.Receiver{{
				URL: url, Secrets: [][]byte{secret(2), secret(1)}, Types: webhook.Types(),
			}}}, patience, patience))
			defer h.Close()
			h.Emit(started("cam-1", 1))
			select {
			case line := <-lines:
				if !strings.HasPrefix(line, "publish.started cam-1 {") {
					t.Errorf("it says %q", line)
				}
			case <-time.After(patience):
				t.Error("it did not take the event")
			}
			forge(t, url)
		})
	}
}

// programOf returns how to run a source file: what it starts is the program itself, so
// that it ends with the test.
func programOf(t *testing.T, source string) []string {
	t.Helper()
	if strings.HasSuffix(source, ".py") {
		if _, err := exec.LookPath("python3"); err != nil {
			t.Fatalf("%v; make setup installs it", err)
		}
		return []string{"python3", source}
	}
	program := strings.TrimSuffix(source, ".go")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return []string{program}
}

// start runs a program of the page and returns where it listens and what it prints.
func start(t *testing.T, program []string) (url string, lines chan string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	c := exec.CommandContext(t.Context(), program[0], program[1:]...)
	c.Env = append(os.Environ(), "PORT="+port, "HOOK_SECRET=whsec_"+base64.StdEncoding.EncodeToString(secret(1)))
	c.WaitDelay = time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Cancel(); _ = c.Wait() }) // it is killed
	lines = make(chan string, 10)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- s.Text()
		}
	}()
	for begin := time.Now(); time.Since(begin) < patience; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			conn.Close()
			break
		}
	}
	return "http://127.0.0.1:" + port + "/", lines
}

// forge sends what is not signed, signed by others, changed, and old.
func forge(t *testing.T, url string) {
	t.Helper()
	body := `{"id":"evt_1","type":"publish.ended","stream":"x","details":{}}`
	now := time.Now()
	for name, test := range map[string]struct {
		secret []byte
		at     time.Time
		body   string
		want   int
	}{
		"good":         {secret(1), now, body, 204},
		"other secret": {secret(3), now, body, 403},
		"changed":      {secret(1), now, strings.Replace(body, "x", "y", 1), 403},
		"old":          {secret(1), now.Add(-time.Hour), body, 403},
		"early":        {secret(1), now.Add(time.Hour), body, 403},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		signature, err := verifier(t, test.secret).Sign("evt_1", test.at, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{
			"Webhook-Id": {"evt_1"}, "Webhook-Timestamp": {fmt.Sprint(test.at.Unix())}, "Webhook-Signature": {"v1,AAAA " + signature},
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Error(name, err)
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		if answer.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", name, answer.StatusCode, test.want)
		}
	}
}
