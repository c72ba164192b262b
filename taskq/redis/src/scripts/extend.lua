-- Renews an owner's lease, and the date of what it mirrors.
--
-- KEYS  1 owners (zset), 2 unacked_index (zset), if it mirrors
-- ARGV  1 owner, 2 lease in ms, then the names of mirrored entries
-- Gives {0} when the lease was lost, else {1, which of the entries are gone: a Python worker has restored them}
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return {0} end
-- The first write needs no memory, for a server that is full: see `take.lua`.
redis.call('PERSIST', KEYS[1])
local time = redis.call('TIME')
local ends = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], ends, ARGV[1])
local out = {1}
for i = 3, #ARGV do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) then redis.call('ZADD', KEYS[2], ends / 1000, ARGV[i])
  else out[#out + 1] = i - 3 end
end
return out
