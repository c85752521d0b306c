package whep

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/whippet-media/whippet/internal/signaling"
)

// A kind is a type of event. The first five are the extension's, the others our own.
type kind uint8

const (
	active      kind = iota // somebody publishes
	inactive                // nobody does any more
	layers                  // what layers there are
	reconnect               // begin a new session, this one will end
	viewercount             // how many watch
	statistics              // what this subscriber gets, once a second
	diagnosis               // what is wrong with what the publisher sends
)

func (k kind) String() string {
	return [...]string{"active", "inactive", "layers", "reconnect", "viewercount", "statistics", "diagnosis"}[k]
}

// A kindSet is some kinds of events.
type kindSet uint8

const allKinds kindSet = 1<<(diagnosis+1) - 1

func (s kindSet) has(k kind) bool { return s>>k&1 != 0 }

// kindNames lists all kinds as the Link header does.
func kindNames() string {
	var names []string
	for k := range diagnosis + 1 {
		names = append(names, k.String())
	}
	return strings.Join(names, ",")
}

// parseKinds reads the body of a POST: a JSON array of names.
func parseKinds(body []byte) (kindSet, error) {
	var names []string
	if json.Unmarshal(body, &names) != nil || names == nil {
		return 0, signaling.NewProblem(http.StatusBadRequest, "malformed-json",
			`Send a JSON array of names of events, such as ["active","layers"].`)
	}
	var set kindSet
	for _, name := range names {
		one := kindOf(name)
		if one == 0 {
			return 0, signaling.NewProblem(http.StatusBadRequest, "unknown-event",
				"There is no event "+strconv.Quote(shortened(name))+". Choose among "+kindNames()+".")
		}
		set |= one
	}
	return set, nil
}

// kindOf returns the set of the one kind that has the name, 0 if none has.
func kindOf(name string) kindSet {
	for k := range diagnosis + 1 {
		if k.String() == name {
			return 1 << k
		}
	}
	return 0
}

// shortened is what a sentence repeats of a client's words.
func shortened(s string) string {
	const enough = 32
	if len(s) <= enough {
		return s
	}
	return strings.ToValidUTF8(s[:enough], "") + "…"
}

// An event is one message of an event stream.
type event struct {
	number uint64 // within the stream, from 1
	kind   kind
	data   []byte // JSON without a line feed
}

// appendTo writes the event as the event stream format has it (HTML Living Standard
// §9.2.6).
func (e *event) appendTo(b []byte) []byte {
	b = strconv.AppendUint(append(b, "id: "...), e.number, 10)
	b = append(append(b, "\nevent: "...), e.kind.String()...)
	b = append(append(b, "\ndata: "...), e.data...)
	return append(b, "\n\n"...)
}

// marshal writes v, which cannot fail, as one line of JSON.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("whep: cannot be marshalled: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
