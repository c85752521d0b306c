package relay

import "github.com/redis/go-redis/v9"

// The scripts decide by the clock of the Redis they run on. ARGV[1] is 0, or in tests the
// time that takes its place, in microseconds. A stream's record is a hash: epoch, node, url
// and until, the end of the lease in microseconds, 0 if it was released. Epochs and
// times stay below 2^53, which Lua's numbers hold exactly.
const (
	// luaNow comes first in each script.
	luaNow = `
local now = tonumber(ARGV[1])
if now == 0 then
	local t = redis.call('TIME')
	now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
`

	// luaRecord reads KEYS[1]. A life of more than ARGV[2] is what a clock that was set
	// back makes of one, see record.left and record.found.
	luaRecord = luaNow + `
local life = tonumber(ARGV[2])
local r = redis.call('HMGET', KEYS[1], 'epoch', 'node', 'url', 'until')
local epoch, node, url, till = tonumber(r[1] or 0), r[2] or '', r[3] or '', tonumber(r[4] or 0)
local left = math.max(0, math.min(till - now, life))
local found = till > now and till - now <= life
`

	// luaStore writes the record and tells those who wait. ARGV[3] is the record's life in
	// milliseconds, ARGV[4] the channel.
	luaStore = `
local function store(epoch, node, url, till, news)
	redis.call('HSET', KEYS[1], 'epoch', string.format('%.0f', epoch), 'node', node, 'url', url,
		'until', string.format('%.0f', till))
	redis.call('PEXPIRE', KEYS[1], ARGV[3])
	if news then
		redis.call('PUBLISH', ARGV[4], string.format('%.0f', epoch))
	end
end
`
)

// leaseScripts are what is done to one stream's record. Each returns whether it was done
// and the time; then the claim's epoch, or the holder and the rest of its life.
type leaseScripts struct{ claim, renew, release, lookup *redis.Script }

func newLeaseScripts() leaseScripts {
	return leaseScripts{
		// ARGV[5] on: node, url, last, over, step between epochs.
		claim: redis.NewScript(luaRecord + luaStore + `
if left > 0 and epoch ~= tonumber(ARGV[8]) then
	if till - now > life then
		redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + life))
	end
	return {0, now, epoch, node, url, left}
end
local step = tonumber(ARGV[9])
local function begins(e) return e - e % step end
local new = math.max(begins(epoch) + step, begins(tonumber(ARGV[7])) + step, begins(now))
store(new, ARGV[5], ARGV[6], now + life, true)
return {1, now, new}
`),
		// ARGV[5] on: node, url, epoch. Node ids are compared by bytes: Lua's order is that
		// of the server's locale.
		renew: redis.NewScript(luaRecord + luaStore + `
local function greater(a, b)
	for i = 1, math.min(#a, #b) do
		local x, y = a:byte(i), b:byte(i)
		if x ~= y then
			return x > y
		end
	end
	return #a > #b
end
local mine = tonumber(ARGV[7])
local same = epoch == mine and node == ARGV[5]
if epoch > mine or epoch == mine and greater(node, ARGV[5]) or same and till == 0 then
	return {0, now, epoch, node, url, left}
end
store(mine, ARGV[5], ARGV[6], now + life, not same or not found)
return {1, now}
`),
		// ARGV[5] on: node, epoch.
		release: redis.NewScript(luaRecord + luaStore + `
if epoch == tonumber(ARGV[6]) and node == ARGV[5] and till ~= 0 then
	store(epoch, node, url, 0, true)
end
return {1, now}
`),
		lookup: redis.NewScript(luaRecord + `
return {found and 1 or 0, now, epoch, node, url, left}
`),
	}
}

// newAnnounceScript keeps a node's description in one hash and the end of its life in a
// sorted set, and forgets a few that ended. ARGV: time, life, id, description.
func newAnnounceScript() *redis.Script {
	return redis.NewScript(luaNow + `
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', 0, 8)) do
	redis.call('ZREM', KEYS[1], id)
	redis.call('HDEL', KEYS[2], id)
end
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[3])
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('PEXPIRE', KEYS[1], 600000)
redis.call('PEXPIRE', KEYS[2], 600000)
return {1, now}
`)
}
