-- Records queues and bindings.
--
-- KEYS  what is changed
-- ARGV  for each key: a field, or nothing for a set, and a value
-- Gives nothing
--
-- The first write needs no memory, for a server that is full: see `take.lua`. A worker that starts must not
-- stop at its declarations.
redis.call('PERSIST', KEYS[1])
for i = 1, #KEYS do
  local field, value = ARGV[i * 2 - 1], ARGV[i * 2]
  if field == '' then redis.call('SADD', KEYS[i], value)
  else redis.call('HSET', KEYS[i], field, value) end
end
