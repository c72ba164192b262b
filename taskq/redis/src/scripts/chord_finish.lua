-- Removes the counters of a chord whose body was sent, and tells members that come late.
--
-- KEYS  1 claim (.c), then what is removed: results (.j), members added later (.t), size (.s), counted (.d),
--       run (.r)
-- ARGV  1 token, 2 seconds that late members are told so
-- Gives 1, or 0 when the claim is another's
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6])
redis.call('SET', KEYS[1], 'done', 'EX', ARGV[2])
return 1
