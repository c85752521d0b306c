package config

import (
	"log/slog"
	"net/netip"
)

// A Config is the checked settings of a node. It is a value that nobody changes
// after [Flags.Config] made it; its slices and maps must be left alone.
type Config struct {
	HTTP  string // host:port to listen on; the host may be empty
	Media string // host:port for UDP; "": all addresses, the port HTTP really got
	Admin string // host:port to listen on

	// Announce are addresses and names for candidates, still to be resolved. Empty:
	// the addresses of the interfaces.
	Announce []Announce

	PublicAPI bool // the REST API is on HTTP too, not only on Admin

	PublicURL      string         // without a slash at its end; "": taken from requests
	TrustedProxies []netip.Prefix // whose Forwarded headers are believed; empty: nobody's
	CORSOrigins    []string       // "*" or origins as browsers write them

	TLS TLS

	Open bool // no tokens: anyone may publish and play
	Tokens

	AuthURL    string      // service that decides about other tokens; "": none
	StreamKeys []StreamKey // fixed keys besides tokens; nil on an open node

	SessionToken   bool // session URLs need a token, too
	LenientIfMatch bool // a PATCH may come without If-Match
	BareToken      bool // Authorization may be the token without a scheme
	QueryToken     bool // the token may be in the URL

	Takeover     bool // a second publisher replaces the first; else it is refused
	RejectAbsent bool // a subscriber without a publisher is refused; else it waits
	MaxSessions  int  // at least 1

	MaxSubscribers int // of a stream, at least 1

	// Bits per second to all subscribers, to those of a stream, to one; 0: no limit.
	MaxBitrate, MaxStreamBitrate, MaxSessionBitrate int64

	ClientLimits

	ICEServers []string // stun:, stuns:, turn: and turns: URLs
	TURNSecret Secret   // empty if no server needs credentials

	Pushes []Push // to servers of others
	Pulls  []Pull // from servers of others, each of another stream

	Cluster        Cluster
	MetricsStreams int // streams with series of their own in /metrics
	Trace          Trace
	Webhooks       Webhooks
	NodeID         string // what the node is called, in a cluster and in events; never empty

	Log Log

	InForce []Setting // what all this was made of, for those who look on
}

// TLS names the files of a certificate. The zero TLS is plain HTTP; else both are set.
type TLS struct{ Cert, Key string }

// On tells whether HTTPS is served.
func (t TLS) On() bool { return t.Cert != "" }

// A Trace says where traces go. The zero Trace: nowhere.
type Trace struct {
	Endpoint string  // http or https URL of an OTLP receiver; "": there are no traces
	Share    float64 // of the sessions whose POST does not say, 0 to 1
}

// On tells whether there are traces.
func (t Trace) On() bool { return t.Endpoint != "" }

// An Announce is one value of --announce.
type Announce struct {
	Host string // address or name
	Port uint16 // 0: the port of the media socket
}

// A Log says what is logged and how.
type Log struct {
	Level    slog.Level            // of packages without one of their own
	Packages map[string]slog.Level // by name out of LogPackages
	JSON     bool                  // else text
}

// LogPackages returns the names --log-level knows.
func LogPackages() []string {
	return []string{"http", "node", "relay", "signaling", "stream", "webhook"}
}

// A Secret is bytes that no format verb, logger or encoder shows. The zero Secret
// is empty. Copies share the bytes, which must not be changed.
type Secret struct{ value []byte }

// NewSecret returns a secret of the text's bytes.
func NewSecret(text string) Secret { return Secret{value: []byte(text)} }

// Bytes returns the secret itself.
func (s Secret) Bytes() []byte { return s.value }

// Empty tells whether there is no secret.
func (s Secret) Empty() bool { return len(s.value) == 0 }

const hidden = "[hidden]"

// String returns a constant.
func (s Secret) String() string { return hidden }

// GoString returns a constant.
func (s Secret) GoString() string { return hidden }

// MarshalText returns a constant; slog and encoding/json use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
