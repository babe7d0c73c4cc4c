-- KEYS[1]  a key that exists while a scope pauses
-- ARGV[1]  the shortest time of the pause, in milliseconds
-- Out of memory, Redis refuses a script's first write if it may need some, and none after it.
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('PERSIST', KEYS[1])
  redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
end
