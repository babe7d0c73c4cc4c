-- Takes a call down in each of its scopes, or in none where one of them has no room.
--
-- KEYS  for each scope its log, and what is there while it pauses
-- ARGV  for each scope how many limits it has, and then the count and span of each, in microseconds
--
-- Answers for each scope how long it has no room, in microseconds.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local at = 0
local function argument()
  at = at + 1
  return tonumber(ARGV[at])
end

local function digits(number)
  return string.format('%.0f', number)
end

local scopes, rests, is_open = {}, {}, true
for n = 1, #KEYS / 2 do
  local log, most, longest = KEYS[2 * n - 1], 0, 0
  local rest = math.max(redis.call('PTTL', KEYS[2 * n]), 0) * 1000
  for _ = 1, argument() do
    local count, span = argument(), argument()
    local sent = redis.call('LINDEX', log, -count)
    if sent then
      -- No longer than the span, if the clock was set back.
      rest = math.max(rest, math.min(sent + span - now, span))
    end
    most, longest = math.max(most, count), math.max(longest, span)
  end
  scopes[n] = { log = log, most = most, longest = longest }
  rests[n] = math.ceil(rest)
  is_open = is_open and rest == 0
end

if is_open then
  for _, scope in ipairs(scopes) do
    if scope.most > 0 then
      redis.call('RPUSH', scope.log, digits(now))
      redis.call('LTRIM', scope.log, -scope.most, -1)
      redis.call('PEXPIRE', scope.log, digits(math.ceil(scope.longest / 1000)))
    end
  end
end
return rests
