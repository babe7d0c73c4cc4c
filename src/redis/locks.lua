-- Whose turn it is in one chat. Each run is one step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the chat's hash, which is gone when nobody has the turn or waits:
--            holder     who has the turn, or had it last and didn't give it back
--            ends       until when, in microseconds
--            fence      the number of the last turn
--            line:<id>  who waits: their number in the line, a blank, and until when they are believed
--                       to, in microseconds
-- ARGV[1]  the operation
-- ARGV[2]  who asks
-- ARGV[3…] what the operation takes

local key, id = KEYS[1], ARGV[2]

-- Redis' own clock, as those of the replicas differ.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Lua's own way to write a number would be 1.7e+15.
local function digits(number)
  return string.format('%.0f', number)
end

-- The turn, and who waits. Those who haven't asked again in time are passed over for good.
local function read(time)
  local fields = redis.call('HGETALL', key)
  local turn, line = {}, {}
  for n = 1, #fields, 2 do
    local name, value = fields[n], fields[n + 1]
    local waiter = string.match(name, '^line:(.*)$')
    if not waiter then
      turn[name] = value
    else
      local number, ends = string.match(value, '^(%d+) (%d+)$')
      if tonumber(ends) > time then
        line[waiter] = { number = tonumber(number), ends = tonumber(ends) }
      else
        redis.call('HDEL', key, name)
      end
    end
  end
  return turn, line
end

-- As long as anyone has the turn or waits.
local function keep_key(time, ends, line)
  for _, place in pairs(line) do
    ends = math.max(ends, place.ends)
  end
  redis.call('PEXPIRE', key, digits(math.ceil((ends - time) / 1000)))
end

local operations = {}

-- Answers the turn's number, or how many are before.
function operations.acquire(lease, patience)
  local time = now()
  local turn, line = read(time)
  local ends = tonumber(turn.ends) or 0
  if turn.holder == id and ends > time then
    return { 'granted', turn.fence }
  end
  local own, last, ahead = line[id], 0, 0
  for _, place in pairs(line) do
    last = math.max(last, place.number)
    if not own or place.number < own.number then
      ahead = ahead + 1
    end
  end
  if ends > time or ahead > 0 then
    local place = { number = own and own.number or last + 1, ends = time + patience }
    line[id] = place
    redis.call('HSET', key, 'line:' .. id, digits(place.number) .. ' ' .. digits(place.ends))
    keep_key(time, ends, line)
    return { 'waits', digits(ahead) }
  end
  -- The time, so that no number comes twice though the last one is forgotten; one more, if the clock
  -- was set back.
  local fence = digits(math.max((tonumber(turn.fence) or 0) + 1, time))
  line[id] = nil
  redis.call('HDEL', key, 'line:' .. id)
  redis.call('HSET', key, 'holder', id, 'ends', digits(time + lease), 'fence', fence)
  keep_key(time, time + lease, line)
  return { 'granted', fence }
end

-- A chat that is gone was lost, as who asks knows that its time isn't over: then nobody else has begun.
function operations.renew(lease, fence)
  local time = now()
  local turn, line = read(time)
  if turn.holder ~= id and redis.call('EXISTS', key) == 1 then
    return 0
  end
  redis.call('HSET', key, 'holder', id, 'ends', digits(time + lease), 'fence', fence)
  keep_key(time, time + lease, line)
  return 1
end

-- Gives the turn back, or leaves the line.
function operations.release()
  local time = now()
  redis.call('HDEL', key, 'line:' .. id)
  local turn, line = read(time)
  if turn.holder == id then
    redis.call('HDEL', key, 'holder', 'ends')
    turn.holder, turn.ends = nil, nil
  end
  if not turn.holder and not next(line) then
    redis.call('DEL', key)
  else
    keep_key(time, tonumber(turn.ends) or 0, line)
  end
  return 1
end

return operations[ARGV[1]](unpack(ARGV, 3))
