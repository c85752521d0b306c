package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/whippet-media/whippet/internal/webhook"
)

// Webhooks says who is told what becomes of streams.
type Webhooks struct {
	Receivers []Webhook
	Idle      time.Duration // a live stream without subscribers for so long is idle
}

// A Webhook is one receiver of events.
type Webhook struct {
	Host    string   // of the URL, with its port if it has one
	Plain   bool     // over a network without TLS, where others can read events
	URL     Secret   // its path and query may be secret
	Types   []string // of events
	Streams string   // glob over stream names; "": all
	Secrets []Secret // each signs; at least one
}

// streamGlob is a stream's name in which * may stand for anything.
var streamGlob = regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9._*-]{0,127}$`)

func (e *problems) webhooks(f Hooks) Webhooks {
	w := Webhooks{Idle: f.WebhookIdle}
	if f.WebhookIdle < minIdle || f.WebhookIdle > maxIdle {
		e.add("webhook-idle", "%s is out of range; write a time from %s to %s", f.WebhookIdle, minIdle, maxIdle)
	}
	if len(f.Webhook) > maxWebhooks {
		e.add("webhook", "%d values; at most %d are possible", len(f.Webhook), maxWebhooks)
		return w
	}
	for _, v := range f.Webhook {
		w.Receivers = append(w.Receivers, e.webhook(strings.TrimSpace(v)))
	}
	e.webhookSecrets(w.Receivers, e.secret("webhook-secret", f.WebhookSecret, f.WebhookSecretFile))
	return w
}

// webhook reads [EVENTS][@STREAMS]=URL, or a URL alone. Mistakes show no URL: its path
// and query may be secret.
func (e *problems) webhook(s string) Webhook {
	filter, address := cutURL(s)
	names, streams, some := strings.Cut(filter, "@")
	w := Webhook{URL: NewSecret(address), Types: webhook.Usual(), Streams: streams}
	u, err := url.Parse(address)
	if err == nil {
		w.Host, w.Plain = u.Host, u.Scheme == "http" && !local(u.Hostname())
	}
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		e.add("webhook", "a value is no URL; write https://app.example/hook, or publish+diagnosis=https://app.example/hook")
	case u.User != nil, u.Fragment != "":
		e.add("webhook", "the URL of %s must not have a user or a fragment; who calls is proved by the signature", u.Host)
	}
	if some && !streamGlob.MatchString(streams) {
		e.add("webhook", "%q is no pattern of stream names; write cam-1, cam-* or the like", streams)
	}
	if names != "" {
		w.Types = e.eventTypes(names)
	}
	return w
}

func (e *problems) eventTypes(names string) []string {
	var all []string
	for name := range strings.SplitSeq(names, "+") {
		types := webhook.Select(name)
		if types == nil {
			e.add("webhook", "there is no event %q; write publish, subscriber, stream, diagnosis, auth or all, or one of %s",
				name, strings.Join(webhook.Types(), ", "))
		}
		all = append(all, types...)
	}
	return all
}

// webhookSecrets gives each receiver its secrets: one line, or one part between commas,
// each, or one for all. Several in one line, with spaces between them, all sign.
func (e *problems) webhookSecrets(to []Webhook, given Secret) {
	const flag = "webhook-secret"
	lines := strings.FieldsFunc(string(given.Bytes()), func(r rune) bool { return r == '\n' || r == ',' })
	switch {
	case len(to) == 0 && len(lines) > 0:
		e.add("webhook", "--%s is given, but no --webhook", flag)
		return
	case len(to) > 0 && len(lines) == 0:
		e.add(flag, "--webhook needs it; make one with: echo whsec_$(openssl rand -base64 32)")
		return
	case len(lines) > 1 && len(lines) != len(to):
		e.add(flag, "%d secrets for %d --webhook; give one for all, or one for each in their order", len(lines), len(to))
		return
	}
	for i := range to {
		to[i].Secrets = e.lineSecrets(flag, lines[min(i, len(lines)-1)])
	}
}

func (e *problems) lineSecrets(flag, line string) (all []Secret) {
	for _, text := range strings.Fields(line) {
		b, err := webhook.ParseSecret(text)
		if err != nil {
			e.add(flag, "%v", err)
			continue
		}
		all = append(all, Secret{value: b})
	}
	return all
}

// local tells whether a host is this machine.
func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
