-- Saves a session if it wasn't changed since it was read. One step: Redis does nothing else meanwhile.
--
-- KEYS[1]  the session's hash: revision, value
-- ARGV[1]  the revision that was read; empty if there was none
-- ARGV[2]  how long it is kept, in milliseconds
-- ARGV[3]  the value; missing if the session is removed
--
-- Answers 1, or 0 if another replica has changed it.

local revision = redis.call('HGET', KEYS[1], 'revision')
if (revision or '') ~= ARGV[1] then
  return 0
end
if not ARGV[3] then
  redis.call('DEL', KEYS[1])
  return 1
end
-- By the time, so that a session that was removed doesn't get a revision that it had before.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local next = math.max((tonumber(revision) or 0) + 1, now)
redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', next), 'value', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
