-- Stores one result, unless SUCCESS is stored already, and tells those who wait.
--
-- KEYS  1 the result's key, which is also the channel
-- ARGV  1 seconds until it expires, 0 for never, 2 the result, 3 how a stored SUCCESS begins, with a space
--       after colons, 4 the same without
-- Gives 1, or 0 when SUCCESS was there
local there = redis.call('GETRANGE', KEYS[1], 0, #ARGV[3] - 1)
if there == ARGV[3] or string.sub(there, 1, #ARGV[4]) == ARGV[4] then return 0 end
-- The first write needs no memory, for a server that is full: see `take.lua`. What ran must not run again, so
-- its result finds room.
redis.call('PERSIST', KEYS[1])
if ARGV[1] == '0' then redis.call('SET', KEYS[1], ARGV[2])
else redis.call('SETEX', KEYS[1], ARGV[1], ARGV[2]) end
redis.call('PUBLISH', KEYS[1], ARGV[2])
return 1
