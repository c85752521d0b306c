package signaling

import (
	"context"
	"log/slog"
	"net/netip"
	"sync/atomic"

	"github.com/whippet-media/whippet/auth"
)

// A Config says how a node's endpoints behave. The zero Config is an open node that
// any page may use, with default limits. It must not change after New.
type Config struct {
	// Verifier checks tokens. Nil: nobody has one, and the node is open.
	Verifier Verifier
	// Authoriser is asked about what the Verifier does not know. Nil: nobody is. On an open
	// node it is not asked.
	Authoriser Authoriser
	// Open lets anyone publish and play; Authorization headers of those who do are not
	// looked at. Operators need a token all the same.
	Open bool
	// RequireBearer demands a token for session URLs too. Otherwise the URL itself is
	// enough, as players that send none with PATCH and DELETE need it.
	RequireBearer bool
	// BareToken takes an Authorization header without a scheme for the token.
	BareToken bool
	// QueryToken takes a token from the URL's query, as access_token or token, where there
	// is no header. Such URLs end up in logs of proxies and histories of browsers.
	QueryToken bool
	// LenientIfMatch lets a PATCH without If-Match through, for clients that never
	// send one. RFC 9725 §4.3.1 wants 428.
	LenientIfMatch bool

	// CORSOrigins are the origins whose pages may call, or "*". Nil means "*".
	CORSOrigins []string
	// PublicURL is how clients reach the node. "" means: as each request says.
	PublicURL string
	// TrustedProxies may say so with Forwarded and X-Forwarded-… headers.
	TrustedProxies []netip.Prefix

	// ICEServers are stun: and turn: URIs for clients; TURN needs the secret that the
	// TURN servers share (coturn's static-auth-secret).
	ICEServers []string
	TURNSecret string

	// Announce is told each revocation made or taken back at this node, for other nodes to
	// Learn; the latter with an Until that has passed. It must not block. Nil: nobody is told.
	Announce func(auth.Revocation)

	// Elsewhere decides, for each request that may make a session, whether another node
	// should have it: then it returns that one's URL, without a slash at its end. placed
	// tells that another node has sent the client here. An error refuses the session. Nil: all sessions are
	// made here.
	Elsewhere func(ctx context.Context, stream string, placed bool) (base string, err error)

	// Sealer makes the tickets of browsers that are sent to another node and show a token in
	// a header, which they would not show there. Nil: they are not sent.
	Sealer Sealer

	Limits Limits
	Log    *slog.Logger // nil: nothing is logged

	// Observe is shown the events of all sessions, those of one in order and one at a
	// time, and ObserveRefusal the requests refused for their tokens. Calls come from any
	// goroutine and must neither block nor end a session before they return. Nil: nobody
	// looks.
	Observe        func(News)
	ObserveRefusal func(Refusal)
	// ObservePost is shown how each POST for a session was answered: the code of the
	// problem, "" for 201.
	ObservePost func(k Kind, code string)
	// ObserveMedia is told when the first packet of media of a session came or was sent,
	// and when its first keyframe was: see [Timeline]. Calls come from those who carry
	// media: they must not block, or take a lock of the registry.
	ObserveMedia func(s *Session, keyframe bool)
}

// A Service is what the endpoints of a node share: the sessions, and the rules of HTTP
// around them.
type Service struct {
	verifier       Verifier
	authoriser     Authoriser
	open           bool
	requireBearer  bool
	bareToken      bool
	queryToken     bool
	lenientIfMatch bool
	cors           corsPolicy
	bases          bases
	iceServers     iceServers
	announce       func(auth.Revocation)
	elsewhere      func(context.Context, string, bool) (string, error)
	sealer         Sealer
	tickets        tickets
	undecided      atomic.Bool // the Authoriser could not decide lately
	revocations    revocations
	visitors       *visitors
	limits         Limits
	log            *slog.Logger
	table          *table
	observe        func(News)
	observeRefusal func(Refusal)
	observePost    func(Kind, string)
	observeMedia   func(*Session, bool)
}

// New checks the configuration and starts the sweeper of sessions. Close it.
func New(cfg Config) (*Service, error) {
	if cfg.CORSOrigins == nil {
		cfg.CORSOrigins = []string{"*"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cors, err := newCORSPolicy(cfg.CORSOrigins)
	if err != nil {
		return nil, err
	}
	bases, err := newBases(cfg.PublicURL, cfg.TrustedProxies)
	if err != nil {
		return nil, err
	}
	ice, err := newICEServers(cfg.ICEServers, cfg.TURNSecret)
	if err != nil {
		return nil, err
	}
	limits := cfg.Limits.withDefaults()
	return &Service{
		verifier:       cfg.Verifier,
		authoriser:     cfg.Authoriser,
		open:           cfg.Open || cfg.Verifier == nil,
		requireBearer:  cfg.RequireBearer,
		bareToken:      cfg.BareToken,
		queryToken:     cfg.QueryToken,
		lenientIfMatch: cfg.LenientIfMatch,
		cors:           cors,
		bases:          bases,
		iceServers:     ice,
		announce:       cfg.Announce,
		elsewhere:      cfg.Elsewhere,
		sealer:         cfg.Sealer,
		visitors:       newVisitors(limits),
		limits:         limits,
		log:            cfg.Log,
		table:          newTable(limits),
		observe:        cfg.Observe,
		observeRefusal: cfg.ObserveRefusal,
		observePost:    cfg.ObservePost,
		observeMedia:   cfg.ObserveMedia,
	}, nil
}

// Close refuses new sessions, ends all there are, and waits until everything they held
// is given back and no goroutine of the Service is left. It may be called again.
func (s *Service) Close() { s.table.close() }

// Sessions returns how many sessions there are, and how many of them were never
// connected. Each was true a moment ago.
func (s *Service) Sessions() (all, halfOpen int) { return s.table.counts() }
