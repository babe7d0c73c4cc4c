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
--          `seen`, which exists for a day; streams of partitions, whose entries have `bot`, `chat_key` (the key of
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
local READ_FIELDS = { 'bot', 'chat_key', 'json', 'traceparent', 'attempts', 'failure' }
-- The memory of an entry that a worker keeps, besides its JSON, in bytes.
local OVERHEAD = 256
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

-- Which of some claims are held: `claims` has pairs of a partition and the number of the claim.
local function held_claims(claims)
  local fields, held = {}, {}
  for n = 1, #claims, 2 do
    fields[n], fields[n + 1] = 'fence:' .. claims[n], 'ends:' .. claims[n]
  end
  local found = redis.call('HMGET', partitions, unpack(fields))
  for n = 1, #claims, 2 do
    held[#held + 1] = found[n] == claims[n + 1] and found[n + 1] and true
  end
  return held
end

local function hold(partition, fence, ends, worker)
  redis.call(
    'HSET', partitions, 'fence:' .. partition, fence, 'ends:' .. partition, format_int(ends),
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

-- The key of an entry's chat; and of an entry that `enqueue` added, its bot, JSON and trace context.
local function parts_of(fields)
  local is_ours = fields[1] == 'bot' and fields[3] == 'chat_key' and fields[5] == 'json'
  if is_ours and #fields == 6 then
    return fields[4], fields[2], fields[6], ''
  elseif is_ours and #fields == 8 and fields[7] == 'traceparent' then
    return fields[4], fields[2], fields[6], fields[8]
  end
  return by_name(fields).chat_key or ''
end

-- Whether an entry keeps its id for certain: one whose time in milliseconds has 13 digits, until the year 2286.
local function has_clock_id(id)
  return string.byte(id, 14) == 45
end

-- The fields of an entry as a list and by their names.
local function entry(stream, id)
  local found = redis.call('XRANGE', stream, id, id)[1]
  if found then
    return found[2], by_name(found[2])
  end
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

-- Since Redis 7 an error is a table.
local function words(failure)
  return type(failure) == 'table' and failure.err or tostring(failure)
end

local function failed(failure)
  return { 'failed', words(failure) }
end

-- Whether Redis refuses all writes, and not those of one key.
local function is_refusal_of_all(failure)
  for _, code in ipairs({ 'OOM ', 'READONLY ', 'MISCONF ', 'NOREPLICAS ' }) do
    if string.find(words(failure), code, 1, true) then
      return true
    end
  end
  return false
end

local operations = {}

-- Answers `added`, `known` or `full`. `lengths` has those of the streams that are known.
local function add_new(stream, seen, max_length, life, lengths, ...)
  local length = lengths[stream] or redis.call('XLEN', stream)
  if length >= max_length then
    lengths[stream] = length
    return redis.call('EXISTS', seen) == 1 and 'known' or 'full'
  end
  if not redis.call('SET', seen, '', 'NX', 'PX', life) then
    return 'known'
  end
  local added, failure = pcall(add, stream, '*', ...)
  if not added then
    redis.call('DEL', seen)
    error(failure, 0)
  end
  lengths[stream] = length + 1
  return 'added'
end

-- Adds updates, each with five arguments: the partition, the bot, the chat's key, the JSON, and the trace context or an
-- empty text. One that fails leaves the others alone. Answers two texts for each: `added` and the waiter that the caller
-- wakes by itself, if there is one; `known`; `full`; or `failed` and why.
-- KEYS: for each update its stream, and its `seen`
function operations.enqueue(max_length, life, process)
  local fields, places, lengths, answer = { 'partitions' }, {}, {}, {}
  for n = 6, #ARGV, 5 do
    local partition = ARGV[n]
    if not places[partition] then
      fields[#fields + 1] = 'idle:' .. partition
      places[partition] = #fields
    end
  end
  local record = redis.call('HMGET', partitions, unpack(fields))
  local other = other_number(record[1])
  if other then
    return other
  end
  max_length = tonumber(max_length)
  local key = 2
  for n = 6, #ARGV, 5 do
    local partition, bot, chat_key, json, context = unpack(ARGV, n, n + 4)
    local is_asked, what
    if context == '' then
      is_asked, what = pcall(
        add_new, KEYS[key], KEYS[key + 1], max_length, life, lengths, 'bot', bot, 'chat_key', chat_key, 'json', json
      )
    else
      is_asked, what = pcall(
        add_new, KEYS[key], KEYS[key + 1], max_length, life, lengths, 'bot', bot, 'chat_key', chat_key, 'json', json,
        'traceparent', context
      )
    end
    local more = ''
    if not is_asked and is_refusal_of_all(what) then
      error(what, 0)
    elseif not is_asked then
      what, more = 'failed', words(what)
    elseif what == 'added' then
      more = wake_worker(partition, record[places[partition]], process)
      record[places[partition]] = false
    end
    answer[#answer + 1] = what
    answer[#answer + 1] = more
    key = key + 2
  end
  return answer
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
  redis.call('ZREMRANGEBYSCORE', workers, '-inf', format_int(time))
  if stays == '1' then
    redis.call('ZADD', workers, format_int(ends), worker)
  else
    redis.call('ZREM', workers, worker)
  end
  local number = tonumber(ARGV[2])
  local share = math.ceil(number / math.max(redis.call('ZCARD', workers), 1))
  local answer, count, known = { 'held', format_int(share) }, 0, {}
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
    if not known[format_int(n)] and (is_free or record[3] == worker) then
      -- The time, so that no number is used twice if Redis has lost its memory; one more, if its clock
      -- was set back.
      holds(format_int(n), format_int(math.max((tonumber(record[1]) or 0) + 1, time)))
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

-- The entries from an id on, or why there are none. `wanted` has, from `at` on: the partition, the claim's number, the last
-- entry that the worker has read, the id behind it (`-` for the first of all, an empty text if there is none), how many
-- entries, and how many bytes of updates.
--
-- Answers `read`; `end` if there are no more, else `more`; and five texts for each entry: its id, its chat's key, and its
-- bot, JSON and trace context. The last three are empty for an entry that the worker reads when its turn comes. Or
-- answers `anew` if ids have begun anew: the worker has some of the entries, and claims the partition once more to read
-- them all.
local function read(stream, wanted, at, waiter)
  local partition, _, after, from, count, bytes = unpack(wanted, at, at + 5)
  local entries = from == '' and {} or redis.pcall('XRANGE', stream, from, '+', 'COUNT', count)
  if entries.err then
    return entries
  end
  if #entries == 0 and after ~= '' and is_anew(stream, after) then
    return { 'anew' }
  end
  local answer, fields, places = { 'read', 'more' }, {}, {}
  bytes = tonumber(bytes)
  for n, each in ipairs(entries) do
    local id, place = each[1], 5 * n - 2
    local chat_key, bot, json, context = parts_of(each[2])
    answer[place], answer[place + 1] = id, chat_key
    answer[place + 2], answer[place + 3], answer[place + 4] = '', '', ''
    if json and has_clock_id(id) then
      local left = bytes - #json - OVERHEAD
      if left >= 0 then
        answer[place + 2], answer[place + 3], answer[place + 4], bytes = bot, json, context, left
        fields[#fields + 1], places[#places + 1] = partition .. ':' .. id, place
      end
    end
  end
  -- Another worker may have begun some. Their attempts are counted on when their turn comes.
  local counts = #fields > 0 and redis.call('HMGET', KEYS[2], unpack(fields)) or {}
  for n, attempts in ipairs(counts) do
    if attempts then
      local place = places[n]
      answer[place + 2], answer[place + 3], answer[place + 4] = '', '', ''
    end
  end
  if #entries < tonumber(count) then
    answer[2] = 'end'
    redis.call('HSET', partitions, 'idle:' .. partition, waiter)
  end
  return answer
end

-- KEYS: attempts, streams
function operations.fetch(waiter, ...)
  write_without_memory()
  local wanted, claims, answer = { ... }, {}, {}
  for at = 1, #wanted, 6 do
    claims[#claims + 1], claims[#claims + 2] = wanted[at], wanted[at + 1]
  end
  local held = held_claims(claims)
  for n = 3, #KEYS do
    if held[n - 2] then
      local found = read(KEYS[n], wanted, 6 * (n - 3) + 1, waiter)
      -- A key that is no stream leaves the other partitions alone.
      answer[#answer + 1] = found.err and { 'failed', found.err } or found
    else
      answer[#answer + 1] = { 'lost' }
    end
  end
  return answer
end

-- The records about an entry that read it, by their names. Each gets the counts of attempts, the entry's stream and id,
-- its field among the counts, and what the record says.
local records = {}

-- The answers to a record that was made, and to one under a claim that isn't valid any more. Numbers are the shortest.
local DONE, LOST = 1, 0

-- How many arguments a record of this name has.
local RECORD_LENGTHS = { look = 3, finish = 3, begin = 4, count = 4, dead_letter = 5 }

-- The counts of attempts at the entries of a call's records, read and written together.
local function read_counts(fields)
  local counts = { changed = {} }
  if #fields > 0 then
    local values = redis.call('HMGET', KEYS[2], unpack(fields))
    for n, field in ipairs(fields) do
      counts[field] = values[n]
    end
  end
  return counts
end

local function write_counts(counts)
  local changed = {}
  for field in pairs(counts.changed) do
    changed[#changed + 1] = field
    changed[#changed + 1] = counts[field]
  end
  if #changed > 0 then
    redis.call('HSET', KEYS[2], unpack(changed))
  end
end

local function set_count(counts, field, value)
  counts[field], counts.changed[field] = value, true
end

local function remove(counts, stream, id, field)
  redis.call('XDEL', stream, id)
  redis.call('HDEL', KEYS[2], field)
  counts[field], counts.changed[field] = nil, nil
end

-- An entry with its number of attempts, after `what`.
local function entry_as(what, attempt, values)
  return {
    what, format_int(attempt), values.bot or '', values.chat_key or '', values.json or '', values.traceparent or '',
  }
end

-- Reads an entry before its turn.
function records.look(counts, stream, id, field)
  local fields, values = entry(stream, id)
  if not fields then
    return { 'gone' }
  end
  return entry_as('read', tonumber(string.match(counts[field] or '', '^%d+')) or 0, values)
end

-- Counts an attempt. Asked for again by the same name, because its answer got lost, it is the same attempt.
function records.begin(counts, stream, id, field, name)
  local fields, values = entry(stream, id)
  if not fields then
    remove(counts, stream, id, field)
    return { 'gone' }
  end
  local attempt, by = string.match(counts[field] or '', '^(%d+) ?(.*)$')
  attempt = tonumber(attempt) or 0
  if by ~= name then
    attempt = attempt + 1
    set_count(counts, field, format_int(attempt) .. ' ' .. name)
  end
  return entry_as('begun', attempt, values)
end

function records.dead_letter(counts, stream, id, field, attempts, failure)
  local fields, values = entry(stream, id)
  if fields then
    add(
      KEYS[3], 'MAXLEN', ARGV[3], '*', 'bot', values.bot or '', 'chat_key', values.chat_key or '',
      -- Of an entry without an update, all that it has.
      'json', values.json or cjson.encode(fields), 'attempts', attempts, 'failure', failure
    )
  end
  remove(counts, stream, id, field)
  return DONE
end

-- Removes the entries that are done: those of a stream with one command, and the counts of all with another.
local function finish(done, counts, answers)
  local fields = {}
  for stream, entries in pairs(done) do
    local removed = redis.pcall('XDEL', stream, unpack(entries.ids))
    local failure = type(removed) == 'table' and removed.err
    for n, field in ipairs(entries.fields) do
      if failure then
        answers[entries.places[n]] = failed(failure)
      else
        fields[#fields + 1] = field
        counts[field], counts.changed[field] = nil, nil
      end
    end
  end
  if #fields > 0 then
    redis.call('HDEL', KEYS[2], unpack(fields))
  end
end

-- Makes records about entries, in order. ARGV has the number of claims, for each its partition and number, and for each
-- record its name, which of the claims it is under, the entry's id, and up to two more. A record that fails leaves the
-- others alone.
-- KEYS: attempts, dead, for each claim its stream
function operations.record()
  write_without_memory()
  local args, first = ARGV, 5 + 2 * tonumber(ARGV[4])
  local claims = { unpack(args, 5, first - 1) }
  local held = held_claims(claims)
  local fields, n = {}, first
  while args[n] do
    local what = args[n]
    if what == 'begin' or what == 'look' then
      local claim = tonumber(args[n + 1])
      if held[claim] then
        fields[#fields + 1] = claims[2 * claim - 1] .. ':' .. args[n + 2]
      end
    end
    n = n + RECORD_LENGTHS[what]
  end
  local counts, answers, done = read_counts(fields), {}, {}
  n = first
  while args[n] do
    local what, claim, id = args[n], tonumber(args[n + 1]), args[n + 2]
    local stream, field, at = KEYS[3 + claim], claims[2 * claim - 1] .. ':' .. id, #answers + 1
    if not held[claim] then
      answers[at] = LOST
    elseif what == 'finish' then
      local entries = done[stream] or { ids = {}, fields = {}, places = {} }
      local number = #entries.ids + 1
      entries.ids[number], entries.fields[number], entries.places[number] = id, field, at
      done[stream], answers[at] = entries, DONE
    elseif what == 'count' then
      -- It isn't counted up or down, so that the record may be made twice.
      set_count(counts, field, args[n + 3])
      answers[at] = DONE
    else
      local is_recorded, answer = pcall(records[what], counts, stream, id, field, args[n + 3], args[n + 4])
      answers[at] = is_recorded and answer or failed(answer)
    end
    n = n + RECORD_LENGTHS[what]
  end
  finish(done, counts, answers)
  write_counts(counts)
  return answers
end

-- KEYS: workers, dead, streams
function operations.status()
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', format_int(now()))
  local waiting = 0
  for n = 4, #KEYS do
    waiting = waiting + redis.call('XLEN', KEYS[n])
  end
  local dead, workers = redis.call('XLEN', KEYS[3]), redis.call('ZCARD', KEYS[2])
  return { format_int(waiting), format_int(dead), format_int(workers) }
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
    answer[#answer + 1] = format_int(length)
    answer[#answer + 1] = format_int(math.max(time - since, 0))
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
  add(stream, '*', 'bot', bot, 'chat_key', chat_key, 'json', json)
  redis.call('XDEL', dead, id)
  return { 'added', wake_worker(partition, record[2], process) }
end

-- KEYS: dead
function operations.discard(id)
  return { redis.call('XDEL', KEYS[2], id) == 1 and 'discarded' or 'gone' }
end

return operations[ARGV[1]](unpack(ARGV, 3))
