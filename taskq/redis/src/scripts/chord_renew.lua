-- Makes a claim last longer; takes it again when it has lapsed and the chord is still there.
--
-- KEYS  1 claim (.c), 2 size (.s)
-- ARGV  1 token, 2 seconds
-- Gives 1, or 0 when the claim is another's, or the chord is over or has failed
if redis.call('EXISTS', KEYS[2]) == 0 then return 0 end
local holder = redis.call('GET', KEYS[1])
if holder == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end
if holder then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
