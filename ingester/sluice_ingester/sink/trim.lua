#!lua flags=allow-oom
-- Remove the oldest entries of a stream that every one of its consumer groups is done with.
--
-- An entry stays if any group has not read it or has not acknowledged it. A stream without groups
-- keeps everything: who reads it is not known. Memory that is full is no hindrance: this frees some.
--
-- KEYS: stream
-- ARGV: about how many entries to remove at most
-- Returns the number of entries removed.

local function field(group, name)
  for i = 1, #group, 2 do
    if group[i] == name then
      return group[i + 1]
    end
  end
end

-- IDs are two numbers of up to 64 bits, too large for Lua's: compared as text of equal length.
local function sortable(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return string.rep('0', 20 - #ms) .. ms .. string.rep('0', 20 - #seq) .. seq
end

local function next_id(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return #seq > 15 and id or ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local first
local function keep_from(id)
  if not first or sortable(id) < sortable(first) then
    first = id
  end
end
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  keep_from(next_id(field(group, 'last-delivered-id')))
  local pending = redis.call('XPENDING', KEYS[1], field(group, 'name'))
  if pending[1] > 0 then
    keep_from(pending[2])
  end
end
if not first then
  return 0
end

-- Whole nodes of the stream are quickly removed, and so many as asked for. What is left to remove
-- then stands in one node.
local removed = redis.call('XTRIM', KEYS[1], 'MINID', '~', first, 'LIMIT', ARGV[1])
if removed > 0 then
  return removed
end
return redis.call('XTRIM', KEYS[1], 'MINID', '=', first)
