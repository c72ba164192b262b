-- Stops leading.
--
-- KEYS  1 leader
-- ARGV  1 who
-- Gives 1, or 0 when another leads
if redis.call('HGET', KEYS[1], 'beat') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
