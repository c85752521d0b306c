package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// A RevocationPage is some of the revocations a directory has, in the order in which they
// came there or last changed.
type RevocationPage struct {
	Revocations []Revocation
	Next        RevocationCursor // for what comes after them
	More        bool             // there is more already

	// Anew tells that the directory does not know how far the cursor had come, since that
	// is too long ago, or it was emptied or set back: the page begins with the oldest.
	// What the reader knows and the directory does not have is to be put there again.
	Anew bool
}

// A RevocationCursor says how far a directory's revocations have been read. The zero cursor
// is before the first.
type RevocationCursor struct {
	after  int64 // the number of the last change that was read
	within bool  // a page of several: what comes next is wanted in any case
}

// revokedNews is what revocations are watched by. No stream has such a name.
const revokedNews = "/revoked"

// WatchRevocations implements [Directory].
func (r *Redis) WatchRevocations() (changed <-chan struct{}, stop func()) {
	return r.Watch(revokedNews)
}

// revokedKeys are where revocations are, in one slot: what each is about with what is known
// of it; its end, by which they are forgotten; the number of its last change; and the last
// numbers that were given.
func (r *Redis) revokedKeys() []string {
	at := r.prefix + "{revoked}:"
	return []string{at + "all", at + "until", at + "changed", at + "numbers"}
}

