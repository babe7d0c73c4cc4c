-- A queue of updates in streams, one for each partition. Each run is one step: Redis does nothing else
-- meanwhile.
--
-- KEYS[1]  the hash of the partitions:
--            partitions  how many there are
--            fence:N     the number of the last claim
--            ends:N      until when that claim holds, in microseconds; there while it is held
--            worker:N    whose it is, for people who look
-- KEYS[2…] what the operation takes: `workers`, a sorted set by the end of their heartbeats; `attempts`, a
--          hash of how often an entry was begun, and of the last attempt's name; `dead`, the stream of those that were abandoned; `seen`,
--          there for a day; streams of partitions, whose entries have `bot`, `lane` and `json`. Others may write
--          into the streams, so that an entry may have anything, in any order
-- ARGV[1]  the operation
-- ARGV[2]  how many partitions there are
-- ARGV[3…] what the operation takes
--
-- Answers with a list of texts, or of such lists.

local GROUP, CONSUMER = 'workers', 'worker'
local partitions = KEYS[1]

-- Redis' own clock, as those of the replicas differ.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Lua's own way to write a number would be 1.7e+15.
local function digits(number)
  return string.format('%.0f', number)
end

-- Out of memory, Redis refuses a script's first write if that may need some, and none after it. What workers
-- write is needed to empty the queue, so that they begin with a write that needs none.
local function write_without_memory()
  redis.call('PERSIST', partitions)
end

-- With another number, a chat's updates would be in two partitions at once. Only the first writes it.
local function other_number()
  local number = redis.call('HGET', partitions, 'partitions')
  if not number then
    redis.call('HSET', partitions, 'partitions', ARGV[2])
  elseif number ~= ARGV[2] then
    return { 'partitions', number }
  end
end

-- A claim that ran out and that nobody else has taken is as good as held.
local function is_held(partition, fence)
  return redis.call('HGET', partitions, 'fence:' .. partition) == fence
    and redis.call('HEXISTS', partitions, 'ends:' .. partition) == 1
end

local function hold(partition, fence, ends, worker)
  redis.call(
    'HSET', partitions, 'fence:' .. partition, fence, 'ends:' .. partition, digits(ends),
    'worker:' .. partition, worker
  )
end

local function by_name(fields)
  local values = {}
  for n = 1, #fields, 2 do
    values[fields[n]] = fields[n + 1]
  end
  return values
end

