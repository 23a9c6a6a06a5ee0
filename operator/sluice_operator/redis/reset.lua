#!lua
-- Sets the cursor that spec.cursor asks for, once for each nonce, and records it, in one atomic step.
--
-- The record holds the nonce. A second call with that nonce, after a crash or a lost answer, finds it and does nothing.
-- Everything that can fail is checked before the first write.
--
-- A cursor that exists only under a former name is set there: the ingester moves it to the new name. If it exists under
-- both names, it is set under the new one and deleted under the former. Otherwise the higher seq would win.
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
