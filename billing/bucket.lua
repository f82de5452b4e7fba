-- Take from a tenant's token buckets, all of them or none, and a stream's place with them.
-- KEYS[1] hash: `at` (ms) and a level a bucket.  KEYS[2] sorted set: stream -> when its place expires.
-- ARGV: number of buckets, then cost and capacity a minute for each, then stream ("" for none),
-- streams at once, lease in ms.  Returns {0} when taken, else {which bucket (n+1: streams), wait in ms}.
-- The clock is Redis' own: callers' clocks differ.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local n = tonumber(ARGV[1])
local stream, streams, lease = ARGV[2 * n + 2], tonumber(ARGV[2 * n + 3]), tonumber(ARGV[2 * n + 4])

local fields = {'at'}
for i = 1, n do fields[i + 1] = 'l' .. i end
local kept = redis.call('HMGET', KEYS[1], unpack(fields))
local passed = kept[1] and math.max(0, now - tonumber(kept[1])) or 0

local writes = {'at', string.format('%.0f', now)}
local full_in = 0
for i = 1, n do
  local cost, capacity = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local level = capacity
  if kept[i + 1] then level = math.min(capacity, tonumber(kept[i + 1]) + passed * capacity / 60000) end
  -- More than a whole bucket is let through when the bucket is full, and leaves it in debt: the
  -- average holds, and a large request is late rather than impossible.
  local needed = math.min(cost, capacity)
  if cost > 0 and level < needed then
    return {i, capacity > 0 and math.ceil((needed - level) * 60000 / capacity) or 60000}
  end
  level = level - cost
  writes[#writes + 1] = 'l' .. i
  writes[#writes + 1] = string.format('%.4f', level)
  if capacity > 0 then full_in = math.max(full_in, (capacity - level) * 60000 / capacity) end
end

if stream ~= '' then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= streams then
    local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
    return {n + 1, first[2] and math.max(1, tonumber(first[2]) - now) or 1000}
  end
  redis.call('ZADD', KEYS[2], now + lease, stream)
  redis.call('PEXPIRE', KEYS[2], lease)
end
redis.call('HSET', KEYS[1], unpack(writes))
redis.call('PEXPIRE', KEYS[1], math.ceil(full_in) + 1000)
return {0}
