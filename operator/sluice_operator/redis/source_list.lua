#!lua
-- Replaces the source list of a shared Deployment in one atomic step.
--
-- KEYS: the source list
-- ARGV: fields and values in turn

redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
