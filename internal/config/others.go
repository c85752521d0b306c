package config

import (
	"net/url"
	"regexp"
	"strings"
)

// Others holds the settings about servers of others that streams go to and come from.
type Others struct {
	Push          []string `name:"push" placeholder:"STREAM=URL" help:"Publish streams of this node to the WHIP endpoints of other servers while they have a publisher here. STREAM is a name in which * stands for anything, and {stream} in the URL for the stream's name: cam-*=https://other.example/whip/{stream}."`
	PushToken     string   `name:"push-token" placeholder:"TOKEN" help:"Token that --push shows to the other server. One for all, or one for each, with commas or lines between them; - for none."`
	PushTokenFile string   `name:"push-token-file" placeholder:"FILE" help:"File that holds --push-token."`
	Pull          []string `name:"pull" placeholder:"STREAM[:always]=URL" help:"Play streams from the WHEP endpoints of other servers and serve them here under the name STREAM while somebody subscribes: cam-1=https://other.example/whep/abc; with :always also while nobody does. In a cluster give all nodes the same: one of them pulls."`
	PullToken     string   `name:"pull-token" placeholder:"TOKEN" help:"As --push-token, for --pull."`
	PullTokenFile string   `name:"pull-token-file" placeholder:"FILE" help:"File that holds --pull-token."`
}

// A Push is where streams are published to.
type Push struct {
	Streams string // a stream's name in which * stands for anything
	URL     Secret // of a WHIP endpoint, in which {stream} stands for the name; path and query may be secret
	Far
}

// A Pull is where a stream comes from.
type Pull struct {
	Stream string
	Always bool   // also while nobody subscribes
	URL    Secret // of a WHEP endpoint; path and query may be secret
	Far
}

// A Far is what is the same for both.
type Far struct {
	Host  string // of the URL, with its port if it has one
	Plain bool   // over a network without TLS, where others can read the token
	Token Secret // empty: none
}

// Fars returns what streams are pushed to and pulled from.
func (c *Config) Fars() []Far {
	var all []Far
	for _, p := range c.Pushes {
		all = append(all, p.Far)
	}
	for _, p := range c.Pulls {
		all = append(all, p.Far)
	}
	return all
}

// forName is what stands for a stream's name in the URL of a push.
const forName = "{stream}"

// plainName is a stream's name.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func (e *problems) pushes(o Others) []Push {
	var all []Push
	tokens := e.tokensFor("push", len(o.Push), maxPushes, o.PushToken, o.PushTokenFile)
	for i, v := range o.Push[:min(len(o.Push), maxPushes)] {
		streams, address := cutURL(strings.TrimSpace(v))
		p := Push{Streams: streams, URL: NewSecret(address), Far: e.far("push", address, tokens(i))}
		switch {
		case !streamGlob.MatchString(streams):
			e.add("push", "%q is no pattern of stream names; write cam-1=https://other.example/whip/cam-1", streams)
		case strings.Contains(streams, "*") && !strings.Contains(address, forName):
			e.add("push", "%q stands for several streams, which cannot all go to one endpoint; write %s in the URL where the name belongs", streams, forName)
		}
		all = append(all, p)
	}
	return all
}

func (e *problems) pulls(o Others) []Pull {
	var all []Pull
	names := map[string]bool{}
	tokens := e.tokensFor("pull", len(o.Pull), maxPulls, o.PullToken, o.PullTokenFile)
	for i, v := range o.Pull[:min(len(o.Pull), maxPulls)] {
		label, address := cutURL(strings.TrimSpace(v))
		name, when, said := strings.Cut(label, ":")
		p := Pull{Stream: name, Always: said, URL: NewSecret(address), Far: e.far("pull", address, tokens(i))}
		switch {
		case !plainName.MatchString(name):
			e.add("pull", "%q is no stream name; write cam-1=https://other.example/whep/abc", name)
		case said && when != "always":
			e.add("pull", "%q is not known behind the name; write always or nothing", when)
		case names[name]:
			e.add("pull", "%q is given twice; a stream comes from one server", name)
		}
		names[name] = true
		all = append(all, p)
	}
	return all
}

// far checks the URL of another server, without showing it.
func (e *problems) far(flag, address string, token Secret) Far {
	u, err := url.Parse(address) // which takes braces in the path and the query, not in the host
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		e.add(flag, "a value has no URL of an endpoint; write STREAM=https://other.example/path")
		return Far{}
	case u.User != nil, u.Fragment != "":
		e.add(flag, "the URL of %s must not have a user or a fragment; what opens it goes into --%s-token", u.Host, flag)
	}
	return Far{Host: u.Host, Plain: u.Scheme == "http" && !local(u.Hostname()), Token: token}
}

// tokensFor returns the token of each of n values: one for all, or one for each.
func (e *problems) tokensFor(flag string, n, most int, value, file string) func(i int) Secret {
	name := flag + "-token"
	none := func(int) Secret { return Secret{} }
	if n > most {
		e.add(flag, "%d values; at most %d are possible", n, most)
		return none
	}
	given := e.secret(name, value, file)
	all := strings.FieldsFunc(string(given.Bytes()), func(r rune) bool { return r == '\n' || r == ',' })
	switch {
	case n == 0 && len(all) > 0:
		e.add(flag, "--%s is given, but no --%s", name, flag)
		return none
	case len(all) == 0:
		return none
	case len(all) > 1 && len(all) != n:
		e.add(name, "%d tokens for %d --%s; give one for all, or one for each in their order", len(all), n, flag)
		return none
	}
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
		if len(all[i]) > maxToken || !printable.MatchString(all[i]) {
			e.add(name, "number %d is no token: it is too long, or has characters that a header cannot have", i+1)
			return none
		}
		if all[i] == "-" {
			all[i] = ""
		}
	}
	return func(i int) Secret { return NewSecret(all[min(i, len(all)-1)]) }
}

// printable is what may stand in a header as one word.
var printable = regexp.MustCompile(`^[!-~]+$`)
