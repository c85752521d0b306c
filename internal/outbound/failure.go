package outbound

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// A Reason says why an attempt failed or a session ended. The words are stable.
type Reason string

// The reasons.
const (
	Unreachable    Reason = "unreachable"     // no response to the POST
	Refused        Reason = "refused"         // a 4xx that a retry would not change
	Absent         Reason = "absent"          // 404 or 410: there is no such stream or endpoint now
	Busy           Reason = "busy"            // 408, 409, 425 or 429: not now
	Unavailable    Reason = "unavailable"     // 5xx
	Redirected     Reason = "redirected"      // to nowhere that a POST may be sent to, or too often
	BadAnswer      Reason = "bad-answer"      // no SDP, or one that declines everything
	NeverConnected Reason = "never-connected" // ICE or DTLS did not come about
	Lost           Reason = "lost"            // nothing comes from the far end any more
	Left           Reason = "peer-left"       // the far end closed the session
	Gone           Reason = "publisher-gone"  // of the stream that was pushed
	Misfit         Reason = "format-changed"  // the publisher sends what was not agreed on
	Full           Reason = "full"            // this node takes no further session, or has no socket
	Taken          Reason = "taken"           // the name of the stream has a publisher, here or on another node
	Unwanted       Reason = "unwanted"        // nobody subscribes to what was pulled
	Shutdown       Reason = "shutdown"        // the node closes
)

// ours tells whether the session was no longer wanted here: nothing went wrong.
func (r Reason) ours() bool { return r == Gone || r == Unwanted || r == Shutdown || r == Taken }

// A failure is why an attempt or a session ended.
type failure struct {
	reason Reason
	status int           // of the HTTP response; 0: none
	code   string        // what is wrong with the answer, a problem code of internal/sdp; "": nothing
	after  time.Duration // the far end asks for so long a pause; 0: for none
	final  bool          // trying again is of no use before something changes, here or over there
}

// Error returns the reason, which holds no secret.
func (f *failure) Error() string { return string(f.reason) }

func because(r Reason) *failure { return &failure{reason: r} }

// asFailure returns what err says; anything unforeseen is a machine without means.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return because(Full)
}

// refusal is what a response without an answer means. A stream that is absent may come; an
// endpoint that is absent does not.
func refusal(r *http.Response, pulling bool) *failure {
	f := &failure{status: r.StatusCode, after: retryAfter(r.Header.Get("Retry-After"), time.Now())}
	switch {
	case r.StatusCode >= 500:
		f.reason = Unavailable
	case r.StatusCode == http.StatusNotFound, r.StatusCode == http.StatusGone:
		f.reason, f.final = Absent, !pulling
	case r.StatusCode == http.StatusRequestTimeout, r.StatusCode == http.StatusConflict,
		r.StatusCode == http.StatusTooEarly, r.StatusCode == http.StatusTooManyRequests:
		f.reason = Busy
	case r.StatusCode >= 400:
		f.reason, f.final = Refused, true
	case r.StatusCode >= 300:
		f.reason, f.final = Redirected, true
	default:
		f.reason, f.final = BadAnswer, true
	}
	return f
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3), bounded; 0 for neither.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(s)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// A backOff counts attempts in vain.
type backOff struct{ failed int }

// next returns the pause before another attempt: chance is 0 to 1.
func (b *backOff) next(f *failure, chance float64) time.Duration {
	if f.final {
		return refusedPause + time.Duration(chance*float64(refusedPause/2))
	}
	d := min(retryLeast<<min(b.failed, 10), retryMost)
	b.failed++
	return max(f.after, d/2+time.Duration(chance*float64(d)))
}
