package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

// statsInterval is how often publish and play tell how they are doing.
const statsInterval = time.Second

// remoteFlags are what publish and play need to reach a server.
type remoteFlags struct {
	URLs      []string      `arg:"" name:"url" help:"The endpoint, such as http://localhost:8080/whip/studio to publish and …/whep/studio to play. With --retry, further ones are where to go when that does not work."`
	Token     string        `name:"token" env:"WHIPPET_TOKEN" placeholder:"TOKEN" help:"Bearer token."`
	TokenFile string        `name:"token-file" env:"WHIPPET_TOKEN_FILE" type:"path" placeholder:"FILE" help:"File that holds the bearer token."`
	Duration  time.Duration `name:"duration" placeholder:"TIME" help:"Stop after this time, e.g. 30s; without it, at Ctrl-C."`
	Insecure  bool          `name:"insecure" help:"Accept any TLS certificate."`
	TCP       bool          `name:"tcp" help:"Send media over ICE-TCP only, as behind a firewall that blocks UDP."`
	JSON      bool          `name:"json" help:"Write each line as JSON."`
	Retry     bool          `name:"retry" help:"When the server cannot be reached, refuses for now, or ends the session, try again until it works: at each URL in turn, with growing pauses, and not before the server's Retry-After."`
	GiveUp    time.Duration `name:"give-up" placeholder:"TIME" help:"With --retry, end when nothing has worked for this time; without it, never."`

	sessions int // tried so far
}

// options turns the flags into the client's, but for the URL.
func (f *remoteFlags) options() (client.Options, error) {
	token := f.Token
	if f.TokenFile != "" {
		if token != "" {
			return client.Options{}, errors.New("give --token or --token-file, not both")
		}
		read, err := readToken(f.TokenFile)
		if err != nil {
			return client.Options{}, fmt.Errorf("--token-file: %w", err)
		}
		token = read
	}
	for _, u := range f.URLs {
		if err := client.CheckURL(u); err != nil {
			return client.Options{}, err
		}
	}
	if len(f.URLs) > 1 && !f.Retry {
		return client.Options{}, errors.New("several URLs make sense with --retry only")
	}
	return client.Options{Token: token, InsecureTLS: f.Insecure, TCPOnly: f.TCP}, nil
}

func readToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const longest = 64 << 10
	b, err := io.ReadAll(io.LimitReader(f, longest))
	return strings.TrimSpace(string(b)), err
}

// limited bounds the context by --duration.
func (f *remoteFlags) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.Duration <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, f.Duration)
}

// print writes one line, as text or as JSON.
func (f *remoteFlags) print(out io.Writer, line fmt.Stringer) {
	if !f.JSON {
		fmt.Fprintln(out, line)
		return
	}
	b, err := json.Marshal(line)
	if err == nil {
		fmt.Fprintf(out, "%s\n", b)
	}
}

// advise adds what to do about an error where the error does not say it itself.
func advise(err error) error {
	var problem *client.ProblemError
	var dial *net.OpError
	switch {
	case errors.As(err, &problem) && problem.Status == 401:
		return fmt.Errorf("%w\ngive a token that works with --token; whippet token makes one for a node on this machine", err)
	case errors.Is(err, client.ErrTransportLost):
		return fmt.Errorf("%w: a firewall may block UDP (try --tcp), or the server announces an address that cannot be reached (its --announce)", err)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf("%w: is the server running there?", err)
	}
	return err
}

// rate returns bits per second of bytes that grew over a time.
func rate(bytes int64, over time.Duration) int64 {
	if over <= 0 {
		return 0
	}
	return int64(float64(bytes*8) / over.Seconds())
}

// perSecond returns how often something happened in a second.
func perSecond(count int64, over time.Duration) float64 {
	if over <= 0 {
		return 0
	}
	return float64(count) / over.Seconds()
}

// humanRate writes bits per second in three digits.
func humanRate(bits int64) string {
	switch {
	case bits >= 1_000_000:
		return fmt.Sprintf("%.2f Mbit/s", float64(bits)/1e6)
	default:
		return fmt.Sprintf("%d kbit/s", bits/1000)
	}
}

// milliseconds is how JSON lines write times.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
