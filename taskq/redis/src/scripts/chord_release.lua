-- Gives up a claim.
--
-- KEYS  1 claim (.c)
-- ARGV  1 token
-- Gives 1, or 0 when the claim is another's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
