package config

import "time"

// Flags are the settings of a node as the command line has them, for kong. The
// tags are the one place for names, defaults and help texts. [Flags.Config] checks
// them.
type Flags struct {
	File string `name:"config" placeholder:"FILE" help:"YAML file with settings; its keys are the names of these flags."`

	Network  `embed:"" group:"Network"`
	Access   `embed:"" group:"Access"`
	Policy   `embed:"" group:"Streams"`
	Nodes    `embed:"" group:"Cluster"`
	Others   `embed:"" group:"Other servers"`
	Bounds   `embed:"" group:"Clients"`
	Hooks    `embed:"" group:"Webhooks"`
	Watching `embed:"" group:"Metrics and traces"`
	Logging  `embed:"" group:"Logs"`
}

// Network holds the settings about addresses.
type Network struct {
	HTTP           string   `name:"http" default:":8080" placeholder:"ADDRESS" help:"Listen here for WHIP, WHEP and the pages; media over TCP (ICE-TCP) shares the port."`
	Media          string   `name:"media" placeholder:"ADDRESS" help:"UDP address for all media. Default: all addresses, the port of --http."`
	Announce       []string `name:"announce" placeholder:"ADDRESS" help:"Addresses or names, each with :port if it differs, under which the media port can be reached from outside (NAT, container). Default: those of the network interfaces."`
	PublicURL      string   `name:"public-url" placeholder:"URL" help:"The node's URL as clients see it, e.g. https://live.example/media. Default: taken from each request."`
	TrustedProxies []string `name:"trusted-proxies" placeholder:"CIDR" help:"Addresses or networks of reverse proxies whose Forwarded and X-Forwarded-… headers are believed."`
	CORSOrigin     []string `name:"cors-origin" default:"*" placeholder:"ORIGIN" help:"Pages that may use this node, e.g. https://player.example; * for all."`
	PublicAPI      bool     `name:"public-api" default:"true" negatable:"" help:"Serve the REST API on --http too; without it only on --admin. Either way it needs a token."`
	Admin          string   `name:"admin" default:"127.0.0.1:9090" placeholder:"ADDRESS" help:"Listen here for the operator's pages, the API, metrics and health. Keep it private: metrics and profiles want no token."`
	TLSCert        string   `name:"tls-cert" placeholder:"FILE" help:"Certificate chain (PEM) for HTTPS on --http; read again when the file changes."`
	TLSKey         string   `name:"tls-key" placeholder:"FILE" help:"Private key (PEM) of --tls-cert."`
	ICEServer      []string `name:"ice-server" placeholder:"URL" help:"STUN or TURN servers told to clients, e.g. stun:stun.example:3478 or turn:turn.example:3478."`
	TURNSecret     string   `name:"turn-secret" placeholder:"SECRET" help:"Shared secret of the TURN servers; short-lived credentials are made from it."`
	TURNSecretFile string   `name:"turn-secret-file" placeholder:"FILE" help:"File that holds --turn-secret."`
}

// Access holds the settings about who may do what.
type Access struct {
	Auth string `name:"auth" default:"token" enum:"token,open" placeholder:"token|open" help:"token: publishing and playing need a token. open: anyone who reaches the node may do both."`
	Keys `embed:""`

	AuthURL string `name:"auth-url" placeholder:"URL" help:"Service that decides about what no key of this node checks: it gets a POST with action, stream, token and address, and allows with 200 or 204. Without an answer in three seconds everything is refused."`

	StreamKey     []string `name:"stream-key" placeholder:"STREAM:ACTION=KEY" help:"Fixed keys for encoders and players that cannot have tokens: cam-1:publish=KEY, cam-1:play=OTHERKEY, of 16 letters at least."`
	StreamKeyFile string   `name:"stream-key-file" placeholder:"FILE" help:"File with such keys, one a line."`

	SessionAuth string   `name:"session-auth" default:"url" enum:"url,token" placeholder:"url|token" help:"What changing and ending a session needs. url: its unguessable URL, and if a token is sent, a good one. token: a token in any case."`
	Lenient     []string `name:"lenient" placeholder:"WHAT" help:"What clients may leave out against the standard. if-match: the If-Match of a PATCH. bearer: the word Bearer before a token. query: the header; the token may be in the URL, as access_token or token, where others may see it."`
}

