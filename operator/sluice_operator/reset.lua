#!lua
-- The cursor that spec.cursor asks for, once for each nonce, with the record of it, in one atomic step.
--
-- The record is what makes it once: whoever asks again, after a crash or a lost answer, finds the nonce.
-- Everything that can fail is tried before the first write.
--
-- KEYS: cursor, health hash
-- ARGV: nonce, new cursor, now (RFC 3339)
-- Returns 1 if it was set, 0 if it had been set before.

if redis.call('HGET', KEYS[2], 'resetNonce') == ARGV[1] then
  return 0
end
for _, command in ipairs({{'SET', KEYS[1], ARGV[2]}, {'HSET', KEYS[2], 'resetNonce', ARGV[1]}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
  end
end
local before = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2],
  'resetNonce', ARGV[1], 'resetFrom', before or '', 'resetTo', ARGV[2], 'resetAt', ARGV[3])
return 1
