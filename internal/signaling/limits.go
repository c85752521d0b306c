package signaling

import "time"

// Limits bound what a node accepts. A zero field means its default.
type Limits struct {
	// Sessions caps all sessions of the node. At the cap a POST gets 503.
	Sessions int
	// HalfOpen caps sessions that were never connected, apart from the others: an
	// attacker who only POSTs can fill this one and no more.
	HalfOpen int
	// TokenSessions, SubjectSessions and AddressSessions cap the sessions of one token, of
	// one subject of an issuer and from one address (of IPv6: one /64). At the cap a POST
	// gets 429. 0: no cap.
	TokenSessions, SubjectSessions, AddressSessions int
	// RequestRate is how many POST, PATCH and DELETE a second one address may send in the
	// long run, FailureRate how many tokens that are not good; then it gets 429. After a
	// pause as many may come at once as in ten seconds. 0: any number.
	RequestRate, FailureRate int
	// ConnectTimeout is how long a session may stay half-open. Clients give up
	// earlier: FFmpeg after 5 s, OBS after 8 s.
	ConnectTimeout time.Duration
	// BodyBytes caps a request body; a larger one gets 413. Offers of browsers
	// reach 15 KiB.
	BodyBytes int64
	// BodyTimeout is how long a request body may take to arrive.
	BodyTimeout time.Duration
}

// Defaults of [Limits].
const (
	DefaultSessions       = 10_000
	DefaultHalfOpen       = 1_000
	DefaultConnectTimeout = 15 * time.Second
	DefaultBodyBytes      = 64 << 10
	DefaultBodyTimeout    = 10 * time.Second
)

const (
	// retryOverload is what a POST refused at a cap is told to wait: by then the
	// oldest half-open sessions are connected or reaped.
	retryOverload = 5 * time.Second

	// retryAuthoriser is what a request is told to wait that nobody decided about.
	retryAuthoriser = 2 * time.Second

	// maxTraceHeader bounds what is kept of each of a POST's trace headers, in bytes: a
	// traceparent has 55, and of a tracestate more need not be kept (W3C Trace Context
	// §3.3.1.5). A longer one counts as none.
	maxTraceHeader = 512

	// sweepInterval is how often half-open sessions are looked at. A session may
	// live that much longer than ConnectTimeout.
	sweepInterval = time.Second

	// drainBytes and drainTimeout bound what is read of a body nobody wants, so that
	// a client that writes everything before it reads sees the answer instead of a
	// reset connection.
	drainBytes   = 4 << 20
	drainTimeout = 5 * time.Second

	// maxCandidates bounds the candidates one generation of a session may trickle.
	// Each is a pair to check; a laptop with VPNs and containers has some 30.
	maxCandidates = 128

	// maxGenerations bounds the ICE restarts of a session, since the credentials of
	// all of them are remembered. A client that roams each minute needs 4 hours.
	maxGenerations = 256

	// maxTags bounds the entity tags of an If-Match list: a client has one or two.
	maxTags = 32

	// maxTokenBytes bounds a bearer token before it is hashed or verified.
	maxTokenBytes = 8 << 10

	// maxAgentBytes bounds what is kept of a POST's User-Agent. Those of browsers have
	// some 120 bytes.
	maxAgentBytes = 200

	// maxRevocations bounds the revocations a node keeps, of some 300 bytes each. One a
	// minute for a week fits.
	maxRevocations = 10_000

	// maxTickets bounds the used tickets that are remembered, of some 150 bytes each, and
	// ticketMemory is for how long: a minute around now is as old as one may be, by nodes' clocks.
	maxTickets   = 16_384
	ticketMemory = time.Minute

	// maxTicketBytes bounds what a ticket says, before it is sealed and written as text, a third
	// longer: proxies take URLs of 4 KiB. A token of who needs more has long lists of networks.
	maxTicketBytes = 2 << 10

	// maxVisitors bounds the addresses whose requests are counted, of some 400 bytes each.
	// Who attacks from more of them is bounded by the node's own caps.
	maxVisitors = 16_384

	// burstSeconds is how many seconds' worth of requests may come at once.
	burstSeconds = 10

	// turnLife is how long TURN credentials work: longer than sessions are
	// expected to, since some TURN servers refuse to refresh with expired ones.
	turnLife = 24 * time.Hour

	// preflightLife is how long a browser may keep a preflight's result. Chromium
	// cuts it at two hours.
	preflightLife = 2 * time.Hour
)

func (l Limits) withDefaults() Limits {
	setDefault(&l.Sessions, DefaultSessions)
	setDefault(&l.HalfOpen, DefaultHalfOpen)
	setDefault(&l.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&l.BodyBytes, DefaultBodyBytes)
	setDefault(&l.BodyTimeout, DefaultBodyTimeout)
	return l
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
