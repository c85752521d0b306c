package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/forwarder/codec"
	"github.com/whippet-media/whippet/internal/api"
	"github.com/whippet-media/whippet/internal/client"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
)

// loopTimeout bounds the stream of the self-test, from its POST to its first picture.
const loopTimeout = 8 * time.Second

// loopName begins the name of that stream.
const loopName = "self-test-"

// A selfTest is what a node cannot find out by itself: whether its keys can be read, and
// whether a publisher and a player get through.
type selfTest struct {
	cfg  config.Config
	keys keyring
	host *node.Host // set before it serves
}

func (s *selfTest) checks() []api.Check {
	return []api.Check{{Name: "keys", Run: s.checkKeys}, {Name: "stream", Run: s.checkStream}}
}

// checkKeys reads all keys anew, the made secret from its file.
func (s *selfTest) checkKeys(ctx context.Context) (text string, good bool) {
	keys, err := openKeys(s.cfg.Tokens)
	if err != nil {
		return sentence(err.Error()), false
	}
	set, err := keys.open(ctx, slog.New(slog.DiscardHandler))
	if err != nil {
		return sentence(err.Error()), false
	}
	defer set.Close()
	if warnings := append(keys.warnings, set.Warnings()...); len(warnings) > 0 {
		return sentence(strings.Join(warnings, "; ")), false
	}
	if string(keys.Secret.Bytes()) != string(s.keys.Secret.Bytes()) {
		return "The secret in " + keys.path + " is not the one the node began with. Start it again, or put that back.", false
	}
	switch {
	case keys.made:
		return "Tokens are checked with the secret in " + keys.path + ".", true
	case keys.Secret.Empty():
		return fmt.Sprintf("Files and URLs with keys that could be read: %d of %[1]d.", keys.places()), true
	}
	return fmt.Sprintf("Tokens are checked with --jwt-secret. Files and URLs with keys that could be read: %d of %[1]d.", keys.places()), true
}

// checkStream publishes to the node and plays that, over its real sockets.
func (s *selfTest) checkStream(ctx context.Context) (text string, good bool) {
	name := loopName + strings.ToLower(rand.Text()[:8])
	token, err := s.token(name)
	if err != nil {
		return "Not tried: " + err.Error() + ".", true
	}
	ctx, cancel := context.WithTimeoutCause(ctx, loopTimeout, fmt.Errorf("it took more than %v", loopTimeout))
	defer cancel()
	took, err := s.loop(ctx, name, token)
	if err != nil {
		return fmt.Sprintf("A stream that the node sent to itself did not arrive: %v. Look for a firewall, and at --announce.", err), false
	}
	return fmt.Sprintf("A stream that the node sent to itself arrived, its first picture %d ms after the player's POST.", took.Milliseconds()), true
}

// token makes a token for the stream; "" where none is needed.
func (s *selfTest) token(name string) (string, error) {
	if s.cfg.Open {
		return "", nil
	}
	signer, err := s.keys.signer()
	if err != nil {
		return "", fmt.Errorf("tokens are signed with the keys of others")
	}
	now := time.Now().Truncate(time.Second)
	return s.keys.mint(signer, auth.Claims{
		Subject: "self-test", IssuedAt: now, Expires: now.Add(time.Minute),
		Actions: []auth.Action{auth.Publish, auth.Subscribe}, Streams: []string{name},
	})
}

// loop returns how long after its POST the player had its first picture.
func (s *selfTest) loop(ctx context.Context, name, token string) (time.Duration, error) {
	base := "http://"
	if s.cfg.TLS.On() {
		base = "https://"
	}
	base += reachable(s.host.HTTPAddr().String())
	options := func(path string) client.Options {
		return client.Options{URL: base + path + name, Token: token, InsecureTLS: true}
	}
	source, err := client.NewSynthetic(client.SyntheticOptions{Codec: codec.VP8, Width: 320, Height: 180, Bitrate: 200_000})
	if err != nil {
		return 0, err
	}
	pub, err := client.Publish(ctx, client.PublishOptions{Options: options("/whip/"), Video: []client.Encoding{{Source: source}}})
	if err != nil {
		return 0, err
	}
	defer leave(ctx, pub.Session)
	if err := pub.WaitConnected(ctx); err != nil {
		return 0, err
	}
	shown := make(chan struct{}, 1)
	began := time.Now()
	play, err := client.Play(ctx, client.PlayOptions{Options: options("/whep/"), NoAudio: true, OnFrame: func(codec.Kind, client.Frame) {
		select {
		case shown <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return 0, err
	}
	defer leave(ctx, play.Session)
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-shown:
		return time.Since(began), nil
	}
}

// leave ends a session of the self-test, also when its time is over.
func leave(ctx context.Context, s *client.Session) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = s.Close(ctx)
}
