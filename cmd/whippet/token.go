package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
)

// tokenCmd makes and shows tokens of the keys a node uses.
type tokenCmd struct {
	Mint    mintCmd    `cmd:"" default:"withargs" help:"Make a token; it goes to standard output, what it allows to standard error."`
	Inspect inspectCmd `cmd:"" help:"Show what a token says, whether a node would take it, and if not, why."`
}

// keyFlags find the keys where serve does.
type keyFlags struct {
	Config      string `name:"config" placeholder:"FILE" help:"YAML file with settings of the node."`
	config.Keys `embed:""`
}

// keys returns keys that outlive this process, or an error.
func (c *keyFlags) keys() (keyring, error) {
	given, err := c.Check()
	if err != nil {
		return keyring{}, err
	}
	keys, err := openKeys(given)
	if err == nil && keys.made && keys.path == "" {
		err = errors.New("no node could take a token made now: " + strings.Join(keys.warnings, "; "))
	}
	return keys, err
}

type mintCmd struct {
	Action     []auth.Action `name:"action" default:"publish,play" placeholder:"ACTION" help:"What the token allows: publish, play, admin, metrics."`
	Stream     []string      `name:"stream" default:"*" placeholder:"NAME" help:"On which streams: names, with * for any part: cam-1, cam-*."`
	Subject    string        `name:"subject" placeholder:"NAME" help:"Who the token is for. A publisher may replace one of the same subject."`
	Life       time.Duration `name:"life" default:"24h" placeholder:"TIME" help:"How long the token works, e.g. 15m or 720h; at most 366 days. Sessions end with it, but for --max-session."`
	MaxSession time.Duration `name:"max-session" placeholder:"TIME" help:"How long a session may last, also beyond the token's end. Default: until that."`
	Origin     []string      `name:"origin" placeholder:"ORIGIN" help:"Pages that may use the token, e.g. https://player.example. Default: all."`
	IP         []string      `name:"ip" placeholder:"CIDR" help:"Addresses or networks where the token may be used. Default: everywhere."`
	limitFlags `embed:""`

	SignKey string `name:"sign-key" placeholder:"FILE" help:"Sign with this private key (PEM or JWK) instead of the node's secret; the node gets the public one by --jwt-key or --jwks-url."`
	KeyID   string `name:"kid" placeholder:"ID" help:"The kid of --sign-key. Default: the one in the JWK, else none."`

	keyFlags `embed:""`
}

// limitFlags are the limits of a token.
type limitFlags struct {
	Bitrate  string   `name:"limit-bitrate" placeholder:"BITRATE" help:"Most bits per second of a session, e.g. 2500k."`
	Width    int      `name:"limit-width" placeholder:"N" help:"Widest picture, in pixels."`
	Height   int      `name:"limit-height" placeholder:"N" help:"Highest picture, in pixels."`
	Kinds    []string `name:"limit-kinds" placeholder:"KIND" help:"audio, video or both."`
	Layers   int      `name:"limit-layers" placeholder:"N" help:"Most simulcast encodings of a publisher."`
	Viewers  int      `name:"limit-viewers" placeholder:"N" help:"Most subscribers of the stream."`
	Sessions int      `name:"limit-sessions" placeholder:"N" help:"Most sessions at a time."`
}

func (l limitFlags) limits() (auth.Limits, error) {
	limits := auth.Limits{
		Width: l.Width, Height: l.Height, Kinds: l.Kinds, Layers: l.Layers, Subscribers: l.Viewers, Sessions: l.Sessions,
	}
	if l.Bitrate == "" {
		return limits, nil
	}
	bitrate, ok := config.ParseBitrate(l.Bitrate)
	if !ok || bitrate < 1 {
		return auth.Limits{}, fmt.Errorf("--limit-bitrate: %q is no bitrate; write bits per second, as in 2500k or 8M", l.Bitrate)
	}
	limits.Bitrate = bitrate
	return limits, nil
}

// Run makes the token.
func (c *mintCmd) Run(con *console) error {
	claims, err := c.claims(time.Now().Truncate(time.Second))
	if err != nil {
		return err
	}
	keys, signer, err := c.signer()
	if err != nil {
		return err
	}
	token, err := keys.mint(signer, claims)
	if err != nil {
		return err
	}
	fmt.Fprintln(con.Out, token)
	fmt.Fprintf(con.Err, "allows %s on %s until %s\n",
		join(c.Action), strings.Join(c.Stream, ", "), claims.Expires.Local().Format(time.DateTime))
	return nil
}

func (c *mintCmd) claims(now time.Time) (auth.Claims, error) {
	claims := auth.Claims{
		Subject: c.Subject, ID: rand.Text()[:10], IssuedAt: now, Expires: now.Add(c.Life),
		Actions: c.Action, Streams: c.Stream, MaxSession: c.MaxSession, Origins: c.Origin,
	}
	for _, s := range c.IP {
		p, err := auth.ParsePrefix(s)
		if err != nil {
			return auth.Claims{}, fmt.Errorf("--ip: %q: %w", s, err)
		}
		claims.Prefixes = append(claims.Prefixes, p)
	}
	var err error
	claims.Limits, err = c.limits()
	return claims, err
}

