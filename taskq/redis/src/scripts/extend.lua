-- Renews an owner's lease.
--
-- KEYS  1 owners (zset)
-- ARGV  1 owner, 2 lease in ms
-- Gives 1, or 0 when the lease was lost
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
-- The first write needs no memory, for a server that is full: see `take.lua`.
redis.call('PERSIST', KEYS[1])
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[2]), ARGV[1])
return 1
