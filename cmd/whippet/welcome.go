package main

import (
	"fmt"
	"strings"
	"time"
)

// exampleStream is the stream of all examples.
const exampleStream = "live"

// A welcome is what a node prints when it started: lines to paste.
type welcome struct {
	version    string
	local      string // URL for a browser on this machine; "" if there is none
	public     string // URL for everybody else
	admin      string
	media      []string // "192.0.2.1:8080 (UDP, TCP)"
	open, tls  bool
	foreign    bool   // only others sign tokens
	secretPath string // of the made secret; "" if it is in memory

	publishToken, playToken, bothToken string    // "" if the secret is not our own
	until                              time.Time // end of the tokens

	notes []string // sentences about what may hurt
}

// String lays the page out: labels in one column, things to paste alone at the end of
// their line, unwrapped.
func (w *welcome) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nWhippet %s is running.\n", w.version)
	w.pages(&b)
	w.encoders(&b)
	w.server(&b)
	for _, note := range w.allNotes() {
		fmt.Fprintf(&b, "\n  ! %s", strings.ReplaceAll(wrap(note, 92), "\n", "\n    "))
	}
	if len(w.allNotes()) > 0 {
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return b.String()
}

func section(b *strings.Builder, title string) { fmt.Fprintf(b, "\n%s\n", title) }

func row(b *strings.Builder, label, value string) { fmt.Fprintf(b, "  %-15s %s\n", label, value) }

func (w *welcome) pages(b *strings.Builder) {
	section(b, "Browser")
	here := w.local
	if here == "" {
		here = w.public
	}
	row(b, "Streams", here+"/"+fragment(w.bothToken))
	row(b, "Publish", here+"/publish/"+exampleStream+fragment(w.publishToken))
	row(b, "Watch", w.public+"/watch/"+exampleStream+fragment(w.playToken))
	row(b, "WHEP players", w.public+"/whep/"+exampleStream)
}

func (w *welcome) encoders(b *strings.Builder) {
	endpoint := w.public + "/whip/" + exampleStream
	section(b, "OBS Studio: Settings, Stream, Service WHIP")
	row(b, "Server", endpoint)
	if !w.open {
		row(b, "Bearer Token", orPlaceholder(w.publishToken))
	}
	section(b, "FFmpeg")
	fmt.Fprintf(b, "  ffmpeg -re -i input.mp4 -c:v libx264 -profile:v baseline -pix_fmt yuv420p -bf 0 -g 60 -c:a libopus -ar 48000 -ac 2 -f whip%s %s\n",
		w.authorization(), endpoint)
}

func (w *welcome) authorization() string {
	if w.open {
		return ""
	}
	return " -authorization " + orPlaceholder(w.publishToken)
}

func (w *welcome) server(b *strings.Builder) {
	section(b, "Node")
	for i, line := range w.media {
		row(b, map[bool]string{true: "Media"}[i == 0], line)
	}
	row(b, "Operator", w.admin+"/ (asks for a token: whippet token --action admin)")
	row(b, "Admin", w.admin+"/metrics")
	switch {
	case w.open:
	case w.foreign:
		row(b, "Tokens", "signed by those whose keys --jwt-key and --jwks-url name; try one with: whippet token inspect")
	case w.publishToken == "":
		row(b, "Tokens", "signed with your secret; make one with: whippet token --action publish --stream "+exampleStream)
	case w.secretPath == "":
		row(b, "Tokens", "good until this node ends, for every stream")
	default:
		row(b, "Tokens", "good until "+w.until.Local().Format(time.DateOnly)+", for every stream; others: whippet token mint --help")
		row(b, "Secret", w.secretPath+" (delete it to end all tokens)")
	}
}

// allNotes adds what follows from the settings to what was noticed.
func (w *welcome) allNotes() []string {
	var notes []string
	if w.open {
		notes = append(notes, "OPEN: anyone who reaches this node may publish and watch. Leave out --auth=open to demand tokens.")
	}
	if !w.tls && !strings.HasPrefix(w.public, "https:") {
		notes = append(notes, "Plain HTTP: tokens and pages travel unencrypted, and browsers allow camera and microphone on "+
			"http://localhost only. Set --tls-cert and --tls-key, or put a proxy with TLS in front.")
	}
	return append(notes, w.notes...)
}

// fragment puts a token where browsers do not send it to any server.
func fragment(token string) string {
	if token == "" {
		return ""
	}
	return "#token=" + token
}

func orPlaceholder(token string) string {
	if token == "" {
		return "TOKEN"
	}
	return token
}

// wrap breaks a text at spaces so that lines have at most width bytes where possible.
func wrap(text string, width int) string {
	var b strings.Builder
	length := 0
	for _, word := range strings.Fields(text) {
		switch {
		case length == 0:
		case length+1+len(word) > width:
			b.WriteByte('\n')
			length = 0
		default:
			b.WriteByte(' ')
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return b.String()
}
