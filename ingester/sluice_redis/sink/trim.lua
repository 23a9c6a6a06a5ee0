#!lua flags=allow-oom
-- Remove the oldest entries of a stream that every one of its consumer groups is done with.
--
-- An entry stays if any group has not read it or has not acknowledged it. A stream without groups
-- keeps everything: who reads it is not known. Memory that is full is no hindrance: this frees some.
--
-- What a consumer has deleted and never acknowledged stays in its group's list of pending IDs, without
-- an entry. Such an ID holds nothing. The list and the stream are walked side by side, each step passing over
-- a whole run of IDs without entries or of entries that are not pending, so a long list costs no more than a
-- short one. What the steps of one call don't reach is left to the next.
--
-- KEYS: stream
-- ARGV: 1 about how many entries to remove at most
--       2 how many steps to take at most, over all groups (each group has one)
-- Returns the number of entries removed.

local stream, limit, steps = KEYS[1], ARGV[1], tonumber(ARGV[2])

local function field(answer, name)
  for i = 1, #answer, 2 do
    if answer[i] == name then
      return answer[i + 1]
    end
  end
end

-- IDs are two numbers of up to 64 bits, too large for Lua's: compared as text of equal length.
local function sortable(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return string.rep('0', 20 - #ms) .. ms .. string.rep('0', 20 - #seq) .. seq
end

local function earlier(one, other)
  return sortable(one) < sortable(other)
end

local function next_id(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return #seq > 15 and id or ms .. '-' .. string.format('%.0f', tonumber(seq) + 1)
end

-- The first entry from `id` on, or nil.
local function entry_from(id)
  local found = redis.call('XRANGE', stream, id, '+', 'COUNT', 1)
  return found[1] and found[1][1]
end

-- The ID up to which nothing is pending of what lies below `bound`, found in at most `most` steps.
local function done_up_to(group, id, bound, most)
  for _ = 1, most do
    local pending = redis.call('XPENDING', stream, group, id, '+', 1)
    if not pending[1] or not earlier(pending[1][1], bound) then
      return bound
    end
    local entry = entry_from(pending[1][1])
    if not entry or not earlier(entry, bound) then
      return bound
    end
    if entry == pending[1][1] then
      return entry
    end
    id = entry
  end
  return id
end

if redis.call('EXISTS', stream) == 0 then
  return 0
end
local groups = redis.call('XINFO', 'GROUPS', stream)
if #groups == 0 then
  return 0
end
-- Users that were made for an older version may lack these two rights. What is pending then holds, entry or none.
local looked, info = redis.pcall('XRANGE', stream, '-', '+', 'COUNT', 1), redis.pcall('XINFO', 'STREAM', stream)
local may_look, newest = not looked.err, not info.err and field(info, 'last-generated-id')
local oldest = may_look and looked[1] and looked[1][1]
if may_look and not oldest then
  return 0
end

local bound
for _, group in ipairs(groups) do
  local last = field(group, 'last-delivered-id')
  if newest and earlier(newest, last) then
    return 0 -- set by hand to where no entry has been: what comes below was never read
  end
  if not bound or earlier(next_id(last), bound) then
    bound = next_id(last)
  end
end
for _, group in ipairs(groups) do
  local name = field(group, 'name')
  if may_look then
    bound = done_up_to(name, oldest, bound, math.max(1, math.floor(steps / #groups)))
  else
    local pending = redis.call('XPENDING', stream, name)
    if pending[1] > 0 and earlier(pending[2], bound) then
      bound = pending[2]
    end
  end
end

-- Whole nodes of the stream are quickly removed, and so many as asked for. What is left to remove
-- then stands in one node.
local removed = redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', limit)
if removed > 0 then
  return removed
end
return redis.call('XTRIM', stream, 'MINID', '=', bound)
