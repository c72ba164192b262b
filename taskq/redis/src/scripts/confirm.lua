-- Says that claimed ticks were published elsewhere.
--
-- KEYS  1 leader, then the state of each entry
-- ARGV  1 token
-- Gives 1, or -1 when the token is not the leader's
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return -1 end
for i = 2, #KEYS do redis.call('HDEL', KEYS[i], 'pending') end
return 1
