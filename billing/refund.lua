-- Put back what was taken and not used, never above a bucket's capacity, and free a stream's place.
-- KEYS as in bucket.lua.  ARGV[1], JSON: `unused` and `capacities` of each bucket, `percent`, `stream`
-- ("": none), `units` of the Region that were not used, `room`: what its bucket holds.
local asked = cjson.decode(ARGV[1])
local unused, percent, stream = asked.unused, asked.percent, asked.stream
local n = #unused
local form = '<' .. string.rep('d', n + 1)

local function restore(key, share)
  local kept = redis.call('GET', key)
  if not kept then return end
  local values = {struct.unpack(form, kept)}
  for i = 1, n do
    if unused[i] ~= 0 then
      values[i + 1] = math.min(asked.capacities[i] * share, values[i + 1] + unused[i])
    end
  end
  redis.call('SET', key, struct.pack(form, unpack(values, 1, n + 1)), 'KEEPTTL')
end

restore(KEYS[1], 1)
if percent > 0 then restore(KEYS[2], percent / 100) end
if stream ~= '' then
  redis.call('ZREM', KEYS[3], stream)
  if percent > 0 then redis.call('ZREM', KEYS[4], stream) end
end
if asked.units ~= 0 then
  for key, most in pairs({[KEYS[5]] = asked.room, [KEYS[7]] = asked.room / 2}) do
    local level = redis.call('HGET', key, 'level')
    if level then
      redis.call('HSET', key, 'level', string.format('%.4f', math.min(most, tonumber(level) + asked.units)))
    end
  end
end
return 1
