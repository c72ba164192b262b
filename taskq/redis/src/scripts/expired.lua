-- The owners whose lease has lapsed. They stop being owners at once, so that a late renewal fails; what they
-- held is moved by whoever called, and found again under `leaving` if that one dies too.
--
-- KEYS  1 owners (zset), 2 leaving (set)
-- Gives the names of all that are leaving
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], owner)
  redis.call('SADD', KEYS[2], owner)
end
return redis.call('SMEMBERS', KEYS[2])
