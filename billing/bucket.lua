-- Take from a tenant's token buckets and from the member's own, all of them or none, and a stream's
-- place with them.
-- KEYS[1] hash: `at` (ms) and a level a bucket.  KEYS[2] sorted set: stream -> when its place expires.
-- ARGV: number of buckets, then cost and capacity a minute for each, then stream ("" for none),
-- streams at once, lease in ms.  Returns {0, 0, level of each bucket, of each of the member's} when
-- taken, else {which bucket (n+1: streams; n+2: the Region; 100 more: the member's own), wait in ms}.
-- The Region's guardrail units, which the account's tenants share: KEYS[3] hash `at`, `level`; KEYS[4]
-- sorted set tenant -> when it last asked; KEYS[5] hash of the tenant's share.  ARGV after the lease:
-- cost (0: none), units a second, what the bucket holds, tenant.
-- The member's: KEYS[6] and KEYS[7] as KEYS[1] and KEYS[2].  ARGV after the tenant: percent of each
-- capacity that one member may take (0: no member), streams at once.
-- The clock is Redis' own: callers' clocks differ.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local n = tonumber(ARGV[1])
local stream, streams, lease = ARGV[2 * n + 2], tonumber(ARGV[2 * n + 3]), tonumber(ARGV[2 * n + 4])
local percent, own_streams = tonumber(ARGV[2 * n + 9]), tonumber(ARGV[2 * n + 10])

local fields = {'at'}
for i = 1, n do fields[i + 1] = 'l' .. i end

-- Return what is to be written, the levels and the ms until full; or which one refuses, and the wait.
local function drawn(key, share)
  local kept = redis.call('HMGET', key, unpack(fields))
  local passed = kept[1] and math.max(0, now - tonumber(kept[1])) or 0
  local writes, levels, full_in = {'at', string.format('%.0f', now)}, {}, 0
  for i = 1, n do
    local cost, capacity = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1]) * share
    local level = capacity
    if kept[i + 1] then level = math.min(capacity, tonumber(kept[i + 1]) + passed * capacity / 60000) end
    -- More than a whole bucket is let through when the bucket is full, and leaves it in debt: the
    -- average holds, and a large request is late rather than impossible.
    local needed = math.min(cost, capacity)
    if cost > 0 and level < needed then
      return nil, i, capacity > 0 and math.ceil((needed - level) * 60000 / capacity) or 60000
    end
    level = level - cost
    writes[#writes + 1] = 'l' .. i
    writes[#writes + 1] = string.format('%.4f', level)
    levels[i] = math.floor(level)
    if capacity > 0 then full_in = math.max(full_in, (capacity - level) * 60000 / capacity) end
  end
  return writes, levels, full_in
end

local writes, levels, full_in = drawn(KEYS[1], 1)
if not writes then return {levels, full_in} end
local own_writes, own_levels, own_full_in
if percent > 0 then
  own_writes, own_levels, own_full_in = drawn(KEYS[6], percent / 100)
  if not own_writes then return {100 + own_levels, own_full_in} end
end

local unit_cost, unit_rate = tonumber(ARGV[2 * n + 5]), tonumber(ARGV[2 * n + 6])
local unit_capacity, tenant = tonumber(ARGV[2 * n + 7]), ARGV[2 * n + 8]
local unit_level, share = unit_capacity, unit_capacity / 2
if unit_cost > 0 then
  -- Whoever asked in the last five seconds contends. The upper half of the bucket is for anyone; of
  -- the lower half each takes its share of what flows in, so that no one can take it from the rest.
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - 5000)
  redis.call('ZADD', KEYS[4], now, tenant)
  redis.call('PEXPIRE', KEYS[4], 6000)
  local contenders = redis.call('ZCARD', KEYS[4])
  local region = redis.call('HMGET', KEYS[3], 'at', 'level')
  if region[1] then
    local flowed = math.max(0, now - tonumber(region[1])) * unit_rate / 1000
    unit_level = math.min(unit_capacity, tonumber(region[2]) + flowed)
  end
  local mine = redis.call('HMGET', KEYS[5], 'at', 'level')
  if mine[1] then
    local flowed = math.max(0, now - tonumber(mine[1])) * unit_rate / contenders / 1000
    share = math.min(unit_capacity / 2, tonumber(mine[2]) + flowed)
  end
  local needed = math.min(unit_cost, unit_capacity)
  if unit_level < needed then
    return {n + 2, math.ceil((needed - unit_level) * 1000 / unit_rate)}
  end
  local fair = math.min(unit_cost, unit_capacity / 2)
  if contenders > 1 and unit_level - unit_cost < unit_capacity / 2 and share < fair then
    return {n + 2, math.ceil((fair - share) * 1000 * contenders / unit_rate)}
  end
end

if stream ~= '' then
  local places = {{KEYS[2], streams, n + 1}}
  if percent > 0 then places[2] = {KEYS[7], own_streams, 100 + n + 1} end
  for _, place in ipairs(places) do
    redis.call('ZREMRANGEBYSCORE', place[1], '-inf', now)
    if redis.call('ZCARD', place[1]) >= place[2] then
      local first = redis.call('ZRANGE', place[1], 0, 0, 'WITHSCORES')
      return {place[3], first[2] and math.max(1, tonumber(first[2]) - now) or 1000}
    end
  end
  for _, place in ipairs(places) do
    redis.call('ZADD', place[1], now + lease, stream)
    redis.call('PEXPIRE', place[1], lease)
  end
end
redis.call('HSET', KEYS[1], unpack(writes))
redis.call('PEXPIRE', KEYS[1], math.ceil(full_in) + 1000)
if own_writes then
  redis.call('HSET', KEYS[6], unpack(own_writes))
  redis.call('PEXPIRE', KEYS[6], math.ceil(own_full_in) + 1000)
end
if unit_cost > 0 then
  unit_level, share = unit_level - unit_cost, math.max(0, share - unit_cost)
  local at = string.format('%.0f', now)
  redis.call('HSET', KEYS[3], 'at', at, 'level', string.format('%.4f', unit_level))
  redis.call('PEXPIRE', KEYS[3], math.ceil((unit_capacity - unit_level) * 1000 / unit_rate) + 1000)
  redis.call('HSET', KEYS[5], 'at', at, 'level', string.format('%.4f', share))
  redis.call('PEXPIRE', KEYS[5], 60000)
end
local answer = {0, 0, unpack(levels)}
for i = 1, own_levels and n or 0 do answer[#answer + 1] = own_levels[i] end
return answer
