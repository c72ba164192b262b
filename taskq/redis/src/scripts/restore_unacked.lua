-- Puts a message that a Python worker left unacknowledged back to the front of its list, if nobody else has.
--
-- KEYS  1 unacked (hash), 2 unacked_index (zset), 3 the list
-- ARGV  1 delivery tag, 2 the message with its redelivered flags
-- Gives 1, or 0 when it was gone
local there = redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
if there == 1 then redis.call('RPUSH', KEYS[3], ARGV[2]) end
return there
