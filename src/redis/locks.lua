-- The lock of one key, a chat's for example. Each run is one step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the lock's hash, which is deleted when it is neither held nor waited for:
--            holder     the waiter that has the lock, or had it last and didn't release it. It may not know yet
--                       that the lock was handed over to it
--            ends       when that claim ends, in microseconds
--            fence      the number of the last claim
--            line:<id>  a waiter: its position in the queue, a blank, and when it is taken for dead unless it
--                       asks again, in microseconds
-- ARGV[1]  the operation
-- ARGV[2]  the waiter's name
-- ARGV[3…] the operation's arguments

local key, id = KEYS[1], ARGV[2]

-- Out of memory, Redis refuses a script's first write if it may need some, and none after it. Locks need little
-- memory and nothing is handled without them.
local function write_without_memory()
  redis.call('HDEL', key, '')
end

-- The lock, and those who wait for it. Waiters that haven't asked again in time are removed.
local function read(time)
  local fields = redis.call('HGETALL', key)
  local lock, waiters = {}, {}
  for n = 1, #fields, 2 do
    local name, value = fields[n], fields[n + 1]
    local waiter = string.match(name, '^line:(.*)$')
    if not waiter then
      lock[name] = value
    else
      local position, ends = string.match(value, '^(%d+) (%d+)$')
      if tonumber(ends or 0) > time then
        waiters[waiter] = { position = tonumber(position), ends = tonumber(ends) }
      else
        redis.call('HDEL', key, name)
      end
    end
  end
  return lock, waiters
end

-- As long as the lock is held or waited for.
local function keep_key(time, ends, waiters)
  for _, waiter in pairs(waiters) do
    ends = math.max(ends, waiter.ends)
  end
  redis.call('PEXPIRE', key, format_int(math.ceil((ends - time) / 1000)))
end

local function first_of(waiters)
  local first
  for name, waiter in pairs(waiters) do
    if not first or waiter.position < waiters[first].position then
      first = name
    end
  end
  return first
end

-- Gives the lock to a waiter. Returns the claim's number.
local function grant(waiter, lock, waiters, time, ends)
  -- The time, so that no number is used twice though the last one is forgotten; one more, if the clock
  -- was set back.
  local fence = format_int(math.max((tonumber(lock.fence) or 0) + 1, time))
  waiters[waiter] = nil
  redis.call('HDEL', key, 'line:' .. waiter)
  redis.call('HSET', key, 'holder', waiter, 'ends', format_int(ends), 'fence', fence)
  keep_key(time, ends, waiters)
  return fence
end

local operations = {}

-- Answers the claim's number; or how many waiters are before this one, in how many microseconds the lock is
-- free at the latest unless its holder renews it, and the number of the last claim.
function operations.acquire(lease, waiter_timeout)
  write_without_memory()
  local time = now()
  local lock, waiters = read(time)
  local ends = tonumber(lock.ends) or 0
  if lock.holder == id and ends > time then
    -- It was handed over, or an answer got lost.
    redis.call('HSET', key, 'ends', format_int(time + lease))
    keep_key(time, time + lease, waiters)
    return { 'granted', lock.fence }
  end
  local own, last, ahead = waiters[id], 0, 0
  for _, waiter in pairs(waiters) do
    last = math.max(last, waiter.position)
    if not own or waiter.position < own.position then
      ahead = ahead + 1
    end
  end
  if ends > time or ahead > 0 then
    local waiter = { position = own and own.position or last + 1, ends = time + waiter_timeout }
    waiters[id] = waiter
    redis.call('HSET', key, 'line:' .. id, format_int(waiter.position) .. ' ' .. format_int(waiter.ends))
    keep_key(time, ends, waiters)
    return { 'waits', format_int(ahead), format_int(math.max(ends - time, 0)), lock.fence or '0' }
  end
  return { 'granted', grant(id, lock, waiters, time, time + lease) }
end

-- A hash that is missing was lost, because the caller knows that its claim hasn't ended: then no other replica
-- has the lock.
function operations.renew(lease, fence)
  write_without_memory()
  local time = now()
  local lock, waiters = read(time)
  if lock.holder ~= id and redis.call('EXISTS', key) == 1 then
    return 0
  end
  redis.call('HSET', key, 'holder', id, 'ends', format_int(time + lease), 'fence', fence)
  keep_key(time, time + lease, waiters)
  return 1
end

-- Releases the lock, or stops to wait. A free lock is handed over to the first waiter, which then needs no call of its
-- own: it has the lock until the time at which it is taken for dead unless it asks again. Answers that waiter's name and
-- the claim's number if the waiter is in the caller's own process.
function operations.release(process)
  local time = now()
  redis.call('HDEL', key, 'line:' .. id)
  local lock, waiters = read(time)
  if lock.holder == id then
    redis.call('HDEL', key, 'holder', 'ends')
    lock.holder, lock.ends = nil, nil
  end
  local first = first_of(waiters)
  if not lock.holder and not first then
    redis.call('DEL', key)
    return {}
  end
  local ends = tonumber(lock.ends) or 0
  if not first or ends > time then
    keep_key(time, ends, waiters)
    return {}
  end
  local fence = grant(first, lock, waiters, time, waiters[first].ends)
  if is_in(first, process) then
    return { first, fence }
  end
  wake(first, fence)
  return {}
end

return operations[ARGV[1]](unpack(ARGV, 3))
