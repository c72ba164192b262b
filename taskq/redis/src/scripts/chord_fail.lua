-- A chord has failed: no member that comes late completes it, unless it was opened again meanwhile.
--
-- KEYS  1 claim (.c)  2 size (.s)
-- ARGV  1 token
-- Gives 1, or 0 when the claim is not held any more
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
return 1
