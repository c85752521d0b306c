package relay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// DefaultNamespace begins all keys and channels of a cluster in Redis.
const DefaultNamespace = "whippet"

// A Redis is a directory in a Redis server of version 6 or later. Nodes with the same
// server, database and namespace are a cluster. See the package comment for what is kept
// there and for how long.
type Redis struct {
	client   *redis.Client
	prefix   string
	scripts  leaseScripts
	announce *redis.Script
	revoked  revokedScripts
	at       func() int64  // the time scripts go by, 0: the server's
	within   time.Duration // bounds one exchange

	clock  atomic.Pointer[reading]
	listen *listener
	close  sync.Once
}

// A reading is the server's clock and ours at the same moment, but for half a round trip.
type reading struct {
	server time.Time
	local  time.Time
}

// OpenRedis returns the directory behind a URL, see [ParseURL]; namespace is empty for
// [DefaultNamespace]. It does not wait for the server: until that answers, and whenever it
// does not, calls return an ErrUnavailable. Close it.
func OpenRedis(url, namespace string) (*Redis, error) {
	logging.Disable() // what fails is returned
	client, err := newClient(url)
	if err != nil {
		return nil, err
	}
	if namespace == "" {
		namespace = DefaultNamespace
	}
	r := &Redis{
		client: client, prefix: namespace + ":", scripts: newLeaseScripts(), announce: newAnnounceScript(), revoked: newRevokedScripts(),
		at: func() int64 { return 0 }, within: opTimeout,
	}
	r.listen = newListener(client, r.channel)
	return r, nil
}

// Close ends all watches and connections. It may be called again.
func (r *Redis) Close() error {
	var err error
	r.close.Do(func() {
		r.listen.close()
		err = r.client.Close()
	})
	return err
}

// key and channel carry the stream as a hash tag: whatever a stream has is in one slot of
// a Redis Cluster.
func (r *Redis) key(stream string) string { return r.prefix + "lease:{" + stream + "}" }

func (r *Redis) channel(stream string) string { return r.prefix + "changed:{" + stream + "}" }

// nodeKeys are where nodes are announced, in one slot.
func (r *Redis) nodeKeys() []string {
	return []string{r.prefix + "{nodes}:until", r.prefix + "{nodes}:info"}
}

// args are what every script of a record gets, and more.
func (r *Redis) args(stream string, more ...any) []any {
	return append([]any{
		r.at(), leaseLife.Microseconds(), (leaseLife + floorLife).Milliseconds(), r.channel(stream),
	}, more...)
}

// bounded bounds a call by the time for an exchange and ctx.
func (r *Redis) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, r.within)
}

// Claim implements [Directory].
func (r *Redis) Claim(ctx context.Context, c Claim) (Lease, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	sent := time.Now()
	a, err := r.run(ctx, r.scripts.claim, c.Stream, c.Node, c.URL, c.Last, c.Over, epochStep)
	if err != nil {
		return Lease{}, err
	}
	if !a.done {
		return Lease{}, &HeldError{Holder: a.holder, Left: a.left}
	}
	h := Holder{Node: c.Node, URL: c.URL, Epoch: a.holder.Epoch}
	return Lease{Stream: c.Stream, Holder: h, Expires: sent.Add(leaseLife)}, nil
}

// Lookup implements [Directory].
func (r *Redis) Lookup(ctx context.Context, stream string) (Holder, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	a, err := r.run(ctx, r.scripts.lookup, stream)
	if err != nil {
		return Holder{}, err
	}
	if !a.done {
		return Holder{}, ErrAbsent
	}
	return a.holder, nil
}

// run runs a script on one stream's record.
func (r *Redis) run(ctx context.Context, s *redis.Script, stream string, more ...any) (answer, error) {
	sent := time.Now()
	a, err := parseAnswer(s.Run(ctx, r.client, []string{r.key(stream)}, r.args(stream, more...)...))
	if err == nil {
		r.read(a.now, sent)
	}
	return a, err
}

// An answer is what a script of a record returned.
type answer struct {
	done   bool
	now    time.Time
	holder Holder
	left   time.Duration
}

func parseAnswer(cmd *redis.Cmd) (answer, error) {
	v, err := cmd.Slice()
	if err != nil {
		return answer{}, unavailable(err)
	}
	var a answer
	for i, f := range v {
		n, _ := f.(int64)
		text, _ := f.(string)
		switch i {
		case 0:
			a.done = n == 1
		case 1:
			a.now = time.UnixMicro(n)
		case 2:
			a.holder.Epoch = n
		case 3:
			a.holder.Node = text
		case 4:
			a.holder.URL = text
		case 5:
			a.left = time.Duration(n) * time.Microsecond
		}
	}
	if len(v) < 2 {
		return a, unavailable(fmt.Errorf("a script returned %v", v))
	}
	return a, nil
}

// read notes the server's clock.
func (r *Redis) read(server, sent time.Time) {
	now := time.Now()
	r.clock.Store(&reading{server: server, local: now.Add(-now.Sub(sent) / 2)})
}

