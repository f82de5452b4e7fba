-- Take from a tenant's token buckets and from the member's own, all of them or none, and a stream's
-- place with them.
-- KEYS: 1 the tenant's buckets, 2 the member's, 3 the tenant's streams, 4 the member's; for the
-- Region's guardrail units, which the account's tenants share: 5 the Region's, 6 tenant -> when it
-- last asked, 7 the tenant's share.
-- Buckets are one text: `at` (ms), then a level each, as doubles. Streams are a sorted set: stream ->
-- when its place expires.
-- ARGV[1], JSON: `costs` and `capacities` a minute, `percent` of each capacity that one member may
-- take (0: no member), `stream` ("": none), `streams` and `own_streams` at once, `lease` in ms, `units`
-- of the Region (0: none), `rate` a second, `room`: what its bucket holds, `tenant`.
-- Returns one text of whole numbers: "0 0", then the level of each bucket and of each of the member's,
-- when taken; else which bucket (n+1: streams; n+2: the Region; 100 more: the member's own) and the
-- wait in ms.
-- The clock is Redis' own: callers' clocks differ.
local asked = cjson.decode(ARGV[1])
local costs, capacities = asked.costs, asked.capacities
local n, percent, stream = #costs, asked.percent, asked.stream
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local form = '<' .. string.rep('d', n + 1)

-- Return levels and the ms until full; or which one refuses, and the wait.
local function drawn(kept, share)
  local before = kept and {struct.unpack(form, kept)}
  local passed = before and math.max(0, now - before[1]) or 0
  local levels, full_in = {}, 0
  for i = 1, n do
    local cost, capacity = costs[i], capacities[i] * share
    local level = before and math.min(capacity, before[i + 1] + passed * capacity / 60000) or capacity
    -- More than a whole bucket is let through when the bucket is full, and leaves it in debt: the
    -- average holds, and a large request is late rather than impossible.
    local needed = math.min(cost, capacity)
    if cost > 0 and level < needed then
      return nil, i, capacity > 0 and math.ceil((needed - level) * 60000 / capacity) or 60000
    end
    levels[i] = level - cost
    if capacity > 0 then full_in = math.max(full_in, (capacity - levels[i]) * 60000 / capacity) end
  end
  return levels, full_in
end

local function refusal(which, wait)
  return string.format('%d %.0f', which, wait)
end

local function keep(key, levels, full_in)
  redis.call('SET', key, struct.pack(form, now, unpack(levels)), 'PX', math.ceil(full_in) + 1000)
end

local kept = percent > 0 and redis.call('MGET', KEYS[1], KEYS[2]) or {redis.call('GET', KEYS[1])}
local levels, full_in, wait = drawn(kept[1], 1)
if not levels then return refusal(full_in, wait) end
local own_levels, own_full_in
if percent > 0 then
  own_levels, own_full_in, wait = drawn(kept[2], percent / 100)
  if not own_levels then return refusal(100 + own_full_in, wait) end
end

local unit_cost, unit_rate, room = asked.units, asked.rate, asked.room
local unit_level, share = room, room / 2
if unit_cost > 0 then
  -- Whoever asked in the last five seconds contends. The upper half of the bucket is for anyone; of
  -- the lower half each takes its share of what flows in, so that no one can take it from the rest.
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', now - 5000)
  redis.call('ZADD', KEYS[6], now, asked.tenant)
  redis.call('PEXPIRE', KEYS[6], 6000)
  local contenders = redis.call('ZCARD', KEYS[6])
  local region = redis.call('HMGET', KEYS[5], 'at', 'level')
  if region[1] then
    local flowed = math.max(0, now - tonumber(region[1])) * unit_rate / 1000
    unit_level = math.min(room, tonumber(region[2]) + flowed)
  end
  local mine = redis.call('HMGET', KEYS[7], 'at', 'level')
  if mine[1] then
    local flowed = math.max(0, now - tonumber(mine[1])) * unit_rate / contenders / 1000
    share = math.min(room / 2, tonumber(mine[2]) + flowed)
  end
  local needed = math.min(unit_cost, room)
  if unit_level < needed then
    return refusal(n + 2, math.ceil((needed - unit_level) * 1000 / unit_rate))
  end
  local fair = math.min(unit_cost, room / 2)
  if contenders > 1 and unit_level - unit_cost < room / 2 and share < fair then
    return refusal(n + 2, math.ceil((fair - share) * 1000 * contenders / unit_rate))
  end
end

if stream ~= '' then
  local places = {{KEYS[3], asked.streams, n + 1}}
  if percent > 0 then places[2] = {KEYS[4], asked.own_streams, 100 + n + 1} end
  for _, place in ipairs(places) do
    redis.call('ZREMRANGEBYSCORE', place[1], '-inf', now)
    if redis.call('ZCARD', place[1]) >= place[2] then
      local first = redis.call('ZRANGE', place[1], 0, 0, 'WITHSCORES')
      return refusal(place[3], first[2] and math.max(1, tonumber(first[2]) - now) or 1000)
    end
  end
  for _, place in ipairs(places) do
    redis.call('ZADD', place[1], now + asked.lease, stream)
    redis.call('PEXPIRE', place[1], asked.lease)
  end
end
keep(KEYS[1], levels, full_in)
if own_levels then keep(KEYS[2], own_levels, own_full_in) end
if unit_cost > 0 then
  unit_level, share = unit_level - unit_cost, math.max(0, share - unit_cost)
  local at = string.format('%.0f', now)
  redis.call('HSET', KEYS[5], 'at', at, 'level', string.format('%.4f', unit_level))
  redis.call('PEXPIRE', KEYS[5], math.ceil((room - unit_level) * 1000 / unit_rate) + 1000)
  redis.call('HSET', KEYS[7], 'at', at, 'level', string.format('%.4f', share))
  redis.call('PEXPIRE', KEYS[7], 60000)
end
local answer = {'0 0'}
for _, found in ipairs({levels, own_levels}) do
  for i = 1, n do answer[#answer + 1] = string.format('%.0f', math.floor(found[i])) end
end
return table.concat(answer, ' ')
