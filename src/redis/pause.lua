-- KEYS[1]  what is there while a scope pauses
-- ARGV[1]  how long it is to pause at least, in milliseconds
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], '', 'PX', ARGV[1])
end
