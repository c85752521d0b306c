package signaling

import (
	fifo "container/list"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A site is what counts as one client address: an IPv4 address, or the 64 bits of IPv6
// that one customer has all of. The zero site is of clients nobody knows the address of:
// they share it, or a header made up would be a way around all bounds.
type site netip.Prefix

func siteOf(a netip.Addr) site {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return site{}
	}
	return site(p)
}

func (s site) String() string { return netip.Prefix(s).String() }

// visitors bound what one address may ask for, by token buckets. Those that came last are
// remembered; who is forgotten begins anew.
type visitors struct {
	requests, failures rate.Limit // a second; 0: not bounded

	// mu guards the fields below.
	mu   sync.Mutex
	all  map[site]*fifo.Element
	last *fifo.List // of *visitor, who came last first
}

type visitor struct {
	site               site
	requests, failures *rate.Limiter
}

func newVisitors(l Limits) *visitors {
	return &visitors{
		requests: rate.Limit(max(l.RequestRate, 0)), failures: rate.Limit(max(l.FailureRate, 0)),
		all: map[site]*fifo.Element{}, last: fifo.New(),
	}
}

// limiters returns the buckets of an address.
func (v *visitors) limiters(from netip.Addr) *visitor {
	at := siteOf(from)
	v.mu.Lock()
	defer v.mu.Unlock()
	if e := v.all[at]; e != nil {
		v.last.MoveToFront(e)
		return e.Value.(*visitor) //nolint:forcetypeassert // the list holds nothing else
	}
	if len(v.all) >= maxVisitors {
		oldest := v.last.Back()
		delete(v.all, v.last.Remove(oldest).(*visitor).site) //nolint:forcetypeassert // as above
	}
	n := &visitor{site: at, requests: bucket(v.requests), failures: bucket(v.failures)}
	v.all[at] = v.last.PushFront(n)
	return n
}

// bucket holds what may come at once after a pause: a page that loads many players, or
// players that all come back.
func bucket(each rate.Limit) *rate.Limiter { return rate.NewLimiter(each, int(each)*burstSeconds) }

// request counts a request that is to change something, or refuses it with a 429.
func (v *visitors) request(from netip.Addr, now time.Time) error {
	if v.requests == 0 {
		return nil
	}
	l := v.limiters(from).requests
	if l.AllowN(now, 1) {
		return nil
	}
	return NewProblem(http.StatusTooManyRequests, "too-many-requests",
		"Too many requests come from this address. Send fewer.").RetryAfter(wait(l, now))
}

// guess refuses with a 429 to look at a token from an address that sent too many bad ones.
func (v *visitors) guess(from netip.Addr, now time.Time) error {
	if v.failures == 0 {
		return nil
	}
	l := v.limiters(from).failures
	if l.TokensAt(now) >= 1 {
		return nil
	}
	return NewProblem(http.StatusTooManyRequests, "too-many-failures",
		"Too many tokens from this address were not good. Send good ones.").RetryAfter(wait(l, now))
}

// failed counts a token that was not good.
func (v *visitors) failed(from netip.Addr, now time.Time) {
	if v.failures > 0 {
		v.limiters(from).failures.AllowN(now, 1)
	}
}

// wait is how long it takes until a bucket has something again.
func wait(l *rate.Limiter, now time.Time) time.Duration {
	return time.Duration((1 - l.TokensAt(now)) / float64(l.Limit()) * float64(time.Second))
}
