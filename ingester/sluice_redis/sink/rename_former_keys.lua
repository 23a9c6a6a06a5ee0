#!lua flags=allow-oom
-- Rename the cursor and the health hash of a source from the keys that older versions used.
--
-- If both keys have a cursor, the one with the higher seq stays, because all events up to it are stored. A cursor that is
-- not a seq (of a listing, or a word that a person has set) stays, and the former one is deleted.
--
-- KEYS: cursor, health hash, then cursor and health hash under each former name
-- ARGV: "seq" if cursors are seqs
-- Returns the keys of the cursors that were renamed.

local cursor, health, are_seqs = KEYS[1], KEYS[2], ARGV[1] == 'seq'

local function is_higher(one, other)
  if not (are_seqs and string.match(one, '^%d+$') and string.match(other, '^%d+$')) then
    return false
  end
  one, other = string.gsub(one, '^0+', ''), string.gsub(other, '^0+', '')
  return #one > #other or (#one == #other and one > other)
end

local renamed = {}
for i = 3, #KEYS, 2 do
  local old = redis.call('GET', KEYS[i])
  local has_health = redis.call('EXISTS', KEYS[i + 1]) == 1
  if old or has_health then
    for _, command in ipairs({{'RENAME', KEYS[i], cursor}, {'DEL', KEYS[i], KEYS[i + 1]}}) do
      if not redis.acl_check_cmd(unpack(command)) then
        return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
      end
    end
    local own = redis.call('GET', cursor)
    if old and (not own or is_higher(old, own)) then
      redis.call('RENAME', KEYS[i], cursor)
      renamed[#renamed + 1] = KEYS[i]
      if has_health then
        redis.call('RENAME', KEYS[i + 1], health)
      end
    elseif has_health and not own and redis.call('EXISTS', health) == 0 then
      redis.call('RENAME', KEYS[i + 1], health)
    else
      redis.call('DEL', KEYS[i], KEYS[i + 1])
    end
  end
end
return renamed
