-- Ends deliveries that nothing follows, those that are still held.
--
-- KEYS  1 in-flight (hash), 2 owners (zset)
-- ARGV  1 owner, or nothing to look at each message by itself, then numbers, the oldest first
-- Gives the places of those that were gone in the list of numbers, counted from 0
--
-- While an owner is in the zset nobody else removes what it holds (`expired.lua`), so that all go at once and nobody
-- has to look which. Whatever else may have happened (the owner's name came back, a replica that had missed something
-- took over, somebody deleted keys) shows at the ends, in the length, or at last in how many went: then nobody can
-- tell any more which, and all are named.
local own, last = KEYS[1], #ARGV
local count = last - 1
local gone = {}
local function is_there(at) return redis.call('HEXISTS', own, ARGV[at]) == 1 end
-- To look costs as much as a few single ones.
if count > 4 and ARGV[1] ~= '' and redis.call('ZSCORE', KEYS[2], ARGV[1]) and is_there(2) and is_there(last)
  and redis.call('HLEN', own) >= count then
  local went = 0
  -- Lua passes so many at once.
  for from = 2, last, 1000 do
    went = went + redis.call('HDEL', own, unpack(ARGV, from, math.min(from + 999, last)))
  end
  for at = 1, went < count and count or 0 do gone[at] = at - 1 end
  return gone
end
for at = 2, last do
  if redis.call('HDEL', own, ARGV[at]) == 0 then gone[#gone + 1] = at - 2 end
end
return gone
