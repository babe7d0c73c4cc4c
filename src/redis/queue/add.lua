-- Adds one update to the queue. One step: Redis does nothing else meanwhile.
--
-- It is a script of its own because a busy webhook adds many together, and an idle one should wait no longer than for
-- this: the functions that `queue.lua` defines cost Redis more. Rare cases are left to its operation `enqueue`.
--
-- KEYS[1]  the hash of the partitions, whose fields `queue.lua` explains
-- KEYS[2]  the stream of the update's partition
-- KEYS[3]  the update's `seen`
-- ARGV     how many partitions there are, how many entries the stream may have, how long the update is remembered in
--          milliseconds, the caller's process, the partition, the bot, the chat's key, the JSON, and the trace context
--          or an empty text
--
-- Answers two texts: `added` and the waiter that the caller wakes by itself, if there is one; or `known`. Or answers
-- `rare`, and has changed nothing: the caller then runs `enqueue`.

local partitions, stream, seen = KEYS[1], KEYS[2], KEYS[3]
local number, max_length, life, process, partition, bot, chat_key, json, context = unpack(ARGV)

local record = redis.call('HMGET', partitions, 'partitions', 'idle:' .. partition)
if record[1] ~= number or redis.call('XLEN', stream) >= tonumber(max_length) then
  return { 'rare' }
end
if not redis.call('SET', seen, '', 'NX', 'PX', life) then
  return { 'known', '' }
end
local added
if context == '' then
  added = redis.pcall('XADD', stream, '*', 'bot', bot, 'chat_key', chat_key, 'json', json)
else
  added = redis.pcall('XADD', stream, '*', 'bot', bot, 'chat_key', chat_key, 'json', json, 'traceparent', context)
end
if type(added) == 'table' and added.err then
  redis.call('DEL', seen)
  return { 'rare' }
end
local waiter = record[2]
if waiter then
  redis.call('HDEL', partitions, 'idle:' .. partition)
  if is_in(waiter, process) then
    return { 'added', waiter }
  end
  wake(waiter, partition)
end
return { 'added', '' }
