-- Becomes or stays the beat that leads, if no other does.
--
-- KEYS  1 leader (a hash that lapses), 2 counter of terms
-- ARGV  1 who asks, 2 lease in ms
-- Gives {token, ''}, or {0, who leads}
local leader = redis.call('HGET', KEYS[1], 'beat')
if leader and leader ~= ARGV[1] then return {0, leader} end
local token = leader and tonumber(redis.call('HGET', KEYS[1], 'token'))
if not token then
  token = redis.call('INCR', KEYS[2])
  redis.call('HSET', KEYS[1], 'beat', ARGV[1], 'token', token)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {token, ''}
