-- A queue of updates in streams, one for each partition. Each run is one step: Redis does nothing else
-- meanwhile.
--
-- KEYS[1]  the hash of the partitions:
--            partitions  how many there are
--            fence:N     the number of the last claim
--            ends:N      when that claim ends, in microseconds; deleted when it is given back
--            worker:N    the worker that has it, for people who look
--            idle:N      the waiter to wake when an update is added; there when the worker has read all
-- KEYS[2…] the operation's keys: `workers`, a sorted set by the end of their heartbeats; `attempts`, a hash of
--          how often an entry was begun and the last attempt's name; `dead`, the stream of abandoned updates;
--          `seen`, which exists for a day; streams of partitions, whose entries have `bot`, `lane` (the key of
--          the chat) and `json`, and `traceparent` if there was one. Other programs may write into the streams, so that an entry may have any
--          fields in any order
-- ARGV[1]  the operation
-- ARGV[2]  how many partitions there are
-- ARGV[3…] the operation's arguments
--
-- Answers with a list of texts, or of such lists.

-- The last id that a stream can have. Redis adds no entry behind it.
local LAST_ID = '18446744073709551615-18446744073709551615'
-- The fields that the worker and the list of dead letters read.
local READ_FIELDS = { 'bot', 'lane', 'json', 'traceparent', 'attempts', 'failure' }
-- The most names and values with which an entry is copied as it is. `unpack` fails at about 8000.
local MOST_FIELDS = 512
local partitions = KEYS[1]

-- Out of memory, Redis refuses a script's first write if it may need some, and none after it. The
-- records of workers are needed to empty the queue, so that they begin with a write that needs none.
local function write_without_memory()
  redis.call('PERSIST', partitions)
end

-- With another number, a chat's updates would be in two partitions at once. Only the first caller writes it.
local function other_number(number)
  if not number then
    redis.call('HSET', partitions, 'partitions', ARGV[2])
  elseif number ~= ARGV[2] then
    return { 'partitions', number }
  end
end

-- A claim that has ended and that no other worker has taken still counts.
local function is_held(partition, fence)
  local claim = redis.call('HMGET', partitions, 'fence:' .. partition, 'ends:' .. partition)
  return claim[1] == fence and claim[2]
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
  redis.call('XDEL', stream, id)
  redis.call('HDEL', attempts, partition .. ':' .. id)
end

