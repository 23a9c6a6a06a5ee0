#!lua flags=allow-oom
-- Write fields of the health hash. Memory that is full must not keep an ingester from telling so: without that it
-- would only seem to be dead. The hash is small, and does not grow.
--
-- KEYS: health hash
-- ARGV: name and value of each field

return redis.call('HSET', KEYS[1], unpack(ARGV))
