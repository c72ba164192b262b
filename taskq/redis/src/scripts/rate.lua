-- Gives out turns under rate limits, by this server's clock: `RateBucket` of the core, for all workers.
--
-- KEYS  one hash for each limit: last (the last turn that was given out), asks (the earliest time at which nobody
--       was told to ask again), in microseconds
-- ARGV  1 the longest a turn is held, 2 the lead of who asks again, 3 the window in which they ask again, all in
--       microseconds; then for each limit: time between two turns, permits, how many of them may be held
-- Gives for each permit: 0 or more: its turn is in so many microseconds; below 0: ask again in so many
local hold, lead, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local answer = {}
for i, key in ipairs(KEYS) do
  local at = 3 * i + 1
  local interval, permits, holds = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local known = redis.call('HMGET', key, 'last', 'asks')
  local last, asks = tonumber(known[1] or 0), tonumber(known[2] or 0)
  for _ = 1, permits do
    local turn = math.max(last + interval, now)
    local far = 0
    if holds > 0 then far = hold end
    if turn <= now + far then
      last = turn
      if turn > now then holds = holds - 1 end
      answer[#answer + 1] = turn - now
    else
      local ask = math.max(asks, turn)
      if asks > now + window then ask = turn end
      ask = math.min(ask, now + window)
      asks = ask + interval - math.floor(interval / 10)
      local wait = ask - now
      if far > 0 or wait > 2 * hold then wait = wait - lead end
      answer[#answer + 1] = -wait
    end
  end
  redis.call('HSET', key, 'last', last, 'asks', asks)
  redis.call('PEXPIRE', key, math.ceil((math.max(last + interval, asks) - now) / 1000) + 1000)
end
return answer