// Now implements [Directory].
func (r *Redis) Now() time.Time {
	c := r.clock.Load()
	if c == nil {
		return time.Now()
	}
	return c.server.Add(time.Since(c.local))
}

// Watch implements [Directory].
func (r *Redis) Watch(stream string) (changed <-chan struct{}, stop func()) {
	return r.listen.watch(stream)
}

// Renew implements [Directory]. All go in one pipeline, large numbers in several.
func (r *Redis) Renew(ctx context.Context, leases []Lease) ([]Renewal, error) {
	all := make([]Renewal, len(leases))
	var first error
	for at := 0; at < len(leases); at += maxPipeline {
		part := leases[at:min(at+maxPipeline, len(leases))]
		if first != nil { // the rest would fail too, and late
			for i, l := range part {
				all[at+i] = Renewal{Lease: l, Err: first}
			}
			continue
		}
		sent := time.Now()
		cmds := r.pipeline(ctx, r.scripts.renew, part, func(l Lease) []any { return []any{l.Node, l.URL, l.Epoch} })
		for i, l := range part {
			all[at+i] = r.renewal(l, cmds[i], sent)
			if errors.Is(all[at+i].Err, ErrUnavailable) && first == nil {
				first = all[at+i].Err
			}
		}
	}
	return all, first
}

func (r *Redis) renewal(l Lease, cmd *redis.Cmd, sent time.Time) Renewal {
	a, err := parseAnswer(cmd)
	switch {
	case err != nil:
		return Renewal{Lease: l, Err: err}
	case !a.done:
		return Renewal{Lease: l, Err: &HeldError{Holder: a.holder, Left: a.left}}
	}
	r.read(a.now, sent)
	l.Expires = sent.Add(leaseLife)
	return Renewal{Lease: l}
}

// Release implements [Directory].
func (r *Redis) Release(ctx context.Context, leases []Lease) error {
	for at := 0; at < len(leases); at += maxPipeline {
		part := leases[at:min(at+maxPipeline, len(leases))]
		for _, cmd := range r.pipeline(ctx, r.scripts.release, part, func(l Lease) []any { return []any{l.Node, l.Epoch} }) {
			if _, err := parseAnswer(cmd); err != nil {
				return err
			}
		}
	}
	return nil
}

// pipeline runs a script for each lease in one exchange. For a server that does not know
// the script it is loaded, and what failed is tried once more.
func (r *Redis) pipeline(ctx context.Context, s *redis.Script, leases []Lease, args func(Lease) []any) []*redis.Cmd {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	cmds := make([]*redis.Cmd, len(leases))
	exchange := func(due func(i int) bool) {
		pipe := r.client.Pipeline()
		for i, l := range leases {
			if due(i) {
				cmds[i] = s.EvalSha(ctx, pipe, []string{r.key(l.Stream)}, r.args(l.Stream, args(l)...)...)
			}
		}
		_, _ = pipe.Exec(ctx) // each command has its error
	}
	unknown := func(i int) bool { return isUnknown(cmds[i]) }
	exchange(func(int) bool { return true })
	first := slices.IndexFunc(cmds, isUnknown)
	if first < 0 {
		return cmds
	}
	err := s.Load(ctx, r.client).Err()
	if err == nil {
		exchange(unknown)
		return cmds
	}
	for _, cmd := range cmds[first:] {
		if isUnknown(cmd) {
			cmd.SetErr(err) // such as that who asked has gone
		}
	}
	return cmds
}

// isUnknown tells that a server does not know a command's script.
func isUnknown(cmd *redis.Cmd) bool { return redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") }

// AnnounceNode implements [Directory].
func (r *Redis) AnnounceNode(ctx context.Context, n NodeInfo) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	sent := time.Now()
	a, err := parseAnswer(r.announce.Run(ctx, r.client, r.nodeKeys(), r.at(), nodeLife.Microseconds(), n.ID, text))
	if err == nil {
		r.read(a.now, sent)
	}
	return err
}

// Nodes implements [Directory]. What nodes of other versions wrote that cannot be read is
// left out.
func (r *Redis) Nodes(ctx context.Context) ([]NodeInfo, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	keys := r.nodeKeys()
	pipe := r.client.Pipeline()
	clock := pipe.Time(ctx)
	ends := pipe.ZRevRangeWithScores(ctx, keys[0], 0, maxNodes-1)
	infos := pipe.HGetAll(ctx, keys[1])
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, unavailable(err)
	}
	now := clock.Val()
	if at := r.at(); at != 0 {
		now = time.UnixMicro(at)
	}
	return alive(ends.Val(), infos.Val(), now), nil
}

// alive returns the nodes whose life has not ended; one that is longer than a life is what
// a clock that was set back left behind.
func alive(ends []redis.Z, infos map[string]string, now time.Time) []NodeInfo {
	var all []NodeInfo
	for _, e := range ends {
		left := time.UnixMicro(int64(e.Score)).Sub(now)
		id, _ := e.Member.(string)
		var n NodeInfo
		if left <= 0 || left > nodeLife || json.Unmarshal([]byte(infos[id]), &n) != nil || n.ID != id {
			continue
		}
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b NodeInfo) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

var _ Directory = (*Redis)(nil)
