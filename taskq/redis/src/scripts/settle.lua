-- Ends one delivery, if it is still held, with everything that goes with it.
--
-- KEYS  1 in-flight (hash), then one key for each action
-- ARGV  1 the number of the message, then for each action: what, a field or score, a value
--       what: L push to the back, R push to the front, Z add to a zset (score), I increment a field of a hash that expires in two weeks,
--             D delete a field, P publish, S add to a set;
--             U as the first: it is mirrored in this hash under a field, which is found out if it is empty,
--             and V as the second: in this zset. When the entry is gone a Python worker has restored the
--             message: the lease was lost
-- Gives 1, or 0 when the lease was lost (nothing was done)
--
-- The message is removed last: when an action fails (a key of another type, a full server), it is still held,
-- and what was done before is done again.
-- The first write needs no memory, for a server that is full: see `take.lua`.
redis.call('PERSIST', KEYS[1])
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
local name
if ARGV[2] == 'U' then
  name = ARGV[3]
  if name == '' then name = mirrored(KEYS[1], redis.call('HGET', KEYS[1], ARGV[1])) end
  if name and redis.call('HEXISTS', KEYS[2], name) == 0 then
    redis.call('HDEL', KEYS[1], ARGV[1])
    return 0
  end
end
for i = 2, #KEYS do
  local at = 2 + (i - 2) * 3
  local what, field, value = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if what == 'L' then redis.call('LPUSH', KEYS[i], value)
  elseif what == 'R' then redis.call('RPUSH', KEYS[i], value)
  elseif what == 'Z' then redis.call('ZADD', KEYS[i], field, value)
  elseif what == 'I' then 
    redis.call('HINCRBY', KEYS[i], field, 1)
    redis.call('EXPIRE', KEYS[i], 1209600)
  elseif what == 'D' then redis.call('HDEL', KEYS[i], field)
  elseif what == 'P' then redis.call('PUBLISH', KEYS[i], value)
  elseif what == 'S' then redis.call('SADD', KEYS[i], value)
  end
end
if name then
  redis.call('HDEL', KEYS[2], name)
  redis.call('ZREM', KEYS[3], name)
end
return redis.call('HDEL', KEYS[1], ARGV[1])
