-- Put back what was taken and not used, never above a bucket's capacity, and free a stream's place.
-- KEYS as in bucket.lua.  ARGV: number of buckets, then amount and capacity for each, then stream or "".
-- Then the units of the Region that were not used, what its bucket holds, and the member's percent.
local n = tonumber(ARGV[1])
local percent = tonumber(ARGV[2 * n + 5])
local buckets = {{KEYS[1], 1}}
if percent > 0 then buckets[2] = {KEYS[6], percent / 100} end
for i = 1, n do
  local amount, capacity = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  if amount ~= 0 then
    for _, bucket in ipairs(buckets) do
      local level = redis.call('HGET', bucket[1], 'l' .. i)
      if level then
        local restored = math.min(capacity * bucket[2], tonumber(level) + amount)
        redis.call('HSET', bucket[1], 'l' .. i, string.format('%.4f', restored))
      end
    end
  end
end
if ARGV[2 * n + 2] ~= '' then
  redis.call('ZREM', KEYS[2], ARGV[2 * n + 2])
  if percent > 0 then redis.call('ZREM', KEYS[7], ARGV[2 * n + 2]) end
end
local unused, room = tonumber(ARGV[2 * n + 3]), tonumber(ARGV[2 * n + 4])
if unused ~= 0 then
  for key, most in pairs({[KEYS[3]] = room, [KEYS[5]] = room / 2}) do
    local level = redis.call('HGET', key, 'level')
    if level then
      redis.call('HSET', key, 'level', string.format('%.4f', math.min(most, tonumber(level) + unused)))
    end
  end
end
return 1
