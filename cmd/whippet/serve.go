package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/authz"
	"github.com/whippet-media/whippet/internal/config"
	"github.com/whippet-media/whippet/internal/node"
	"github.com/whippet-media/whippet/internal/rtc"
)

// startTokenLife is how long the tokens printed at the start work: an encoder that is
// set up once should not fail next week.
const startTokenLife = 90 * 24 * time.Hour

type serveCmd struct {
	config.Flags `embed:""`
}

// Help is shown by whippet serve --help.
func (*serveCmd) Help() string {
	return "Each setting is also an environment variable (--tls-cert is WHIPPET_TLS_CERT) and a key of the --config file " +
		"(tls-cert). The flag wins over the variable, that over the file."
}

// Run runs a node until ctx is done.
func (c *serveCmd) Run(ctx context.Context, con *console) error {
	cfg, err := c.Flags.Config()
	if err != nil {
		return err
	}
	keys, err := openKeys(cfg.Tokens)
	if err != nil {
		return err
	}
	logs := node.NewLogs(con.Err, cfg.Log)
	set, err := keys.open(ctx, logs.For("node")) // operators have tokens on an open node too
	if err != nil {
		return err
	}
	defer set.Close()
	keys.warnings = append(keys.warnings, set.Warnings()...)
	static, err := cfg.StreamKeySet()
	if err != nil {
		return err
	}
	test := &selfTest{cfg: cfg, keys: keys}
	host, err := node.Open(ctx, cfg, authz.Any(static, set), logs, con.Version, test.checks()...)
	if err != nil {
		return err
	}
	test.host = host
	w := newWelcome(cfg, host, con.Version)
	if err := w.addTokens(cfg, keys, time.Now()); err != nil {
		w.notes = append(w.notes, err.Error())
	}
	fmt.Fprint(con.Out, w.String())
	return host.Serve(ctx)
}

// newWelcome says where the node is and what will hurt.
func newWelcome(cfg config.Config, host *node.Host, version string) *welcome {
	w := &welcome{version: version, admin: "http://" + reachable(host.AdminAddr().String()), open: cfg.Open, tls: cfg.TLS.On()}
	w.local, w.public = urls(cfg, host.HTTPAddr(), host.CertificateName(), lanAddress())
	w.media = mediaLines(host.Node().Candidates())
	w.notes = host.Warnings()
	return w
}

// addTokens makes the tokens to print, if the secret is our own: an owner who gave a
// secret makes tokens elsewhere and does not want them in the terminal's log.
func (w *welcome) addTokens(cfg config.Config, keys keyring, now time.Time) (err error) {
	if cfg.Open {
		return nil
	}
	for _, warning := range keys.warnings {
		w.notes = append(w.notes, sentence(warning))
	}
	w.foreign = keys.Secret.Empty()
	if !keys.made {
		return nil
	}
	signer, err := keys.signer()
	if err != nil {
		return err
	}
	now = now.Truncate(time.Second)
	w.until, w.secretPath = now.Add(startTokenLife), keys.path
	mint := func(actions ...auth.Action) string {
		token, mintErr := keys.mint(signer, auth.Claims{IssuedAt: now, Expires: w.until, Actions: actions, Streams: []string{"*"}})
		if mintErr != nil {
			err = mintErr
		}
		return token
	}
	w.publishToken = mint(auth.Publish)
	w.playToken = mint(auth.Subscribe)
	w.bothToken = mint(auth.Publish, auth.Subscribe)
	return err
}

// urls returns how a browser on this machine and how others reach the node. They are
// equal where only one makes sense; local is "" where there is no loopback.
func urls(cfg config.Config, listen net.Addr, certificateName string, lan netip.Addr) (local, public string) {
	if cfg.PublicURL != "" {
		return "", cfg.PublicURL
	}
	at, err := netip.ParseAddrPort(listen.String())
	if err != nil {
		return "", "http://" + listen.String()
	}
	base := func(host string) string { return baseURL(cfg.TLS.On(), host, at.Port()) }
	switch {
	case certificateName != "":
		return "", base(certificateName)
	case at.Addr().IsLoopback():
		return base("localhost"), base("localhost")
	case !at.Addr().IsUnspecified():
		return "", base(at.Addr().String())
	case !lan.IsValid():
		return base("localhost"), base("localhost")
	}
	return base("localhost"), base(lan.String())
}

func baseURL(tls bool, host string, port uint16) string {
	scheme, usual := "http", uint16(80)
	if tls {
		scheme, usual = "https", 443
	}
	if port != usual {
		return scheme + "://" + net.JoinHostPort(host, fmt.Sprint(port))
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return scheme + "://" + host
}

// lanAddress is the address by which others in the network most likely reach us.
func lanAddress() netip.Addr {
	all, err := rtc.LocalAddresses(nil)
	if err != nil || len(all) == 0 || all[0].IsLoopback() {
		return netip.Addr{}
	}
	return all[0]
}

// mediaLines turns candidates into "192.0.2.1:8080 (UDP, TCP)", in their order.
func mediaLines(candidates []string) []string {
	protocols := map[string][]string{}
	var addresses []string
	for _, c := range candidates {
		f := strings.Fields(c)
		if len(f) < 6 {
			continue
		}
		a := net.JoinHostPort(f[4], f[5])
		if protocols[a] == nil {
			addresses = append(addresses, a)
		}
		protocols[a] = append(protocols[a], strings.ToUpper(f[2]))
	}
	for i, a := range addresses {
		addresses[i] = a + " (" + strings.Join(protocols[a], ", ") + ")"
	}
	return addresses
}

// sentence makes a sentence of an error text.
func sentence(s string) string {
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
