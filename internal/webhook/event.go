package webhook

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// The types of events. What stands before the dot is the family.
const (
	PublishStarted   = "publish.started"   // a publisher's media began to come
	PublishEnded     = "publish.ended"     // its session is over
	SubscriberJoined = "subscriber.joined" // a subscriber is connected
	SubscriberLeft   = "subscriber.left"   // its session is over
	StreamIdle       = "stream.idle"       // a live stream had no subscriber for a while
	StreamWatched    = "stream.watched"    // it has one again
	DiagnosisFound   = "diagnosis.found"   // something is wrong with what a publisher sends
	DiagnosisCleared = "diagnosis.cleared" // and is no more
	AuthRefused      = "auth.refused"      // requests were refused for their tokens
)

// Types returns all types of events.
func Types() []string {
	return []string{
		PublishStarted, PublishEnded, SubscriberJoined, SubscriberLeft, StreamIdle, StreamWatched,
		DiagnosisFound, DiagnosisCleared, AuthRefused,
	}
}

// subscribers is the family that only those get who ask for it: a crowd has many.
const subscribers = "subscriber"

// Select returns the types that a name stands for: a type itself, a family ("publish"),
// or "all". None if the name is not known.
func Select(name string) []string {
	var all []string
	for _, t := range Types() {
		if name == "all" || name == t || name == family(t) {
			all = append(all, t)
		}
	}
	return all
}

// Usual returns the types a receiver gets unless it is said which: all but those of the
// family "subscriber".
func Usual() []string {
	return slices.DeleteFunc(Types(), func(t string) bool { return family(t) == subscribers })
}

func family(t string) string {
	f, _, _ := strings.Cut(t, ".")
	return f
}

// An Event is the body of a request. Fields may be added to it and to its details; none
// changes its meaning. It never holds a token, a session's URL or any other secret.
type Event struct {
	ID      string `json:"id"`      // of the event: the same each time it is sent
	Time    Time   `json:"time"`    // of what happened
	Type    string `json:"type"`    // one of Types
	Node    string `json:"node"`    // the name of the node
	Stream  string `json:"stream"`  // "" if it is not about one
	Session string `json:"session"` // public id; "" if it is not about one
	Details any    `json:"details"` // one of the structs below, by type
}

// Time is written in UTC with milliseconds (RFC 3339).
type Time time.Time

// MarshalText writes the time.
func (t Time) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format("2006-01-02T15:04:05.000Z")), nil
}

// UnmarshalText reads it.
func (t *Time) UnmarshalText(b []byte) error {
	at, err := time.Parse(time.RFC3339, string(b))
	*t = Time(at)
	return err
}

// A Party is who a session belongs to. What is not known is left out.
type Party struct {
	Subject string `json:"subject,omitempty"` // sub of its token
	Address string `json:"address,omitempty"` // where its POST came from
}

// Began are the details of publish.started and subscriber.joined.
type Began struct {
	Party
	After float64 `json:"after"` // seconds since the POST
}

// Over are the details of publish.ended and subscriber.left.
type Over struct {
	Party
	Reason   string  `json:"reason"`   // as the log has it
	Duration float64 `json:"duration"` // seconds since publish.started or subscriber.joined
}

// Idle are the details of stream.idle.
type Idle struct {
	Seconds float64 `json:"seconds"` // without a subscriber
}

// Watched are the details of stream.watched.
type Watched struct {
	Subscribers int `json:"subscribers"`
}

// Diagnosis are the details of diagnosis.found and, without Text, of diagnosis.cleared.
type Diagnosis struct {
	Code string `json:"code"`
	Text string `json:"text,omitempty"` // a sentence with the measured value and what to do
}

// Refused are the details of auth.refused: all requests refused in a stretch of time.
type Refused struct {
	From   Time           `json:"from"`
	To     Time           `json:"to"`
	Total  int            `json:"total"`
	Groups []RefusedGroup `json:"groups"` // the largest first
	Others int            `json:"others"` // of Total, those in no group: there are too many kinds
}

// A RefusedGroup is how many requests were refused alike.
type RefusedGroup struct {
	Code    string `json:"code"`             // of the problem, see docs/problems.md
	Status  int    `json:"status"`           // of HTTP
	Action  string `json:"action,omitempty"` // publish or play
	Stream  string `json:"stream,omitempty"` // only of streams there are: else it is anything a stranger typed
	Address string `json:"address,omitempty"`
	Count   int    `json:"count"`
}

// newID returns an event's id.
func newID() string {
	b := make([]byte, 15)
	rand.Read(b) // never fails
	return "evt_" + base64.RawURLEncoding.EncodeToString(b)
}

// body writes an event.
func (e *Event) body() []byte {
	b, err := json.Marshal(e)
	if err != nil {
		panic("webhook: an event cannot be marshalled: " + err.Error())
	}
	return b
}
