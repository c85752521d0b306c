package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// UnmarshalJSON reads a claims set strictly: names match exactly, times are
// numbers, lists are lists of strings and bounded. Unknown claims are ignored.
func (c *Claims) UnmarshalJSON(b []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	var err error
	read := func(name string, into any) {
		if raw, ok := m[name]; ok && err == nil {
			err = readClaim(name, raw, into)
		}
	}
	var scope string
	*c = Claims{}
	read(claimIssuer, &c.Issuer)
	read(claimSubject, &c.Subject)
	read(claimID, &c.ID)
	read(claimAudience, &c.Audience)
	read(claimIssuedAt, &c.IssuedAt)
	read(claimNotBefore, &c.NotBefore)
	read(claimExpires, &c.Expires)
	read(claimActions, &c.Actions)
	read(claimStreams, &c.Streams)
	read(claimMaxSession, &c.MaxSession)
	read(claimLimits, &c.Limits)
	read(claimOrigins, &c.Origins)
	read(claimPrefixes, &c.Prefixes)
	if m[claimActions] == nil { // a scope never adds to the actions
		read(claimScope, &scope)
		c.Actions = scopeActions(scope)
	}
	return err
}

// scopeActions reads a scope (RFC 6749 §3.3). Those that are not ours allow nothing.
func scopeActions(scope string) []Action {
	var list []Action
	for _, s := range strings.Fields(scope) {
		switch s {
		case "whip:publish":
			list = append(list, Publish)
		case "whep:play":
			list = append(list, Subscribe)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// readClaim reads one claim into a pointer to a field's type.
func readClaim(name string, raw json.RawMessage, into any) (err error) {
	switch into := into.(type) {
	case *string:
		*into, err = readText(raw, textBytes(name))
	case *time.Time:
		*into, err = readTime(raw)
	case *time.Duration:
		*into, err = readLife(raw)
	case *Limits:
		*into, err = readLimits(raw)
	case *[]Action:
		*into, err = readList[Action](raw, maxActions)
	case *[]netip.Prefix:
		*into, err = readPrefixes(raw)
	case *[]string:
		*into, err = readStrings(name, raw)
	default:
		panic(fmt.Sprintf("auth: no reader for a claim of type %T", into))
	}
	if err != nil {
		return fmt.Errorf("claim %s: %w", name, err)
	}
	return nil
}

// textBytes is the longest text of a claim: an identity provider's scope lists what it
// allows elsewhere, too.
func textBytes(name string) int {
	if name == claimScope {
		return maxScopeBytes
	}
	return maxTextBytes
}

func readText(raw json.RawMessage, most int) (string, error) {
	var s *string // null is not a text
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	if s == nil || len(*s) > most {
		return "", errBound
	}
	return *s, nil
}

// readTime reads a NumericDate: seconds since 1970, a number and not a string,
// fractions allowed (RFC 7519 §2).
func readTime(raw json.RawMessage) (time.Time, error) {
	seconds, err := readNumber(raw, maxClaimSeconds)
	if err != nil {
		return time.Time{}, err
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC(), nil
}

// readLife reads a number of seconds of at least one.
func readLife(raw json.RawMessage) (time.Duration, error) {
	seconds, err := readNumber(raw, MaxLife.Seconds())
	if err != nil || seconds < 1 {
		return 0, errors.Join(err, errBound)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

func readNumber(raw json.RawMessage, most float64) (float64, error) {
	var n *float64 // null is not a number
	if err := json.Unmarshal(raw, &n); err != nil {
		return 0, err
	}
	if n == nil || *n < 0 || *n > most {
		return 0, errBound
	}
	return *n, nil
}

// readCount reads a whole number from 1: a bound of 0 could be meant both ways.
func readCount(raw json.RawMessage, most int64) (int64, error) {
	n, err := readNumber(raw, float64(most))
	if err != nil || n < 1 || n != math.Trunc(n) {
		return 0, errors.Join(err, errBound)
	}
	return int64(n), nil
}

func readLimits(raw json.RawMessage) (l Limits, err error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		return Limits{}, errors.Join(err, errBound)
	}
	for name, into := range l.numbers() {
		if raw, ok := m[name]; ok {
			n, err := readCount(raw, maxCount)
			if err != nil {
				return Limits{}, err
			}
			*into = int(n)
		}
	}
	if raw, ok := m[limitBitrate]; ok {
		if l.Bitrate, err = readCount(raw, maxBitrate); err != nil {
			return Limits{}, err
		}
	}
	if raw, ok := m[limitKinds]; ok {
		if l.Kinds, err = readList[string](raw, len(Kinds())); err != nil {
			return Limits{}, err
		}
	}
	return l, l.check()
}

func (l *Limits) check() error {
	for name, n := range l.numbers() {
		if *n < 0 || *n > maxCount {
			return fmt.Errorf("limit %s: at most %d", name, maxCount)
		}
	}
	if l.Bitrate < 0 || l.Bitrate > maxBitrate {
		return fmt.Errorf("limit %s: at most %d", limitBitrate, int64(maxBitrate))
	}
	for _, kind := range l.Kinds {
		if !slices.Contains(Kinds(), kind) {
			return fmt.Errorf("limit %s: there are %v", limitKinds, Kinds())
		}
	}
	return nil
}

func readStrings(name string, raw json.RawMessage) ([]string, error) {
	list, err := readList[string](raw, maxGlobs)
	switch {
	case name == claimAudience && err != nil: // RFC 7519 §4.1.3: one string will do
		one, err := readText(raw, maxTextBytes)
		return []string{one}, err
	case name == claimOrigins && err == nil:
		return canonOrigins(list)
	}
	return list, err
}

// canonOrigins writes origins as browsers do.
func canonOrigins(list []string) ([]string, error) {
	canon := make([]string, len(list))
	for i, o := range list {
		o = strings.TrimSuffix(strings.ToLower(o), "/")
		scheme, host, ok := strings.Cut(o, "://")
		if !ok || scheme == "" || host == "" || strings.ContainsAny(o, " ,*?#@\\") || strings.Contains(host, "/") {
			return nil, errors.New("an origin is scheme://host[:port]")
		}
		canon[i] = o
	}
	return canon, nil
}

// readPrefixes reads networks and single addresses.
func readPrefixes(raw json.RawMessage) ([]netip.Prefix, error) {
	list, err := readList[string](raw, maxGlobs)
	if err != nil {
		return nil, err
	}
	prefixes := make([]netip.Prefix, len(list))
	for i, s := range list {
		if prefixes[i], err = ParsePrefix(s); err != nil {
			return nil, err
		}
	}
	return prefixes, nil
}

// ParsePrefix reads a network as the ip claim has it: 10.0.0.0/8, 2001:db8::/32, or one
// address. Bits behind the prefix are cleared.
func ParsePrefix(s string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(s); err == nil && ip.Zone() == "" {
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, errors.New("a network is written 10.0.0.0/8, 2001:db8::/32 or as one address")
	}
	return p.Masked(), nil
}

func readList[T ~string](raw json.RawMessage, limit int) ([]T, error) {
	var items []*T // null is not a text
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, err
	}
	if items == nil || len(items) > limit {
		return nil, errBound
	}
	list := make([]T, len(items))
	for i, item := range items {
		if item == nil || len(*item) > maxTextBytes {
			return nil, errBound
		}
		list[i] = *item
	}
	return list, nil
}

// errBound refuses a null, a number or a list beyond its limit.
var errBound = errors.New("out of bounds")
