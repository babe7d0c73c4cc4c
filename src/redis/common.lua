-- Functions that all scripts share. This file is put before each of them.

-- Redis' clock in microseconds, because those of the replicas differ.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- All digits of a whole number. Lua's own way to write it would be 1.7e+15.
local function format_int(number)
  return string.format('%.0f', number)
end

-- A waiter's name is the number of its process and its own number there: `00c0ffee00c0ffee-7`. Each process
-- subscribes to a channel, where it is sent the number of the waiter to wake and a word for it.
local function wake(waiter, word)
  local process, number = string.match(waiter, '^(%x+)%-(%d+)$')
  if process then
    -- A user without rights for channels is refused. Waiters then find their turn by themselves, a little later.
    redis.pcall('PUBLISH', 'tower-telegram:wake:' .. process, number .. ' ' .. word)
  end
end

-- Whether the waiter is in this process, which then wakes it by itself.
local function is_in(waiter, process)
  return string.match(waiter, '^(%x+)%-') == process
end

