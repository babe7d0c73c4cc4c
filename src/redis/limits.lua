-- Counts a call in each of its scopes, or in none if one of them has no room.
--
-- KEYS  for each scope its log, and a key that exists while it pauses
-- ARGV  how many messages the call sends; for each scope how many limits it has, and then the count and
--       span of each, in microseconds
--
-- A call of more messages than a limit's count is made when there was none in the last span, and its scope then
-- pauses for as many spans as the messages would take.
--
-- Answers for each scope how long it has no room, in microseconds.

local time = now()

local at = 0
local function argument()
  at = at + 1
  return tonumber(ARGV[at])
end

local messages = argument()
local scopes, rests, is_open = {}, {}, true
for n = 1, #KEYS / 2 do
  local log, most, longest, made_up = KEYS[2 * n - 1], 0, 0, 0
  local rest = math.max(redis.call('PTTL', KEYS[2 * n]), 0) * 1000
  for _ = 1, argument() do
    local count, span = argument(), argument()
    local sent = redis.call('LINDEX', log, math.min(messages, count) - count - 1)
    if sent then
      -- No longer than the span, if the clock was set back.
      rest = math.max(rest, math.min(sent + span - time, span))
    end
    most, longest = math.max(most, count), math.max(longest, span)
    if messages > count then
      made_up = math.max(made_up, math.ceil(messages / count) * span)
    end
  end
  scopes[n] = { log = log, pause = KEYS[2 * n], most = most, longest = longest, made_up = made_up }
  rests[n] = math.ceil(rest)
  is_open = is_open and rest == 0
end

-- Removes what is older than the limits' spans: a count that is never reached cuts nothing off.
local function forget(scope)
  local oldest = redis.call('LINDEX', scope.log, 0)
  while oldest and oldest + scope.longest <= time do
    redis.call('LPOP', scope.log)
    oldest = redis.call('LINDEX', scope.log, 0)
  end
end

if is_open then
  for _, scope in ipairs(scopes) do
    -- Out of memory, Redis refuses a script's first write if it may need some, and none after it. The
    -- records of limits are bounded by their counts.
    redis.call('LTRIM', scope.log, 0, -1)
    if scope.most > 0 then
      forget(scope)
      for _ = 1, math.min(messages, scope.most) do
        redis.call('RPUSH', scope.log, format_int(time))
      end
      redis.call('LTRIM', scope.log, -scope.most, -1)
      redis.call('PEXPIRE', scope.log, format_int(math.ceil(scope.longest / 1000)))
    end
    if scope.made_up > 0 then
      redis.call('SET', scope.pause, '', 'PX', format_int(math.ceil(scope.made_up / 1000)))
    end
  end
end
return rests
