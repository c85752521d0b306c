package signaling

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/whippet-media/whippet/auth"
)

// A Sealer makes texts that only nodes of this one's cluster can make and read, for a short
// time and with the same bound texts. It is safe for concurrent use.
type Sealer interface {
	Seal(b []byte, bound ...string) string
	Open(text string, bound ...string) ([]byte, error)
}

// ticketMark is the query parameter with the ticket of a browser that is sent to another node.
const ticketMark = "ticket"

// A ticket tells another node what the token of a client allows that cannot show it there:
// browsers drop Authorization when a redirect leads to another origin (Fetch, HTTP-redirect
// fetch). It is good for one POST to that node's endpoint of one stream, and makes the session
// that the token itself would have made.
type ticket struct {
	ID    string     // of this ticket
	Grant auth.Grant // as far as the session needs it
	Token tokenHash
}

// ticketOf returns the ticket of a caller who is sent on: what its token allows beyond the one
// stream is left out, and so are the pages it is for, which was looked at.
func ticketOf(by caller, k Kind, stream string) ([]byte, error) {
	g := by.grant
	g.Actions, g.Streams, g.Origins = []auth.Action{k.Action()}, []string{stream}, nil
	return json.Marshal(ticket{ID: Unguessable(), Grant: g, Token: by.token})
}

// ticketIn returns the ticket of a request; "" if it has none, or shows a token, which counts more.
func (s *Service) ticketIn(r *http.Request) string {
	if s.open || s.sealer == nil || s.presents(r) {
		return ""
	}
	return r.URL.Query().Get(ticketMark)
}

// bound is what a ticket is good for besides its time: the endpoint of the node whose public
// URL is base.
func (ep *endpoint) bound(base, stream string) []string {
	return []string{strings.TrimRight(base, "/"), ep.kind.String(), stream}
}

// redeem returns who a ticket was made for.
func (ep *endpoint) redeem(r *http.Request, text, stream string) (caller, error) {
	from, now := ep.bases.client(r), time.Now()
	if err := ep.visitors.guess(from, now); err != nil {
		return caller{}, err
	}
	t, err := ep.readTicket(text, stream)
	if err != nil {
		ep.visitors.failed(from, now)
		return caller{}, invalidToken("its ticket is not for this, or too old")
	}
	if err := ep.tickets.use(t.ID, now); err != nil {
		return caller{}, err
	}
	if ep.revocations.covers(t.Grant, "", now) {
		return caller{}, invalidToken(errRevoked.Error())
	}
	return caller{grant: t.Grant, token: t.Token, from: from}, usableFrom(t.Grant, from)
}

func (ep *endpoint) readTicket(text, stream string) (ticket, error) {
	b, err := ep.sealer.Open(text, ep.bound(ep.bases.public, stream)...)
	if err != nil {
		return ticket{}, err
	}
	var t ticket
	return t, json.Unmarshal(b, &t)
}

// usableFrom tells whether clients of an address may use the grant.
func usableFrom(g auth.Grant, from netip.Addr) error {
	if g.AllowsAddress(from) {
		return nil
	}
	return NewProblem(http.StatusForbidden, "address-not-allowed", "The token is not for clients of this address.").
		with("WWW-Authenticate", challenge+insufficient)
}

// tickets are those that were used. The zero value has none.
type tickets struct {
	// mu guards the map.
	mu   sync.Mutex
	used map[string]time.Time // when each will be too old
}

// use uses a ticket, once: whoever reads its URL in a log cannot any more.
func (l *tickets) use(id string, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, again := l.used[id]; again {
		return invalidToken("its ticket was used before")
	}
	if len(l.used) >= maxTickets && l.sweepLocked(now) == 0 {
		return nodeFull()
	}
	if l.used == nil {
		l.used = map[string]time.Time{}
	}
	l.used[id] = now.Add(ticketMemory)
	return nil
}

// sweepLocked forgets tickets that are too old and returns how many that were.
func (l *tickets) sweepLocked(now time.Time) (swept int) {
	for id, until := range l.used {
		if now.After(until) {
			delete(l.used, id)
			swept++
		}
	}
	return swept
}
