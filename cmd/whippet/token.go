package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/config"
)

// tokenCmd makes and shows tokens of the secret a node uses.
type tokenCmd struct {
	Mint    mintCmd    `cmd:"" default:"withargs" help:"Make a token; it goes to standard output, what it allows to standard error."`
	Inspect inspectCmd `cmd:"" help:"Show what a token says and whether a node would take it."`
}

// secretFlags find the secret where serve does.
type secretFlags struct {
	Config      string `name:"config" placeholder:"FILE" help:"YAML file with settings of the node."`
	config.Keys `embed:""`
}

type mintCmd struct {
	Action  []auth.Action `name:"action" default:"publish,play" placeholder:"ACTION" help:"What the token allows: publish, play, admin, metrics."`
	Stream  []string      `name:"stream" default:"*" placeholder:"NAME" help:"On which streams: names, with * for any part: cam-1, cam-*."`
	Subject string        `name:"subject" placeholder:"NAME" help:"Who the token is for. A publisher may replace one of the same subject."`
	Life    time.Duration `name:"life" default:"24h" placeholder:"TIME" help:"How long the token works, e.g. 15m or 720h; at most 366 days. Sessions end with it."`

	secretFlags `embed:""`
}

// Run makes the token.
func (c *mintCmd) Run(con *console) error {
	keys, err := c.keys()
	if err != nil {
		return err
	}
	now := time.Now().Truncate(time.Second)
	claims := auth.Claims{
		Subject: c.Subject, ID: rand.Text()[:10], IssuedAt: now, Expires: now.Add(c.Life),
		Actions: c.Action, Streams: c.Stream,
	}
	token, err := keys.mint(claims)
	if err != nil {
		return err
	}
	fmt.Fprintln(con.Out, token)
	fmt.Fprintf(con.Err, "allows %s on %s until %s\n",
		join(c.Action), strings.Join(c.Stream, ", "), claims.Expires.Local().Format(time.DateTime))
	return nil
}

// keys returns a secret that outlives this process, or an error.
func (c *secretFlags) keys() (keyring, error) {
	secret, audience, data, err := c.Check()
	if err != nil {
		return keyring{}, err
	}
	keys, err := openKeys(secret, audience, data)
	if err == nil && keys.made && keys.path == "" {
		err = errors.New("no node could take a token made now: " + keys.warning)
	}
	return keys, err
}

type inspectCmd struct {
	Token string `arg:"" optional:"" help:"The token; without it, or with -, it is read from standard input."`

	secretFlags `embed:""`
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
	verifier, err := keys.verifier()
	if err != nil {
		return err
	}
	if _, err := verifier.Verify(token, time.Now()); err != nil {
		return fmt.Errorf("a node would refuse it: %w", err)
	}
	fmt.Fprintln(con.Out, "valid")
	return nil
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
			fmt.Fprintf(w, "%s\t%s\n", name, value)
		}
	}
	line("subject", printable(c.Subject))
	line("actions", printable(join(c.Actions)))
	line("streams", printable(strings.Join(c.Streams, ", ")))
	line("audience", printable(strings.Join(c.Audience, ", ")))
	line("id", printable(c.ID))
	line("issued", date(c.IssuedAt))
	line("not before", date(c.NotBefore))
	line("expires", date(c.Expires))
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
