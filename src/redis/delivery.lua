-- The state of one update. Each run is one step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the update's hash:
--            fence         the number of the last claim
--            ends          when that claim ends, in microseconds; there while it is held
--            attempt       how often it was claimed
--            done          there, without the others, once it was handled
-- KEYS[2]  its reply, for redeliveries:
--            method, json
--            part N, name N, file N   its files, from 0 on
-- ARGV[1]  the operation
-- ARGV[2]  how long the hash is kept, in milliseconds
-- ARGV[3…] the operation's arguments
--
-- An answer that is more than yes or no is a list of texts.

local key, reply_key = KEYS[1], KEYS[2]

-- Out of memory, Redis refuses a script's first write if it may need some, and none after it. A claim needs little
-- memory, and without it no update would be handled.
local function write_without_memory()
  redis.call('HDEL', key, '')
end

-- A record that is missing was lost, because it is kept for longer than a claim: then no other replica has begun.
local function is_held(fence)
  local record = redis.call('HMGET', key, 'fence', 'ends')
  return (record[1] == fence and record[2]) or redis.call('EXISTS', key) == 0
end

local function keep_key()
  redis.call('PEXPIRE', key, ARGV[2])
end

local operations = {}

function operations.claim(lease)
  local record = redis.call('HMGET', key, 'done', 'ends', 'fence', 'attempt')
  if record[1] then
    return { 'done', unpack(redis.call('HGETALL', reply_key)) }
  end
  local time = now()
  local rest = (tonumber(record[2]) or 0) - time
  if rest > 0 then
    return { 'busy', digits(rest) }
  end
  -- The time, so that no number is used twice if Redis has lost its memory; one more, if its clock was
  -- set back.
  local fence = digits(math.max((tonumber(record[3]) or 0) + 1, time))
  local attempt = digits((tonumber(record[4]) or 0) + 1)
  write_without_memory()
  redis.call('HSET', key, 'fence', fence, 'ends', digits(time + lease), 'attempt', attempt)
  keep_key()
  return { 'granted', fence, attempt }
end

function operations.renew(fence, lease, attempt)
  if not is_held(fence) then
    return 0
  end
  write_without_memory()
  redis.call('HSET', key, 'fence', fence, 'ends', digits(now() + lease), 'attempt', attempt)
  keep_key()
  return 1
end

function operations.finish(fence, reply_life, ...)
  if not is_held(fence) then
    return 0
  end
  -- First, so that a Redis that is out of memory refuses it: a reply may be long.
  if reply_life and type(redis.pcall('HSET', reply_key, ...)) == 'number' then
    redis.call('PEXPIRE', reply_key, reply_life)
  end
  redis.call('DEL', key)
  redis.call('HSET', key, 'done', 1)
  keep_key()
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
