-- Remembers what was revoked. Each call is younger than all before it, whatever the clock does, so that nobody who
-- reads on from the youngest that he knows misses one.
--
-- KEYS  1 what was revoked, by time (zset)
-- ARGV  1 how long it is remembered, in ms, then what was revoked
-- Gives nothing
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local at = now
if last[2] then at = math.max(at, tonumber(last[2]) + 1) end
for i = 2, #ARGV do redis.call('ZADD', KEYS[1], at, ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
