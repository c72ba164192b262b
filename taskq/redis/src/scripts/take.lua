-- Promotes what is due, then moves messages from queues to the owner's in-flight lists.
--
-- KEYS  1 owners (zset), 2 queues of which the owner holds messages (set), 3 leaving (set),
--       4 what was revoked (zset), then for each queue: delayed (zset), in-flight (list), and its lists, most
--       urgent first, then, if what is taken is mirrored: unacked (hash), unacked_index (zset)
-- ARGV  1 owner, 2 lease in ms, 3 most messages, 4 "1" if the owner has taken before, 5 number of steps,
--       6 separator of steps, 7 "1" to mirror, 8 what stands before a list's name in the channel
--       that announces a write to it, then the queues' names in the order of KEYS
-- Gives {state, ms until the next is due or -1, when the youngest revocation was remembered or 0,
--       queue index, how many of it, these, queue index, how many of it, these, …}
--       state 0: the owner's lease has lapsed, its name must not be used again; nothing was taken
--       state 2: mirrored; after each message comes the name of its entry, empty if it has none
--
-- A full server (`noeviction`) refuses a script's first write if that needs memory, and no later one: so the
-- first write here needs none. Taking and settling is what empties it.
redis.call('PERSIST', KEYS[1])
local owner, lease, most, used = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local steps, sep = tonumber(ARGV[5]), ARGV[6]
local mirror = ARGV[7] == '1'
local queues = #ARGV - 8
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
local count = 0
local held = {}
for step = 1, steps do
  -- The queues take turns, one message each, as long as they have some and there is room.
  local has, gets, turns, more = {}, {}, {}, count < most
  for q = 1, more and queues or 0 do
    has[q], gets[q] = redis.call('LLEN', KEYS[4 + (q - 1) * width + 2 + step]), 0
  end
  while more and count < most do
    more = false
    for q = 1, queues do
      if gets[q] < has[q] and count < most then
        more = true
        count = count + 1
        gets[q] = gets[q] + 1
        turns[#turns + 1] = q
      end
    end
  end
  local taken = {}
  for q = 1, #turns > 0 and queues or 0 do
    if gets[q] > 0 then
      local base = 4 + (q - 1) * width
      local list, own = KEYS[base + 2 + step], KEYS[base + 2]
      local found, messages = redis.call('LRANGE', list, -gets[q], -1), {}
      for at = #found, 1, -1 do messages[#messages + 1] = found[at] end
      -- First there, then away: what fails in between leaves them twice, not nowhere. Lua passes so many at once.
      for from = 1, #messages, 1000 do
        redis.call('LPUSH', own, unpack(messages, from, math.min(from + 999, #messages)))
      end
      redis.call('LTRIM', list, 0, -#messages - 1)
      held[q], taken[q] = true, messages
    end
  end
  -- Handed out in turns, too: a queue, how many of it, and these.
  local at, last, run = {}, nil, 0
  for _, q in ipairs(turns) do
    at[q] = (at[q] or 0) + 1
    local message = taken[q][at[q]]
    if message then -- else its list is also that of a queue before it
      if q ~= last then
        out[#out + 1] = q
        out[#out + 1] = 0
        last, run = q, #out
      end
      out[run] = out[run] + 1
      out[#out + 1] = message
      if mirror then
        -- Dated at the end of the lease, so that it looks forgotten to nobody, however impatient, while we live.
        local name = mirrored(KEYS[4 + (q - 1) * width + 2], message)
        if name then
          local entry = '[' .. message .. ', "", ' .. cjson.encode(ARGV[8 + q]) .. ']'
          redis.call('HSET', KEYS[#KEYS - 1], name, entry)
          redis.call('ZADD', KEYS[#KEYS], (now + lease) / 1000, name)
        end
        out[#out + 1] = name or ''
      end
    end
  end
end
if count > 0 then
  redis.call('ZADD', KEYS[1], now + lease, owner)
  for q in pairs(held) do redis.call('SADD', KEYS[2], ARGV[8 + q]) end
end
return out
