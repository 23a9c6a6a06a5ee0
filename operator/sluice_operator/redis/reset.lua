#!lua
-- The cursor that spec.cursor asks for, once for each nonce, with the record of it, in one atomic step.
--
-- The record is what makes it once: whoever asks again, after a crash or a lost answer, finds the nonce.
-- Everything that can fail is tried before the first write.
--
-- A source whose cursor still stands under a former name is reset there: its ingester brings it to the new one. What
-- stands under both is set under the new one, and the former goes, or it might win for its higher seq.
--
-- KEYS: cursor, health hash, then cursor and health hash under each former name
-- ARGV: nonce, new cursor, now (RFC 3339)
-- Returns 1 if it was set, 0 if it had been set before.

local cursor, health = KEYS[1], KEYS[2]
local before = redis.call('GET', cursor)
local former = {}
for i = 3, #KEYS, 2 do
  local found = redis.call('GET', KEYS[i])
  if found and not before then
    before, cursor, health = found, KEYS[i], KEYS[i + 1]
  elseif found then
    former[#former + 1] = KEYS[i]
    former[#former + 1] = KEYS[i + 1]
  end
end
for _, key in ipairs({KEYS[2], health}) do
  if redis.call('HGET', key, 'resetNonce') == ARGV[1] then
    return 0
  end
end
local commands = {{'SET', cursor, ARGV[2]}, {'HSET', health, 'resetNonce', ARGV[1]}}
if #former > 0 then
  commands[#commands + 1] = {'DEL', unpack(former)}
end
for _, command in ipairs(commands) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
  end
end
redis.call('SET', cursor, ARGV[2])
redis.call('HSET', health,
  'resetNonce', ARGV[1], 'resetFrom', before or '', 'resetTo', ARGV[2], 'resetAt', ARGV[3])
if #former > 0 then
  redis.call('DEL', unpack(former))
end
return 1
