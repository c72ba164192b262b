-- The names under which messages are mirrored.
--
-- KEYS  1 in-flight (hash)
-- ARGV  numbers
-- Gives the name of each, or an empty string for what is not mirrored
local names = {}
for at, number in ipairs(ARGV) do
  local message = redis.call('HGET', KEYS[1], number)
  names[at] = message and mirrored(KEYS[1], message) or ''
end
return names
