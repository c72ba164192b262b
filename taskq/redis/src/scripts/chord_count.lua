-- Counts a member of a chord's header, and hands out the claim to send the body. Celery 5.7 counts with the
-- same keys in the same way: workers of both kinds count one chord together.
--
-- KEYS  1 results (.j), 2 members added later (.t), 3 size (.s), 4 counted (.d), 5 saved group, 6 claim (.c),
--       7 run (.r)
-- ARGV  1 task id, 2 its result, 3 `1` for a sorted set of results, `0` for a list, 4 its index or +inf,
--       5 seconds the counters are kept, 6 the same for the saved group (0: for ever), 7 seconds of the claim,
--       8 token
-- Gives {'done'}, {'counted'}, {'busy'}, {'saved', run, group} or {'members', run, result…}
if redis.call('GET', KEYS[6]) == 'done' then return {'done'} end
local ordered = ARGV[3] == '1'
-- The index too: a signature that is in the header twice has one id.
if redis.call('SADD', KEYS[4], ARGV[1] .. ':' .. ARGV[4]) == 1 then
  if ordered then redis.call('ZADD', KEYS[1], ARGV[4], ARGV[2])
  else redis.call('RPUSH', KEYS[1], ARGV[2]) end
end
local expires, group_expires = tonumber(ARGV[5]), tonumber(ARGV[6])
if expires > 0 then
  for key = 1, 4 do redis.call('EXPIRE', KEYS[key], expires) end
  if group_expires > 0 then redis.call('EXPIRE', KEYS[5], group_expires) end
end
local size = redis.call('GET', KEYS[3])
if not size then return {'counted'} end
local all = tonumber(size) + tonumber(redis.call('GET', KEYS[2]) or 0)
local count = ordered and redis.call('ZCARD', KEYS[1]) or redis.call('LLEN', KEYS[1])
if count ~= all then return {'counted'} end
if not redis.call('SET', KEYS[6], ARGV[8], 'NX', 'EX', ARGV[7]) then return {'busy'} end
-- What tells this run of the chord from another one, whoever ends it. It stands among what was counted too, because
-- that is what Celery removes when a chord is over.
local run = redis.call('GET', KEYS[7])
if not run or redis.call('SISMEMBER', KEYS[4], 'run:' .. run) == 0 then
  run = ARGV[8]
  redis.call('SET', KEYS[7], run)
  redis.call('SADD', KEYS[4], 'run:' .. run)
end
if expires > 0 then redis.call('EXPIRE', KEYS[7], expires) end
local saved = redis.call('GET', KEYS[5])
if saved then return {'saved', run, saved} end
local results = redis.call(ordered and 'ZRANGE' or 'LRANGE', KEYS[1], 0, -1)
table.insert(results, 1, run)
table.insert(results, 1, 'members')
return results
