-- Takes one message out of a queue, or moves it to another, if it is still there.
--
-- KEYS  1 the list, or zset of delayed messages; 2 the same of the other queue, if it is moved
-- ARGV  1 L for lists, Z for zsets; 2 the message as it is there; 3 as it is put into the other
-- Gives 1, or 0 when it is not there (nothing was done)
--
-- The message is removed last: when the other key is of another type, it is still there.
-- The first write needs no memory, for a server that is full: see `take.lua`.
redis.call('PERSIST', KEYS[1])
if ARGV[1] == 'Z' then
  local due = redis.call('ZSCORE', KEYS[1], ARGV[2])
  if not due then return 0 end
  if KEYS[2] then redis.call('ZADD', KEYS[2], due, ARGV[3]) end
  return redis.call('ZREM', KEYS[1], ARGV[2])
end
if not redis.call('LPOS', KEYS[1], ARGV[2], 'RANK', -1) then return 0 end
if KEYS[2] then redis.call('LPUSH', KEYS[2], ARGV[3]) end
return redis.call('LREM', KEYS[1], -1, ARGV[2])
