-- Moves a message that a Python worker left unacknowledged, if it is still there and nobody has taken it anew.
--
-- KEYS  1 unacked (hash), 2 unacked_index (zset), then where it goes: lists, or a hash
-- ARGV  1 delivery tag, 2 the date before which it is forgotten, 3 R to the front of the lists, L to their back,
--       H into the hash under its tag, 4 the message
-- Gives 1 when it went to the front of a list, else 0
local date = redis.call('ZSCORE', KEYS[2], ARGV[1])
if not date or tonumber(date) > tonumber(ARGV[2]) then return 0 end
-- The first write needs no memory, for a server that is full: see `take.lua`.
redis.call('PERSIST', KEYS[2])
local there = redis.call('HEXISTS', KEYS[1], ARGV[1])
if there == 1 then
  for i = 3, #KEYS do
    if ARGV[3] == 'R' then redis.call('RPUSH', KEYS[i], ARGV[4])
    elseif ARGV[3] == 'L' then redis.call('LPUSH', KEYS[i], ARGV[4])
    else redis.call('HSET', KEYS[i], ARGV[1], ARGV[4]) end
  end
  redis.call('HDEL', KEYS[1], ARGV[1])
end
redis.call('ZREM', KEYS[2], ARGV[1])
return ARGV[3] == 'R' and there or 0