// PutRevocations implements [Directory].
func (r *Redis) PutRevocations(ctx context.Context, all []Revocation) error {
	for at := 0; at < len(all); at += maxRevocationPage {
		if err := r.putRevocations(ctx, all[at:min(at+maxRevocationPage, len(all))]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Redis) putRevocations(ctx context.Context, part []Revocation) error {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	args := []any{r.at(), r.channel(revokedNews), maxRevocations, revocationsLife.Milliseconds(), maxRevocationNumbers}
	for _, v := range part {
		v = v.normal()
		args = append(args, field(v.about()), v.Made, v.Back, micros(v.Before), micros(v.Until))
	}
	sent := time.Now()
	a, err := parseAnswer(r.revoked.put.Run(ctx, r.client, r.revokedKeys(), args...))
	if err == nil {
		r.read(a.now, sent)
	}
	return err
}

// ReadRevocations implements [Directory]. What cannot be read is left out.
func (r *Redis) ReadRevocations(ctx context.Context, c RevocationCursor) (RevocationPage, error) {
	ctx, cancel := r.bounded(ctx)
	defer cancel()
	sent := time.Now()
	v, err := r.revoked.read.Run(ctx, r.client, r.revokedKeys(), r.at(), c.after, c.within, maxRevocationPage).Slice()
	if err != nil {
		return RevocationPage{}, unavailable(err)
	}
	if len(v) < 2 || len(v)%3 != 2 {
		return RevocationPage{}, unavailable(fmt.Errorf("a script returned %d values", len(v)))
	}
	known, _ := v[0].(int64)
	if now, _ := v[1].(int64); now > 0 {
		r.read(time.UnixMicro(now), sent)
	}
	return revocationPage(v[2:], c, known == 1), nil
}

// revocationPage reads what a script returned: of each what it is about, what is known of
// it, and its number.
func revocationPage(v []any, c RevocationCursor, known bool) RevocationPage {
	page := RevocationPage{Anew: !known, More: len(v) == 3*maxRevocationPage}
	page.Next.within = page.More
	if known {
		page.Next.after = c.after
	}
	for ; len(v) >= 3; v = v[3:] {
		about, _ := v[0].(string)
		text, _ := v[1].(string)
		number, _ := v[2].(string)
		if n, err := strconv.ParseFloat(number, 64); err == nil {
			page.Next.after = int64(n)
		}
		if one, ok := parseRevocation(about, text); ok {
			page.Revocations = append(page.Revocations, one)
		}
	}
	return page
}

// field is what a revocation is about as text.
func field(s subject) string {
	b, err := json.Marshal([]string{s.issuer, s.id, s.subject, s.stream})
	if err != nil {
		panic("relay: texts cannot be marshalled: " + err.Error())
	}
	return string(b)
}

func parseRevocation(about, text string) (r Revocation, ok bool) {
	var of []string
	if json.Unmarshal([]byte(about), &of) != nil || len(of) != 4 {
		return r, false
	}
	r.Issuer, r.ID, r.Subject, r.Stream = of[0], of[1], of[2], of[3]
	var before, until int64
	if n, err := fmt.Sscanf(text, "%d %d %d %d", &r.Made, &r.Back, &before, &until); n != 4 || err != nil {
		return r, false
	}
	r.Before, r.Until = fromMicros(before), fromMicros(until)
	return r, true
}

// revokedScripts are what is done to the revocations. If one of the keys is missing, as in a
// server that makes room for others, the rest of them says nothing.
type revokedScripts struct{ put, read *redis.Script }

func newRevokedScripts() revokedScripts {
	return revokedScripts{
		// ARGV: time, channel, most, life in milliseconds, numbers to remember; then of each
		// what it is about, made, back, before, until. It joins as Revocation.join does. The
		// order of KEYS[2] is that in which they are forgotten: first, with an end far below
		// zero, what was taken back.
		put: redis.NewScript(luaNow + `
local below = 4000000000000000
local function text(n) return string.format('%.0f', n) end
local function forget(field)
	redis.call('HDEL', KEYS[1], field)
	redis.call('ZREM', KEYS[2], field)
	redis.call('ZREM', KEYS[3], field)
end
local function forgetAll(fields)
	for _, field in ipairs(fields) do
		forget(field)
	end
end
local function join(old, made, back, before, till)
	local m, b, f, t = string.match(old or '', '^(%d+) (%d+) (%d+) (%d+)$')
	m, b, f, t = tonumber(m), tonumber(b), tonumber(f), tonumber(t)
	if not m or t <= now then
		return made, back, before, till
	end
	local last = math.max(b, back)
	local was, is = m >= last, made >= last
	if was == is then
		before = (f == 0 or before == 0) and 0 or math.max(f, before)
		till = math.max(t, till)
	elseif was then
		before, till = f, t
	end
	made = math.max(m, made)
	if made < last then
		before = 0
	end
	return made, last, before, till
end
if redis.call('EXISTS', unpack(KEYS)) < 4 then
	redis.call('DEL', unpack(KEYS))
end
local number = tonumber(redis.call('ZREVRANGE', KEYS[4], 0, 0)[1] or 0)
local news = false
for i = 6, #ARGV, 5 do
	local field, old = ARGV[i], redis.call('HGET', KEYS[1], ARGV[i])
	local made, back, before, till = join(old, tonumber(ARGV[i+1]), tonumber(ARGV[i+2]), tonumber(ARGV[i+3]), tonumber(ARGV[i+4]))
	local new = text(made) .. ' ' .. text(back) .. ' ' .. text(before) .. ' ' .. text(till)
	if till > now and new ~= old then
		number = math.max(number + 1, now)
		redis.call('HSET', KEYS[1], field, new)
		redis.call('ZADD', KEYS[2], text(made >= back and till or till - below), field)
		redis.call('ZADD', KEYS[3], text(number), field)
		redis.call('ZADD', KEYS[4], text(number), text(number))
		news = true
	end
end
if news then
	forgetAll(redis.call('ZRANGEBYSCORE', KEYS[2], 0, text(now), 'LIMIT', 0, 100))
	forgetAll(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now - below), 'LIMIT', 0, 100))
	local extra = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[3])
	if extra > 0 then
		forgetAll(redis.call('ZRANGE', KEYS[2], 0, extra - 1))
	end
	redis.call('ZREMRANGEBYRANK', KEYS[4], 0, -1 - tonumber(ARGV[5]))
	for _, key in ipairs(KEYS) do
		redis.call('PEXPIRE', key, ARGV[4])
	end
	redis.call('PUBLISH', ARGV[2], text(number))
end
return {1, now}
`),
		// ARGV: time, the last number that was read, whether to go on without a check, how
		// many.
		read: redis.NewScript(luaNow + `
local known = redis.call('EXISTS', unpack(KEYS)) == 4 and (ARGV[3] == '1' or redis.call('ZSCORE', KEYS[4], ARGV[2]))
local list = redis.call('ZRANGEBYSCORE', KEYS[3], '(' .. (known and ARGV[2] or '0'), '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[4])
local out = {known and 1 or 0, now}
for i = 1, #list, 2 do
	out[#out+1] = list[i]
	out[#out+1] = redis.call('HGET', KEYS[1], list[i]) or ''
	out[#out+1] = list[i+1]
end
return out
`),
	}
}
