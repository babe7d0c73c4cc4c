-- What becomes of one update. Each run is one step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the update's hash:
--            fence         the number of the last claim
--            ends          until when that claim holds, in microseconds; there while it is held
--            attempt       how often it was claimed
--            done          there, and the above are gone, once it was handled
-- KEYS[2]  its reply, for redeliveries:
--            method, json
-- ARGV[1]  the operation
-- ARGV[2]  how long the hash is kept, in milliseconds
-- ARGV[3…] what the operation takes
--
-- Whatever is more than yes or no is answered as a list of texts.

local key, reply_key = KEYS[1], KEYS[2]

-- Redis' own clock, as those of the replicas differ.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Lua's own way to write a number would be 1.7e+15.
local function digits(number)
  return string.format('%.0f', number)
end

-- A record that is gone was lost, as it is kept for longer than a claim: then nobody else has begun.
local function is_held(fence)
  local record = redis.call('HMGET', key, 'fence', 'ends')
  return (record[1] == fence and record[2]) or redis.call('EXISTS', key) == 0
end

local function keep_key()
  redis.call('PEXPIRE', key, ARGV[2])
end

local function kept_reply()
  local reply = redis.call('HMGET', reply_key, 'method', 'json')
  return reply[1] and reply or {}
end

local operations = {}

function operations.claim(lease)
  local record = redis.call('HMGET', key, 'done', 'ends', 'fence')
  if record[1] then
    return { 'done', unpack(kept_reply()) }
  end
  local time = now()
  local rest = (tonumber(record[2]) or 0) - time
  if rest > 0 then
    return { 'busy', digits(rest) }
  end
  -- The time, so that no number comes twice if Redis has lost its memory; one more, if its clock was
  -- set back.
  local fence = math.max((tonumber(record[3]) or 0) + 1, time)
  redis.call('HSET', key, 'fence', digits(fence), 'ends', digits(time + lease))
  local attempt = redis.call('HINCRBY', key, 'attempt', 1)
  keep_key()
  return { 'granted', digits(fence), digits(attempt) }
end

function operations.renew(fence, lease, attempt)
  if not is_held(fence) then
    return 0
  end
  redis.call('HSET', key, 'fence', fence, 'ends', digits(now() + lease), 'attempt', attempt)
  keep_key()
  return 1
end

function operations.finish(fence, reply_life, method, json)
  if not is_held(fence) then
    return 0
  end
  redis.call('DEL', key)
  redis.call('HSET', key, 'done', 1)
  keep_key()
  if method then
    redis.call('HSET', reply_key, 'method', method, 'json', json)
    redis.call('PEXPIRE', reply_key, reply_life)
  end
  return 1
end

function operations.fail(fence)
  if not is_held(fence) then
    return 0
  end
  redis.call('HDEL', key, 'ends')
  keep_key()
  return 1
end

function operations.release(fence)
  local released = operations.fail(fence)
  if released == 1 and redis.call('HEXISTS', key, 'attempt') == 1 then
    redis.call('HINCRBY', key, 'attempt', -1)
  end
  return released
end

return operations[ARGV[1]](unpack(ARGV, 3))
