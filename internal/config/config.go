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

	PublicURL      string         // without a slash at its end; "": taken from requests
	TrustedProxies []netip.Prefix // whose Forwarded headers are believed; empty: nobody's
	CORSOrigins    []string       // "*" or origins as browsers write them

	TLS TLS

	Open bool // no tokens: anyone may publish and play
	Tokens

	SessionToken   bool // session URLs need a token, too
	LenientIfMatch bool // a PATCH may come without If-Match
	BareToken      bool // Authorization may be the token without a scheme

	Takeover     bool // a second publisher replaces the first; else it is refused
	RejectAbsent bool // a subscriber without a publisher is refused; else it waits
	MaxSessions  int  // at least 1

	MaxSubscribers int // of a stream, at least 1

	// Bits per second to all subscribers, to those of a stream, to one; 0: no limit.
	MaxBitrate, MaxStreamBitrate, MaxSessionBitrate int64

	ClientLimits

	ICEServers []string // stun:, stuns:, turn: and turns: URLs
	TURNSecret Secret   // empty if no server needs credentials

	Webhooks Webhooks
	NodeName string // never empty

	Log Log
}

// TLS names the files of a certificate. The zero TLS is plain HTTP; else both are set.
type TLS struct{ Cert, Key string }

// On tells whether HTTPS is served.
func (t TLS) On() bool { return t.Cert != "" }

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
func LogPackages() []string { return []string{"http", "node", "signaling", "stream", "webhook"} }

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