// signer returns the key of --sign-key, else that of the node's secret.
func (c *mintCmd) signer() (keyring, auth.Signer, error) {
	if c.SignKey == "" {
		if c.KeyID != "" {
			return keyring{}, auth.Signer{}, errors.New("--kid: it is for --sign-key; tokens of a secret have none")
		}
		keys, err := c.keys()
		if err != nil {
			return keyring{}, auth.Signer{}, err
		}
		signer, err := keys.signer()
		return keys, signer, err
	}
	given, err := c.Check()
	if err != nil {
		return keyring{}, auth.Signer{}, err
	}
	signer, err := readSigner(c.SignKey)
	if err != nil {
		return keyring{}, auth.Signer{}, fmt.Errorf("--sign-key %s: %w", c.SignKey, err)
	}
	if c.KeyID != "" {
		signer.ID = c.KeyID
	}
	return keyring{Tokens: given}, signer, nil
}

// maxKeyBytes bounds a file with a private key: a wrong path may name a device that never
// ends.
const maxKeyBytes = 64 << 10

func readSigner(path string) (auth.Signer, error) {
	f, err := os.Open(path)
	if err != nil {
		return auth.Signer{}, errors.Unwrap(err) // without the path
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyBytes))
	if err != nil {
		return auth.Signer{}, err
	}
	return auth.ParseSigner(text)
}

type inspectCmd struct {
	Token string `arg:"" optional:"" help:"The token; without it, or with -, it is read from standard input."`

	keyFlags `embed:""`
}

// Run shows the token. A token that no node would take is an error.
func (c *inspectCmd) Run(ctx context.Context, con *console) error {
	token, err := c.read(con.In)
	if err != nil {
		return err
	}
	claims, err := auth.Inspect(token)
	if err != nil {
		return fmt.Errorf("this is no token: %w", err)
	}
	show(con.Out, claims)
	keys, err := c.keys()
	if err != nil {
		return err
	}
	set, err := keys.open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer set.Close()
	for _, warning := range set.Warnings() {
		fmt.Fprintln(con.Out, sentence(warning))
	}
	now := time.Now()
	_, err = set.Verify(token, now)
	if err == nil {
		fmt.Fprintln(con.Out, "valid")
		return nil
	}
	for _, reason := range set.Explain(token, now) {
		fmt.Fprintln(con.Out, printable(reason))
	}
	return fmt.Errorf("a node would refuse it: %w", err)
}

func (c *inspectCmd) read(in io.Reader) (string, error) {
	token := c.Token
	if token == "" || token == "-" {
		b, err := io.ReadAll(io.LimitReader(in, auth.MaxTokenBytes+2))
		if err != nil {
			return "", err
		}
		token = string(b)
	}
	token = strings.TrimSpace(token)
	if token == "" {
		return "", errors.New("give a token as argument or on standard input")
	}
	return token, nil
}

// show writes what a token says, one claim a line.
func show(to io.Writer, c auth.Claims) {
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', 0)
	defer w.Flush()
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%s\t%s\n", name, printable(value))
		}
	}
	line("issuer", c.Issuer)
	line("subject", c.Subject)
	line("actions", join(c.Actions))
	line("streams", strings.Join(c.Streams, ", "))
	line("audience", strings.Join(c.Audience, ", "))
	line("id", c.ID)
	line("issued", date(c.IssuedAt))
	line("not before", date(c.NotBefore))
	line("expires", date(c.Expires))
	if c.MaxSession > 0 {
		line("max session", c.MaxSession.String())
	}
	line("limits", limitText(c.Limits))
	line("origins", listText(c.Origins))
	line("addresses", prefixText(c.Prefixes))
}

func limitText(l auth.Limits) string {
	var list []string
	add := func(name string, n int64) {
		if n > 0 {
			list = append(list, fmt.Sprintf("%s %d", name, n))
		}
	}
	add("bitrate", l.Bitrate)
	add("width", int64(l.Width))
	add("height", int64(l.Height))
	if l.Kinds != nil {
		list = append(list, "kinds "+listText(l.Kinds))
	}
	add("layers", int64(l.Layers))
	add("viewers", int64(l.Subscribers))
	add("sessions", int64(l.Sessions))
	return strings.Join(list, ", ")
}

func prefixText(prefixes []netip.Prefix) string {
	if prefixes == nil {
		return ""
	}
	list := []string{}
	for _, p := range prefixes {
		list = append(list, p.String())
	}
	return listText(list)
}

// listText writes a list whose absence means all and whose emptiness means none.
func listText(list []string) string {
	if list != nil && len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// printable keeps a stranger's token from writing control sequences to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

func join(actions []auth.Action) string {
	var list []string
	for _, a := range actions {
		list = append(list, string(a))
	}
	return strings.Join(list, ", ")
}
