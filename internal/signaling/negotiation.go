package signaling

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strconv"
	"sync"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/rtc"
	"github.com/whippet-media/whippet/internal/sdp"
)

// A Peer is what PATCH needs of a session's peer. [rtc.Peer] is one.
type Peer interface {
	// AddCandidate adds a candidate of the current generation.
	AddCandidate(candidate string) error
	// Restart begins a new ICE generation. On error the old one goes on.
	Restart(ufrag, pwd string, candidates []string) (rtc.Local, error)
}

// credentials are one side's of one ICE generation.
type credentials struct{ ufrag, pwd string }

// A negotiation is a session's ICE as PATCH sees it (RFC 9725 §4.3): the generation in
// force, its entity tag, and what came before.
type negotiation struct {
	// mu guards all fields and is held while a PATCH is applied, so that parallel ones
	// are applied one after the other.
	mu         sync.Mutex
	offer      *sdp.Offer
	peer       Peer
	tag        string // strong, with quotes
	remote     credentials
	past       map[credentials]bool // nil before the first restart
	candidates int                  // trickled in this generation
	request    digest               // of the PATCH that began this generation, zero for the first
	response   reply                // to it
}

type digest [sha256.Size]byte

// A reply is the outcome of a PATCH: the zero reply is a 204, one with a body a restart.
type reply struct {
	tag  string
	body []byte
}

func (n *negotiation) begin(offer *sdp.Offer, peer Peer) (tag string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.offer, n.peer, n.tag = offer, peer, newTag()
	n.remote = credentials{offer.Ufrag, offer.Pwd}
	return n.tag
}

func newTag() string { return `"` + randomText(9) + `"` }

// patch applies a fragment or leaves everything as it was.
func (n *negotiation) patch(p precondition, lenient bool, body []byte) (reply, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !p.present && lenient {
		p.any = true
	} else if err := n.check(p); err != nil {
		return reply{}, err
	}
	f, err := sdp.ParseFragment(body)
	if err != nil {
		return reply{}, err
	}
	if err := f.CheckMIDs(n.offer); err != nil {
		return reply{}, err
	}
	creds := credentials{f.Ufrag, f.Pwd}
	switch {
	case p.any && n.request == sha256.Sum256(body):
		return n.response, nil // the response to the restart was lost
	case creds == credentials{} || creds == n.remote:
		n.trickle(f)
		return reply{}, nil
	case n.past[creds]:
		return reply{}, NewProblem(http.StatusPreconditionFailed, "superseded-credentials",
			"These ICE credentials were replaced by a restart. Restart with new ones.")
	}
	return n.restart(creds, f, body)
}

func (n *negotiation) check(p precondition) error {
	switch {
	case !p.present:
		return NewProblem(http.StatusPreconditionRequired, "if-match-required",
			"Send If-Match with the ETag of the 201, or with * to restart ICE.")
	case !p.matches(n.tag):
		return NewProblem(http.StatusPreconditionFailed, "stale-etag",
			"If-Match does not hold the session's current ETag. ICE was restarted since, or the tag is another session's.")
	}
	return nil
}

// trickle adds the candidates of this generation. One that cannot be used is no error
// (RFC 9725 §4.3.2), nor is one too many.
func (n *negotiation) trickle(f *sdp.Fragment) {
	for _, c := range f.CandidatesFor(n.remote.ufrag) {
		if n.candidates == maxCandidates {
			return
		}
		n.candidates++
		_ = n.peer.AddCandidate(c)
	}
}

func (n *negotiation) restart(creds credentials, f *sdp.Fragment, body []byte) (reply, error) {
	if len(n.past) >= maxGenerations {
		return reply{}, NewProblem(http.StatusUnprocessableEntity, "too-many-restarts",
			"This session restarted ICE too often. DELETE it and POST a new offer.")
	}
	candidates := f.CandidatesFor(creds.ufrag)
	candidates = candidates[:min(len(candidates), maxCandidates)]
	local, err := n.peer.Restart(creds.ufrag, creds.pwd, candidates)
	if err != nil {
		return reply{}, restartProblem(err)
	}
	if n.past == nil {
		n.past = map[credentials]bool{}
	}
	n.past[n.remote] = true
	n.remote, n.tag, n.candidates = creds, newTag(), len(candidates)
	n.request = sha256.Sum256(body)
	n.response = reply{tag: n.tag, body: sdp.WriteFragment(n.offer, answerOf(local))}
	return n.response, nil
}

func restartProblem(err error) error {
	switch {
	case errors.Is(err, rtc.ErrClosed):
		return NoSession()
	case errors.Is(err, rtc.ErrBadCredentials):
		return NewProblem(http.StatusBadRequest, "bad-ice-credentials",
			"An ice-ufrag has 4 to 256 characters and an ice-pwd 22 to 256, all letters, digits, + or /.")
	}
	return NewProblem(http.StatusUnprocessableEntity, "restart-failed",
		"ICE could not be restarted; the session goes on as before. DELETE it and POST a new offer.")
}

// answerOf returns what our end of the transport adds to an answer.
func answerOf(l rtc.Local) sdp.Answer {
	setup := sdp.Passive
	if l.Setup == rtc.Active {
		setup = sdp.Active
	}
	return sdp.Answer{
		Ufrag:       l.Ufrag,
		Pwd:         l.Pwd,
		Fingerprint: l.Fingerprint,
		Setup:       setup,
		Candidates:  l.Candidates,
		Lite:        l.Lite,
	}
}

// write sends the reply: 204 without a tag for trickle, 200 with the new one for a
// restart (RFC 9725 §4.3.1).
func (r reply) write(c echo.Context) error {
	if r.body == nil {
		return c.NoContent(http.StatusNoContent)
	}
	h := c.Response().Header()
	h.Set("ETag", r.tag)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(r.body)))
	return c.Blob(http.StatusOK, typeFragment, r.body)
}
