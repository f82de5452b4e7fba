-- Take one of the places at the Knowledge Bases, or learn how long to wait.
-- KEYS[1] sorted set: holder -> when its place expires (ms).  KEYS[2] sorted set: waiting tenant -> last seen.
-- KEYS[3] hash: tenant -> when it was last let in.  KEYS[4] sorted set: calls of the kind begun lately.
-- ARGV: tenant, holder, places, lease in ms, calls a second, how long a waiter counts in ms.
-- Returns 0 when taken, else milliseconds to wait. The clock is Redis' own: callers' clocks differ.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local tenant, holder = ARGV[1], ARGV[2]
local places, lease, rate, patience = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - patience)
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - 1000)
redis.call('ZADD', KEYS[2], now, tenant)
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], 3600000) end

-- Whoever waits and was let in longest ago goes first, so that a large upload lets the small ones by.
local mine = tonumber(redis.call('HGET', KEYS[3], tenant) or '0')
for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if other ~= tenant and tonumber(redis.call('HGET', KEYS[3], other) or '0') < mine then return 40 end
end
if redis.call('ZCARD', KEYS[1]) >= places then return 40 end
if redis.call('ZCARD', KEYS[4]) >= rate then
  local first = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
  return math.max(10, tonumber(first[2]) + 1000 - now)
end
redis.call('ZADD', KEYS[1], now + lease, holder)
redis.call('ZADD', KEYS[4], now, holder)
redis.call('HSET', KEYS[3], tenant, now)
redis.call('ZREM', KEYS[2], tenant)
return 0
