-- Takes the messages of a call back that was counted and isn't made. The pause after a call of more messages than a
-- limit's count stays.
--
-- KEYS  the log of each scope
-- ARGV  how many messages the call sends; for each scope how many its log has at most

for n = 1, #KEYS do
  for _ = 1, math.min(tonumber(ARGV[1]), tonumber(ARGV[n + 1])) do
    redis.call('RPOP', KEYS[n])
  end
end
return 0
