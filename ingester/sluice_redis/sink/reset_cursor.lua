#!lua
-- Replace a cursor that the source cannot continue from, unless somebody else has changed it.
--
-- KEYS: cursor, health hash
-- ARGV: 1 expected cursor: "=" and its value, or "" if there must be none
--       2 new cursor
--       then names and values of fields of the health hash, at least one
-- Returns {"set"} or {"fenced", stored cursor or nil}.

local stored = redis.call('GET', KEYS[1])
redis.call('HLEN', KEYS[2])
if (stored and '=' .. stored or '') ~= ARGV[1] then
  return {'fenced', stored}
end
for _, command in ipairs({{'SET', KEYS[1], ARGV[2]}, {'HSET', KEYS[2], ARGV[3], ARGV[4]}}) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
  end
end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
return {'set'}
