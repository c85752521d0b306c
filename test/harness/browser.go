package harness

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// browserStart is how long Chromium may take to start on a busy machine.
const browserStart = 60 * time.Second

// Browser is a running headless Chromium with a fake camera and microphone. Its pages' calls may
// run at the same time.
type Browser struct {
	process *Process
	version string
	log     string // path of what Chromium itself logs

	mu       sync.Mutex
	lastID   int
	waiting  map[int]chan reply
	sessions []*Session // started by its pages
}

type reply struct {
	ID    int             `json:"id"`
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

// NewBrowser starts Chromium; it ends with the test.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	return newBrowser(t, func(c Command) Command { return c })
}

// NewBrowserBehind starts Chromium at the far end of a link, which is all the network it has.
func NewBrowserBehind(t testing.TB, l *Link) *Browser {
	t.Helper()
	return newBrowser(t, l.inside)
}

// NewBrowserAt starts Chromium at a host of a network.
func NewBrowserAt(t testing.TB, h *Host) *Browser {
	t.Helper()
	return newBrowser(t, h.Inside)
}

func newBrowser(t testing.TB, where func(Command) Command) *Browser {
	t.Helper()
	b := &Browser{waiting: map[int]chan reply{}, log: filepath.Join(t.TempDir(), "chromium.log")}
	script := filepath.Join("test", "harness", "browser.mjs")
	b.process = Start(t, where(Command{Path: "node", Args: []string{script}, Env: []string{"CHROMIUM_LOG=" + b.log}, Quiet: true}))
	line, ok := b.process.Line(browserStart)
	if !ok {
		t.Fatalf("Chromium did not start; test/setup.sh installs it and playwright-core\n%s", b.process.Log())
	}
	var first reply
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatalf("browser said %q: %v", line, err)
	}
	_ = json.Unmarshal(first.Value, &b.version)
	go b.readReplies()
	return b
}

// started returns the sessions that the browser's pages have started so far.
func (b *Browser) started() []*Session {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sessions)
}

// Version returns Chromium's version.
func (b *Browser) Version() string { return b.version }

func (b *Browser) readReplies() {
	for line := range b.process.lines {
		var r reply
		if json.Unmarshal([]byte(line), &r) != nil {
			continue
		}
		b.mu.Lock()
		c := b.waiting[r.ID]
		delete(b.waiting, r.ID)
		b.mu.Unlock()
		if c != nil {
			c <- r
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, c := range b.waiting {
		delete(b.waiting, id)
		c <- reply{Error: "the browser ended"}
	}
}

// do sends one command and waits for its reply. The script has its own limit; this one is for a
// browser that hangs.
func (b *Browser) do(command map[string]any, within time.Duration, value any) error {
	c := make(chan reply, 1)
	b.mu.Lock()
	b.lastID++
	command["id"] = b.lastID
	b.waiting[b.lastID] = c
	b.mu.Unlock()
	command["ms"] = within.Milliseconds()
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if err := b.process.Send(line); err != nil {
		return fmt.Errorf("the browser ended: %w", err)
	}
	select {
	case r := <-c:
		if r.Error != "" {
			return fmt.Errorf("%s: %s", command["do"], r.Error)
		}
		if value == nil || len(r.Value) == 0 {
			return nil
		}
		return json.Unmarshal(r.Value, value)
	case <-time.After(within + graceful):
		return fmt.Errorf("%s: the browser did not reply", command["do"])
	}
}

// Page is one open page, in a browser profile of its own.
type Page struct {
	browser *Browser
	id      string
}

// View says how a page is looked at. The zero value is a light desktop window.
type View struct {
	Width, Height int
	Dark, Mobile  bool
}

// callTimeout bounds a call that does not wait for media by itself.
const callTimeout = 30 * time.Second

// Open opens a URL and waits until it is loaded. The page is closed at the end of the test.
func (b *Browser) Open(t testing.TB, url string, v View) *Page {
	t.Helper()
	command := map[string]any{"do": "open", "url": url, "mobile": v.Mobile}
	if v.Width > 0 {
		command["view"] = map[string]int{"width": v.Width, "height": v.Height}
	}
	if v.Dark {
		command["colorScheme"] = "dark"
	}
	p := &Page{browser: b}
	if err := b.do(command, callTimeout, &p.id); err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(p.Close)
	return p
}

// Close closes the page as a closed tab does: nothing is deleted by hand. Later calls do nothing.
func (p *Page) Close() {
	if p.id != "" {
		_ = p.browser.do(map[string]any{"do": "close", "page": p.id}, callTimeout, nil)
		p.id = ""
	}
}

// Try calls a JavaScript function of one argument in the page and decodes what it returns, or
// its promise, into value (nil: ignored).
func (p *Page) Try(script string, arg, value any, within time.Duration) error {
	command := map[string]any{"do": "call", "page": p.id, "script": script, "arg": arg}
	return p.browser.do(command, within, value)
}

// Call is Try, where an error ends the test.
func (p *Page) Call(t testing.TB, script string, arg, value any) {
	t.Helper()
	if err := p.Try(script, arg, value, callTimeout); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, p.browser.process.Log())
	}
}

// Requests returns the requests the page made so far, as "POST http://…".
func (p *Page) Requests(t testing.TB) []string {
	t.Helper()
	var made []string
	if err := p.browser.do(map[string]any{"do": "requests", "page": p.id}, callTimeout, &made); err != nil {
		t.Fatal(err)
	}
	return made
}

// Posts returns how often the page POSTed to a URL.
func (p *Page) Posts(t testing.TB, url string) int {
	t.Helper()
	n := 0
	for _, r := range p.Requests(t) {
		if r == "POST "+url {
			n++
		}
	}
	return n
}

// Screenshot writes what the page shows to a PNG file.
func (p *Page) Screenshot(t testing.TB, path string) {
	t.Helper()
	if err := p.browser.do(map[string]any{"do": "screenshot", "page": p.id, "path": path}, callTimeout, nil); err != nil {
		t.Fatal(err)
	}
}
