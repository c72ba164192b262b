-- Claims one tick of one entry and publishes its message, or does nothing at all.
--
-- KEYS  1 leader, 2 state of the entry, 3 history of the entry, 4 its backfilled times, then one key for each
--       message
-- ARGV  1 token, 2 kind (due, left-out, run-now, backfill), 3 due, 4 the due time it follows or '', 5 now,
--       6 task, 7 line for the history, 8 lines kept, then for each message: what, a score, the message
--       what: L push to the back, Z add to a zset (score), P publish
-- Gives 1, 0 when it was dealt with already or there is no such entry, -1 when the token is not the leader's
--       (a backfill needs none)
if ARGV[2] ~= 'backfill' and redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return -1 end
-- Removed meanwhile.
if redis.call('HEXISTS', KEYS[2], 'since') == 0 then return 0 end
local kind, due = ARGV[2], ARGV[3]
if kind == 'run-now' then
  if redis.call('HGET', KEYS[2], 'asked') ~= due then return 0 end
elseif kind == 'backfill' then
  if redis.call('SADD', KEYS[4], due) == 0 then return 0 end
elseif (redis.call('HGET', KEYS[2], 'due') or '') ~= ARGV[4] then
  return 0
end
for i = 5, #KEYS do
  local at = 9 + (i - 5) * 3
  local what, score, message = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if what == 'L' then redis.call('LPUSH', KEYS[i], message)
  elseif what == 'Z' then redis.call('ZADD', KEYS[i], score, message)
  elseif what == 'P' then redis.call('PUBLISH', KEYS[i], message)
  end
end
if kind == 'run-now' then redis.call('HDEL', KEYS[2], 'asked')
elseif kind ~= 'backfill' then redis.call('HSET', KEYS[2], 'due', due)
end
if kind ~= 'left-out' then
  redis.call('HSET', KEYS[2], 'sent', ARGV[5], 'task', ARGV[6])
  redis.call('HINCRBY', KEYS[2], 'runs', 1)
  -- Published elsewhere, after this.
  if #KEYS == 4 and kind ~= 'backfill' then redis.call('HSET', KEYS[2], 'pending', due) end
end
redis.call('LPUSH', KEYS[3], ARGV[7])
redis.call('LTRIM', KEYS[3], 0, ARGV[8] - 1)
return 1
