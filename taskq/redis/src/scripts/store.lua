-- Stores results, each unless SUCCESS is stored already, and tells those who wait.
--
-- KEYS  the results' keys, which are also the channels
-- ARGV  1 how a stored SUCCESS begins, with a space after colons, 2 the same without, then for each result: seconds
--       until it expires, 0 for never, and the result
-- Gives how many were stored
local stored = 0
for at, key in ipairs(KEYS) do
  local there = redis.call('GETRANGE', key, 0, #ARGV[1] - 1)
  if there ~= ARGV[1] and string.sub(there, 1, #ARGV[2]) ~= ARGV[2] then
    -- The first write needs no memory, for a server that is full: see `take.lua`. What ran must not run again, so
    -- its result finds room.
    if stored == 0 then redis.call('PERSIST', key) end
    local seconds, result = ARGV[2 * at + 1], ARGV[2 * at + 2]
    if seconds == '0' then redis.call('SET', key, result)
    else redis.call('SETEX', key, seconds, result) end
    redis.call('PUBLISH', key, result)
    stored = stored + 1
  end
end
return stored
