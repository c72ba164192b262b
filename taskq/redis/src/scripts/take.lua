-- Promotes what is due, then moves messages from queues to the owner's in-flight hashes.
--
-- KEYS  1 owners (zset), 2 queues of which the owner holds messages (set), 3 leaving (set),
--       4 what was revoked (zset), then for each queue: delayed (zset), in-flight (hash), and its lists, most
--       urgent first, then, if what is taken is mirrored: unacked (hash), unacked_index (zset)
-- ARGV  1 owner, 2 lease in ms, 3 most messages, 4 "1" if the owner has taken before, 5 number of steps,
--       6 separator of steps, 7 "1" to mirror, 8 what stands before a list's name in the channel
--       that announces a write to it, 9 the first of as many numbers as it may take messages, never used before,
--       then the queues' names in the order of KEYS
-- Gives {state, ms until the next is due or -1, when the youngest revocation was remembered or 0,
--       queue index, numbers, messages, queue index, numbers, messages, …}
--       numbers: that of the oldest, if each that is younger has the next one, or a list, the oldest first, which
--       may be longer; messages: a list, the youngest first
--       state 0: the owner's lease has lapsed, its name must not be used again; nothing was taken
--       state 2: mirrored; after the messages come the names of their entries, empty for what has none
--
-- Messages are held by number, and the numbers follow the order in which they were taken.
--
-- A full server (`noeviction`) refuses a script's first write if that needs memory, and no later one: so the
-- first write here needs none. Taking and settling is what empties it.
redis.call('PERSIST', KEYS[1])
local owner, lease, most, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local steps, sep = tonumber(ARGV[5]), ARGV[6]
local mirror = ARGV[7] == '1'
local first_number = tonumber(ARGV[9])
local queues = #ARGV - 9
if used and not redis.call('ZSCORE', KEYS[1], owner) then return {0, -1, 0} end
if redis.call('SISMEMBER', KEYS[3], owner) == 1 then return {0, -1, 0} end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local width = steps + 2
local next_due = -1
for q = 1, queues do
  local base = 4 + (q - 1) * width
  local delayed = KEYS[base + 1]
  local first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  if first[1] and tonumber(first[2]) <= now then
    local promoted = {}
    -- Each goes to the back of the list of its step, in the order in which they were due.
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 500)) do
      local bar = string.find(member, '|', 1, true)
      local step, list = string.match(member, '^%d+'), KEYS[base + 3]
      if step ~= '0' then list = list .. sep .. step end
      redis.call('LPUSH', list, string.sub(member, bar + 1))
      redis.call('ZREM', delayed, member)
      promoted[list] = true
    end
    -- There may be more than fits into this take.
    for list in pairs(promoted) do redis.call('PUBLISH', ARGV[8] .. list, '') end
    first = redis.call('ZRANGE', delayed, 0, 0, 'WITHSCORES')
  end
  if first[1] then
    local due = math.max(tonumber(first[2]) - now, 0)
    if next_due < 0 or due < next_due then next_due = due end
  end
end
local revoked = redis.call('ZREVRANGE', KEYS[4], 0, 0, 'WITHSCORES')
local out = {mirror and 2 or 1, next_due, revoked[2] and tonumber(revoked[2]) or 0}
local held = {}

-- Mirrors messages of a queue; gives the names of their entries.
local function mirror_all(q, own, messages)
  local names = {}
  for at, message in ipairs(messages) do
    local name = mirrored(own, message)
    if name then
      -- Dated at the end of the lease, so that it looks forgotten to nobody, however impatient, while we live.
      local entry = '[' .. message .. ', "", ' .. cjson.encode(ARGV[9 + q]) .. ']'
      redis.call('HSET', KEYS[#KEYS - 1], name, entry)
      redis.call('ZADD', KEYS[#KEYS], (now + lease) / 1000, name)
    end
    names[at] = name or ''
  end
  return names
end

-- Takes up to `most` of the list of a queue's step; gives how many there were. Numbers: as in the answer.
local function take(q, step, most, numbers)
  local base = 4 + (q - 1) * width
  local own, list = KEYS[base + 2], KEYS[base + 2 + step]
  local messages = redis.call('LRANGE', list, -most, -1)
  local count = #messages
  if count == 0 then return 0 end
  -- The owner is known before it holds anything, so that what it holds is found whatever fails from here on.
  if not next(held) then redis.call('ZADD', KEYS[1], now + lease, owner) end
  if not held[q] then redis.call('SADD', KEYS[2], ARGV[9 + q]) end
  held[q] = true
  local names = mirror and mirror_all(q, own, messages)
  local fields = {}
  if type(numbers) == 'table' then
    for at = 1, count do
      fields[at * 2 - 1] = numbers[count - at + 1]
      fields[at * 2] = messages[at]
    end
  else
    for at = 1, count do
      fields[at * 2 - 1] = numbers + count - at
      fields[at * 2] = messages[at]
    end
  end
  -- First there, then away: what fails in between leaves them twice, not nowhere. Lua passes so many at once.
  for from = 1, count * 2, 2000 do
    redis.call('HSET', own, unpack(fields, from, math.min(from + 1999, count * 2)))
  end
  redis.call('LTRIM', list, 0, -count - 1)
  out[#out + 1] = q
  out[#out + 1] = numbers
  out[#out + 1] = messages
  if names then out[#out + 1] = names end
  return count
end

local count = 0
for step = 1, steps do
  if count >= most then break end
  -- Which queues have something in this step.
  local some, has = {}, {}
  if queues == 1 then some[1] = 1
  else
    for q = 1, queues do
      local length = redis.call('LLEN', KEYS[4 + (q - 1) * width + 2 + step])
      if length > 0 then
        some[#some + 1] = q
        has[q] = length
      end
    end
  end
  if #some == 1 then count = count + take(some[1], step, most - count, first_number + count)
  elseif #some > 1 then
    -- They take turns, one message each, as long as they have some and there is room.
    local numbers, more = {}, true
    for _, q in ipairs(some) do numbers[q] = {} end
    while more and count < most do
      more = false
      for _, q in ipairs(some) do
        local own = numbers[q]
        if #own < has[q] and count < most then
          more = true
          own[#own + 1] = first_number + count
          count = count + 1
        end
      end
    end
    -- There may be fewer: two queues can have one list.
    for _, q in ipairs(some) do
      if #numbers[q] > 0 then take(q, step, #numbers[q], numbers[q]) end
    end
  end
end
return out
