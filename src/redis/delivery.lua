-- The state of one update. Each run is one step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the update's record, a text: `done` once it was handled, and before that three numbers with blanks between them:
--            the number of the last claim
--            when that claim ends, in microseconds; 0 if it isn't held any more
--            how often the update was claimed
-- KEYS[2]  its reply, for redeliveries, a hash:
--            method, json
--            part N, name N, file N   its files, from 0 on
-- ARGV[1]  the operation
-- ARGV[2]  how long the record is kept, in milliseconds
-- ARGV[3…] the operation's arguments
--
-- Most updates are claimed once and then done. Those two runs define no functions: a definition costs Redis as much as
-- a write.

local key, reply_key, operation, life = KEYS[1], KEYS[2], ARGV[1], ARGV[2]

local time
if operation == 'claim' then
  time = now()
  -- The time as the claim's number, so that no number is used twice if Redis has lost its memory.
  local first = string.format('%.0f %.0f 1', time, time + ARGV[3])
  local set = redis.pcall('SET', key, first, 'PX', life, 'NX')
  if set and set.ok then
    return first
  end
end

local record = redis.call('GET', key)
local last_fence, ends, attempt
if record and record ~= 'done' then
  last_fence, ends, attempt = string.match(record, '^(%d+) (%d+) (%d+)$')
  if not last_fence then
    return redis.error_reply('ERR the key has no record of an update')
  end
end

-- The new record, and the answer.
local changed, answer
if operation == 'claim' then
  -- Answers the new record; or for how many microseconds more another claim is held; or the fields of the reply of an
  -- update that is done.
  if record == 'done' then
    return redis.call('HGETALL', reply_key)
  end
  local rest = (tonumber(ends) or 0) - time
  if rest > 0 then
    return rest
  end
  -- One more than the last number, if the clock was set back.
  local fence = math.max((tonumber(last_fence) or 0) + 1, time)
  changed = string.format('%.0f %.0f %d', fence, time + ARGV[3], (tonumber(attempt) or 0) + 1)
  answer = changed
else
  local fence = ARGV[3]
  -- A record that is missing was lost, because it is kept for longer than a claim: then no other replica has begun.
  if record and (last_fence ~= fence or ends == '0') then
    return 0
  end
  answer = 1
  if operation == 'renew' then
    local lease, attempts = ARGV[4], ARGV[5]
    changed = fence .. ' ' .. format_int(now() + lease) .. ' ' .. attempts
  elseif operation == 'finish' then
    local reply_life = ARGV[4]
    -- First, so that a Redis that is out of memory refuses it: a reply may be long.
    if reply_life and type(redis.pcall('HSET', reply_key, unpack(ARGV, 5))) == 'number' then
      redis.call('PEXPIRE', reply_key, reply_life)
    end
    changed = 'done'
  elseif record then
    local uncounted = operation == 'release' and 1 or 0
    changed = string.format('%s 0 %d', fence, math.max(attempt - uncounted, 0))
  end
end

-- Out of memory, Redis refuses a script's first write if it may need some, and none after it. A claim needs little
-- memory, and without it no update would be handled.
if changed and redis.pcall('SET', key, changed, 'PX', life).err then
  redis.call('DEL', key)
  redis.call('SET', key, changed, 'PX', life)
end
return answer
