#!lua flags=allow-oom
-- Write fields of the health hash, even if Redis is out of memory: otherwise the ingester could not report that, and
-- would seem to be dead. The hash is small, and does not grow.
--
-- KEYS: health hash
-- ARGV: name and value of each field

return redis.call('HSET', KEYS[1], unpack(ARGV))
