-- Takes a copy of what ends a chord, unless another copy from the same run of the chord was taken.
--
-- KEYS  1 what was taken (.b): `<run>:<token>` by place
-- ARGV  1 place, 2 run, 3 token, 4 seconds that this is kept (0: for ever)
-- Gives 1, or 0 when the other copy was taken
local run, own = ARGV[2] .. ':', ARGV[2] .. ':' .. ARGV[3]
local taken = redis.call('HGET', KEYS[1], ARGV[1])
if taken and taken ~= own and string.sub(taken, 1, #run) == run then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], own)
if tonumber(ARGV[4]) > 0 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
return 1
