-- Replaces a failed step that is still as it was read.
--
-- KEYS  1 failed steps of the workflow (hash)
-- ARGV  1 id  2 as it was read  3 what it becomes; absent: it is forgotten
-- Gives 1, or 0 when it is another now
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] then redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) else redis.call('HDEL', KEYS[1], ARGV[1]) end
return 1