// Keys holds the settings that make and check tokens. The token command has them too.
type Keys struct {
	JWTSecret     string   `name:"jwt-secret" placeholder:"SECRET" help:"Secret of at least 32 bytes that signs tokens (HS256). Default: one is made and kept in --data, unless --jwt-key or --jwks-url is given."`
	JWTSecretFile string   `name:"jwt-secret-file" placeholder:"FILE" help:"File that holds --jwt-secret."`
	JWTKey        []string `name:"jwt-key" placeholder:"[ISSUER=]FILE" help:"Files with keys of others who sign tokens: public keys in PEM, a JWK or a JWK set. Read again every five minutes and when a token names a key that is not there."`
	JWKSURL       []string `name:"jwks-url" placeholder:"[ISSUER=]URL" help:"JWK sets on the web with keys of others who sign tokens; https: only, but from this machine. Read again like --jwt-key."`
	JWTIssuer     string   `name:"jwt-issuer" placeholder:"ISSUER" help:"What the iss claim of a token must be; keys whose ISSUER is written in front of them have that one. Default: any."`
	JWTAudience   string   `name:"jwt-audience" default:"whippet" placeholder:"NAME" help:"What the aud claim of a token must be or contain."`
	JWTType       string   `name:"jwt-type" placeholder:"TYPE" help:"What the typ header of a token must be, so that other tokens of the same keys do not work. Default: any."`
	Data          string   `name:"data" placeholder:"DIR" help:"Folder for the secret the node makes, and for what was revoked. Default: $XDG_DATA_HOME/whippet, else ~/.local/share/whippet."`
}

// Policy holds the settings about streams and sessions.
type Policy struct {
	Conflict       string `name:"conflict" default:"reject" enum:"reject,takeover" placeholder:"reject|takeover" help:"A second publisher of a live stream is refused (reject) or replaces the first (takeover)."`
	Absent         string `name:"absent" default:"wait" enum:"wait,reject" placeholder:"wait|reject" help:"A subscriber of a stream without a publisher waits for one (wait) or is refused (reject)."`
	MaxSessions    int    `name:"max-sessions" default:"10000" placeholder:"N" help:"Most sessions at a time, publishers and subscribers together."`
	MaxSubscribers int    `name:"max-subscribers" default:"10000" placeholder:"N" help:"Most subscribers of one stream at a time."`

	MaxBitrate        string `name:"max-bitrate" placeholder:"BITRATE" help:"Most bits per second to all subscribers of the node together, e.g. 900M; each gets the best layers that fit its even part. Default: no limit."`
	MaxStreamBitrate  string `name:"max-stream-bitrate" placeholder:"BITRATE" help:"The same for all subscribers of one stream."`
	MaxSessionBitrate string `name:"max-session-bitrate" placeholder:"BITRATE" help:"Most bits per second to one subscriber, e.g. 2500k."`
}

// Watching holds the settings about metrics and traces.
type Watching struct {
	MetricsStreams int `name:"metrics-streams" default:"0" placeholder:"N" help:"Streams that have series of their own in /metrics, a dozen each; further ones are summed up as (other). 0: none have."`

	TraceEndpoint string  `name:"trace-endpoint" placeholder:"URL" help:"Send traces of sessions' beginnings here, as OTLP over HTTP, e.g. http://127.0.0.1:4318/v1/traces. Default: there are no traces."`
	TraceShare    float64 `name:"trace-share" default:"1" placeholder:"SHARE" help:"Part of the sessions that are traced, 0 to 1. A POST with a traceparent header says itself whether it is."`
}

// Hooks holds the settings about webhooks.
type Hooks struct {
	Webhook           []string      `name:"webhook" placeholder:"[EVENTS[@STREAMS]=]URL" help:"Send events to these URLs, see docs/webhooks.md. EVENTS are publish, subscriber, stream, diagnosis, auth or all, with + between them; without them all but subscriber. STREAMS is a name in which * stands for anything: publish@cam-*=https://app.example/hook."`
	WebhookSecret     string        `name:"webhook-secret" placeholder:"SECRET" help:"What signs events: whsec_ and the base64 of 24 to 64 random bytes. One for all URLs, or one for each, with commas or lines between them; two with a space between them both sign."`
	WebhookSecretFile string        `name:"webhook-secret-file" placeholder:"FILE" help:"File that holds --webhook-secret."`
	WebhookIdle       time.Duration `name:"webhook-idle" default:"1m" placeholder:"TIME" help:"A live stream that had no subscriber for so long is idle, which is an event."`
}

// Logging holds the settings about logs.
type Logging struct {
	LogLevel  string `name:"log-level" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error; for single packages add name=level: info,signaling=debug."`
	LogFormat string `name:"log-format" default:"text" enum:"text,json" placeholder:"text|json" help:"Logs go to standard error as text or json."`
}