-- The fields with which an entry is written once more. Of an entry with too many, those that are read; without an
-- update among them, all fields as JSON instead of one, as in a dead letter.
local function copied_fields(fields)
  if #fields <= MOST_FIELDS then
    return fields
  end
  local values, copied = by_name(fields), {}
  values.json = values.json or cjson.encode(fields)
  for _, name in ipairs(READ_FIELDS) do
    if values[name] then
      copied[#copied + 1] = name
      copied[#copied + 1] = values[name]
    end
  end
  return copied
end

-- Writes a stream anew when its last id allows no other after it. Entries keep their ids, except those of times to
-- which no clock is set (a millisecond of more than 14 digits). The worker that reads it then begins at its start again.
local function write_anew(stream)
  local entries = redis.call('XRANGE', stream, '-', '+')
  -- Before the stream is deleted, so that an error loses no entries.
  for n, each in ipairs(entries) do
    entries[n] = { each[1], copied_fields(each[2]) }
  end
  redis.call('DEL', stream)
  for _, each in ipairs(entries) do
    local is_foreign = string.match(each[1], '^%d+%d%d%d%d%d%d%d%d%d%d%d%d%d%d%-')
    redis.call('XADD', stream, is_foreign and '*' or each[1], unpack(each[2]))
  end
end

-- Adds an entry. Another program may have used up the stream's ids.
local function add(stream, ...)
  local added = redis.pcall('XADD', stream, ...)
  if type(added) ~= 'table' or not added.err then
    return
  end
  local info = redis.pcall('XINFO', 'STREAM', stream)
  if info.err or by_name(info)['last-generated-id'] ~= LAST_ID then
    error(added.err, 0)
  end
  write_anew(stream)
  redis.call('XADD', stream, ...)
end

-- Wakes the worker that waits for an update in a partition. Answers its name, if it is in the caller's process.
local function wake_worker(partition, waiter, process)
  if not waiter then
    return ''
  end
  redis.call('HDEL', partitions, 'idle:' .. partition)
  if is_in(waiter, process) then
    return waiter
  end
  wake(waiter, partition)
  return ''
end

local operations = {}

-- KEYS: stream, seen
function operations.enqueue(max_length, life, process, partition, bot, chat_key, json, context)
  local stream, seen = KEYS[2], KEYS[3]
  local record = redis.call('HMGET', partitions, 'partitions', 'idle:' .. partition)
  local other = other_number(record[1])
  if other then
    return other
  end
  if redis.call('EXISTS', seen) == 1 then
    return { 'known' }
  end
  if redis.call('XLEN', stream) >= tonumber(max_length) then
    return { 'full' }
  end
  if context == '' then
    add(stream, '*', 'bot', bot, 'lane', chat_key, 'json', json)
  else
    add(stream, '*', 'bot', bot, 'lane', chat_key, 'json', json, 'traceparent', context)
  end
  redis.call('SET', seen, '', 'PX', life)
  return { 'added', wake_worker(partition, record[2], process) }
end

-- Keeps the partitions that are held, and claims free ones up to a fair share, unless the worker leaves.
-- KEYS: workers
function operations.tick(worker, lease, stays, ...)
  write_without_memory()
  local other = other_number(redis.call('HGET', partitions, 'partitions'))
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
      -- The time, so that no number is used twice if Redis has lost its memory; one more, if its clock
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

-- Whether an id is less than another: a time and a number of up to 20 digits each, more than Lua's numbers have.
local function is_less(id, other)
  local time, number = string.match(id, '^(%d+)%-(%d+)$')
  local other_time, other_number = string.match(other, '^(%d+)%-(%d+)$')
  if time ~= other_time then
    number, other_number = time, other_time
  end
  if #number ~= #other_number then
    return #number < #other_number
  end
  return number < other_number
end

-- Whether the stream's ids have begun anew, because it was written anew or deleted.
local function is_anew(stream, after)
  local info = redis.pcall('XINFO', 'STREAM', stream)
  return not info.err and is_less(by_name(info)['last-generated-id'], after)
end

-- The entries from an id on: `read`; `end` if there are no more, else `more`; and pairs of ids and chats' keys. `anew`
-- if ids have begun anew: the worker has some of the entries, and claims the partition once more to read them all. `after` is the last entry that the worker has read, and `from` the id
-- behind it: `-` for the first of all, and an empty text if there is none.
local function read(stream, partition, after, from, count, waiter)
  local entries = from == '' and {} or redis.pcall('XRANGE', stream, from, '+', 'COUNT', count)
  if entries.err then
    return entries
  end
  if #entries == 0 and after ~= '' and is_anew(stream, after) then
    return { 'anew' }
  end
  local answer = { 'read', 'more' }
  for _, each in ipairs(entries) do
    answer[#answer + 1] = each[1]
    answer[#answer + 1] = by_name(each[2]).lane or ''
  end
  if #entries < tonumber(count) then
    answer[2] = 'end'
    redis.call('HSET', partitions, 'idle:' .. partition, waiter)
  end
  return answer
end

-- KEYS: streams
function operations.fetch(waiter, ...)
  write_without_memory()
  local wanted, answer = { ... }, {}
  for n = 2, #KEYS do
    local at = 5 * (n - 2)
    local partition, fence = wanted[at + 1], wanted[at + 2]
    if is_held(partition, fence) then
      local found = read(KEYS[n], partition, wanted[at + 3], wanted[at + 4], wanted[at + 5], waiter)
      -- A key that is no stream leaves the other partitions alone.
      answer[#answer + 1] = found.err and { 'failed', found.err } or found
    else
      answer[#answer + 1] = { 'lost' }
    end
  end
  return answer
end

-- The records about an entry, by their names.
local records = {}

-- An entry with its number of attempts, after `what`.
local function entry_as(what, attempt, values)
  return {
    what, digits(attempt), values.bot or '', values.lane or '', values.json or '', values.traceparent or '',
  }
end

-- Reads an entry before its turn.
function records.look(stream, partition, id)
  local fields, values = entry(stream, id)
  if not fields then
    return { 'gone' }
  end
  local last = redis.call('HGET', KEYS[2], partition .. ':' .. id) or ''
  return entry_as('read', tonumber(string.match(last, '^%d+')) or 0, values)
end

-- Counts an attempt. Asked for again by the same name, because its answer got lost, it is the same attempt.
function records.begin(stream, partition, id, name)
  local attempts, field = KEYS[2], partition .. ':' .. id
  local fields, values = entry(stream, id)
  if not fields then
    remove(stream, attempts, partition, id)
    return { 'gone' }
  end
  local last = redis.call('HGET', attempts, field) or ''
  local attempt, by = string.match(last, '^(%d+) ?(.*)$')
  attempt = tonumber(attempt) or 0
  if by ~= name then
    attempt = attempt + 1
    redis.call('HSET', attempts, field, digits(attempt) .. ' ' .. name)
  end
  return entry_as('begun', attempt, values)
end

-- The attempt doesn't count. Set, not counted down, so that it may be asked for twice.
function records.forget(_, partition, id, attempts)
  redis.call('HSET', KEYS[2], partition .. ':' .. id, attempts)
  return { 'forgotten' }
end

function records.bury(stream, partition, id, attempts, failure)
  local fields, values = entry(stream, id)
  if fields then
    add(
      KEYS[3], 'MAXLEN', ARGV[3], '*', 'bot', values.bot or '', 'lane', values.lane or '',
      -- Of an entry without an update, all that it has.
      'json', values.json or cjson.encode(fields), 'attempts', attempts, 'failure', failure
    )
  end
  remove(stream, KEYS[2], partition, id)
  return { 'finished' }
end

-- Removes the entries that are done, those of one stream together.
local function finish(stream, partition, entries, answers)
  local ids, fields = {}, {}
  for n, each in ipairs(entries) do
    ids[n], fields[n] = each.id, partition .. ':' .. each.id
  end
  local removed, failure = pcall(function()
    redis.call('XDEL', stream, unpack(ids))
    redis.call('HDEL', KEYS[2], unpack(fields))
  end)
  for _, each in ipairs(entries) do
    answers[each.at] = removed and { 'finished' } or failure
  end
end

-- Since Redis 7 an error is a table.
local function failed(failure)
  return { 'failed', type(failure) == 'table' and failure.err or tostring(failure) }
end

-- Makes records about entries, in order. Each has seven arguments: its name, the partition, the number of the claim on
-- it, which of KEYS is its stream, the entry's id, and two more. A record that fails leaves the others alone.
-- KEYS: attempts, dead, streams
function operations.record()
  write_without_memory()
  local answers, held, done = {}, {}, {}
  for n = 4, #ARGV, 7 do
    local what, partition, fence = ARGV[n], ARGV[n + 1], ARGV[n + 2]
    local stream, id = KEYS[tonumber(ARGV[n + 3])], ARGV[n + 4]
    local at = #answers + 1
    local claim = partition .. ' ' .. fence
    if held[claim] == nil then
      held[claim] = is_held(partition, fence) or false
    end
    if not held[claim] then
      answers[at] = { 'lost' }
    elseif what == 'finish' then
      answers[at] = { 'finished' }
      done[stream] = done[stream] or { partition = partition }
      table.insert(done[stream], { id = id, at = at })
    else
      local is_recorded, answer = pcall(records[what], stream, partition, id, ARGV[n + 5], ARGV[n + 6])
      answers[at] = is_recorded and answer or failed(answer)
    end
  end
  for stream, entries in pairs(done) do
    finish(stream, entries.partition, entries, answers)
  end
  for at, answer in ipairs(answers) do
    if type(answer) ~= 'table' or answer.err then
      answers[at] = failed(answer)
    end
  end
  return answers
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

-- For each stream how many entries it has, and for how many milliseconds the oldest has been there. Both are 0 for
-- a key that is no stream, so that the other partitions are measured.
-- KEYS: streams
function operations.depth()
  local answer, time = {}, now() / 1000
  for n = 2, #KEYS do
    local found, length = redis.pcall('XRANGE', KEYS[n], '-', '+', 'COUNT', 1), 0
    local oldest = not found.err and found[1]
    if oldest then
      length = redis.call('XLEN', KEYS[n])
    end
    local since = oldest and tonumber(oldest[1]:match('^%d+')) or time
    answer[#answer + 1] = digits(length)
    answer[#answer + 1] = digits(math.max(time - since, 0))
  end
  return answer
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

-- Adds an abandoned update to the queue once more, behind all that is there.
-- KEYS: dead, stream
function operations.requeue(id, max_length, process, partition, bot, chat_key, json)
  local record = redis.call('HMGET', partitions, 'partitions', 'idle:' .. partition)
  local other = other_number(record[1])
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
  add(stream, '*', 'bot', bot, 'lane', chat_key, 'json', json)
  redis.call('XDEL', dead, id)
  return { 'added', wake_worker(partition, record[2], process) }
end

-- KEYS: dead
function operations.discard(id)
  return { redis.call('XDEL', KEYS[2], id) == 1 and 'discarded' or 'gone' }
end

return operations[ARGV[1]](unpack(ARGV, 3))