-- The fields of an entry as a list and by their names.
local function entry(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if found then
    return found[2], by_name(found[2])
  end
end

local function remove(stream, attempts, partition, id)
  redis.call('XACK', stream, GROUP, id)
  redis.call('XDEL', stream, id)
  local field = partition .. ':' .. id
  redis.call('HDEL', attempts, field, field .. ':by')
end

local operations = {}

-- KEYS: stream, seen
function operations.enqueue(max_length, life, bot, lane, json)
  local stream, seen = KEYS[2], KEYS[3]
  local other = other_number()
  if other then
    return other
  end
  if redis.call('EXISTS', seen) == 1 then
    return { 'known' }
  end
  if redis.call('XLEN', stream) >= tonumber(max_length) then
    return { 'full' }
  end
  redis.call('XADD', stream, '*', 'bot', bot, 'lane', lane, 'json', json)
  redis.call('SET', seen, '', 'PX', life)
  return { 'added' }
end

-- Keeps what is held, and claims what is free up to a fair share, unless the worker is to leave.
-- KEYS: workers
function operations.tick(worker, lease, stays, ...)
  write_without_memory()
  local other = other_number()
  if other then
    return other
  end
  local workers, time, held = KEYS[2], now(), { ... }
  local ends = time + lease
  redis.call('ZREMRANGEBYSCORE', workers, '-inf', digits(time))
  if stays == '1' then
    redis.call('ZADD', workers, digits(ends), worker)
  else
    redis.call('ZREM', workers, worker)
  end
  local number = tonumber(ARGV[2])
  local share = math.ceil(number / math.max(redis.call('ZCARD', workers), 1))
  local answer, count, known = { 'held', digits(share) }, 0, {}
  local function holds(partition, fence)
    hold(partition, fence, ends, worker)
    known[partition] = true
    answer[#answer + 1] = partition
    answer[#answer + 1] = fence
    count = count + 1
  end
  for n = 1, #held, 2 do
    if is_held(held[n], held[n + 1]) then
      holds(held[n], held[n + 1])
    end
  end
  if stays ~= '1' then
    return answer
  end
  for n = 0, number - 1 do
    if count >= share then
      break
    end
    local record = redis.call('HMGET', partitions, 'fence:' .. n, 'ends:' .. n, 'worker:' .. n)
    local is_free = (tonumber(record[2]) or 0) <= time
    -- Its own, if an answer got lost.
    if not known[digits(n)] and (is_free or record[3] == worker) then
      -- The time, so that no number comes twice if Redis has lost its memory; one more, if its clock
      -- was set back.
      holds(digits(n), digits(math.max((tonumber(record[1]) or 0) + 1, time)))
    end
  end
  return answer
end

-- Gives partitions back.
function operations.leave(...)
  local held = { ... }
  for n = 1, #held, 2 do
    if is_held(held[n], held[n + 1]) then
      redis.call('HDEL', partitions, 'ends:' .. held[n], 'worker:' .. held[n])
    end
  end
  return { 'left' }
end

local function read_group(stream, cursor, count)
  return redis.pcall(
    'XREADGROUP', 'GROUP', GROUP, CONSUMER, 'COUNT', count, 'STREAMS', stream, cursor
  )
end

-- The lanes of the next entries, and where to read on. A partition has one consumer, as one worker has
-- it at a time: who takes it over finds what the last one had.
local function read(stream, partition, attempts, cursor, count)
  local found = read_group(stream, cursor, count)
  if type(found) == 'table' and found.err then
    local made = redis.pcall('XGROUP', 'CREATE', stream, GROUP, '0', 'MKSTREAM')
    if made.err then
      return made
    end
    found = read_group(stream, cursor, count)
    if type(found) == 'table' and found.err then
      return found
    end
  end
  local answer = { 'read', '' }
  for _, each in ipairs(found and found[1][2] or {}) do
    local id, fields = each[1], each[2]
    answer[2] = id
    if fields then
      answer[#answer + 1] = id
      answer[#answer + 1] = by_name(fields).lane or ''
    else
      -- Somebody deleted it.
      remove(stream, attempts, partition, id)
    end
  end
  return answer
end

-- KEYS: attempts, streams
function operations.fetch(...)
  write_without_memory()
  local wanted, answer = { ... }, {}
  for n = 3, #KEYS do
    local at = 4 * (n - 3)
    local partition, fence = wanted[at + 1], wanted[at + 2]
    if is_held(partition, fence) then
      local found = read(KEYS[n], partition, KEYS[2], wanted[at + 3], wanted[at + 4])
      -- One that is no stream is no trouble of the others.
      answer[#answer + 1] = found.err and { 'failed', found.err } or found
    else
      answer[#answer + 1] = { 'lost' }
    end
  end
  return answer
end

-- Counts an attempt. Asked for again by the same name, as its answer got lost, it is the same attempt.
-- KEYS: stream, attempts
function operations.begin(partition, fence, id, name)
  local stream, attempts = KEYS[2], KEYS[3]
  if not is_held(partition, fence) then
    return { 'lost' }
  end
  local fields, values = entry(stream, id)
  if not fields then
    remove(stream, attempts, partition, id)
    return { 'gone' }
  end
  write_without_memory()
  local field = partition .. ':' .. id
  local attempt = tonumber(redis.call('HGET', attempts, field)) or 0
  if redis.call('HGET', attempts, field .. ':by') ~= name then
    attempt = attempt + 1
    redis.call('HSET', attempts, field, digits(attempt), field .. ':by', name)
  end
  return { 'begun', digits(attempt), values.bot or '', values.lane or '', values.json or '' }
end

-- It wasn't tried after all.
-- KEYS: attempts
function operations.forget(partition, fence, id, attempts)
  if not is_held(partition, fence) then
    return { 'lost' }
  end
  write_without_memory()
  -- Set, not counted down, so that it may be asked for twice.
  redis.call('HSET', KEYS[2], partition .. ':' .. id, attempts)
  return { 'forgotten' }
end

-- KEYS: stream, attempts
function operations.finish(partition, fence, id)
  if not is_held(partition, fence) then
    return { 'lost' }
  end
  remove(KEYS[2], KEYS[3], partition, id)
  return { 'finished' }
end

-- KEYS: stream, attempts, dead
function operations.bury(partition, fence, id, attempts, failure, max_dead)
  if not is_held(partition, fence) then
    return { 'lost' }
  end
  local fields, values = entry(KEYS[2], id)
  if fields then
    write_without_memory()
    redis.call(
      'XADD', KEYS[4], 'MAXLEN', max_dead, '*', 'bot', values.bot or '', 'lane', values.lane or '',
      -- Of an entry without an update, all that it has.
      'json', values.json or cjson.encode(fields), 'attempts', attempts, 'failure', failure
    )
  end
  remove(KEYS[2], KEYS[3], partition, id)
  return { 'finished' }
end

-- KEYS: workers, dead, streams
function operations.status()
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', digits(now()))
  local waiting = 0
  for n = 4, #KEYS do
    waiting = waiting + redis.call('XLEN', KEYS[n])
  end
  local dead, workers = redis.call('XLEN', KEYS[3]), redis.call('ZCARD', KEYS[2])
  return { digits(waiting), digits(dead), digits(workers) }
end

-- KEYS: dead
function operations.letters(from, count)
  local answer = {}
  for _, each in ipairs(redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', count)) do
    local values = by_name(each[2])
    answer[#answer + 1] = {
      each[1], values.bot or '', values.json or '', values.attempts or '', values.failure or '',
    }
  end
  return answer
end

-- Into the queue once more, behind all that is there.
-- KEYS: dead, stream
function operations.requeue(id, max_length, bot, lane, json)
  local other = other_number()
  if other then
    return other
  end
  local dead, stream = KEYS[2], KEYS[3]
  if not entry(dead, id) then
    return { 'gone' }
  end
  if redis.call('XLEN', stream) >= tonumber(max_length) then
    return { 'full' }
  end
  redis.call('XADD', stream, '*', 'bot', bot, 'lane', lane, 'json', json)
  redis.call('XDEL', dead, id)
  return { 'added' }
end

-- KEYS: dead
function operations.discard(id)
  return { redis.call('XDEL', KEYS[2], id) == 1 and 'discarded' or 'gone' }
end

return operations[ARGV[1]](unpack(ARGV, 3))
