#!lua flags=allow-oom
-- Remove the oldest entries of a stream that every consumer group has read and acknowledged.
--
-- - An entry stays if a group has not read it, or has not acknowledged it.
-- - A stream without groups keeps everything, because its readers are unknown.
-- - The script also runs when Redis is out of memory, because it frees memory.
-- - An entry that a consumer has deleted and never acknowledged remains in its group's list of pending IDs. Such an ID
--   does not prevent removal.
--
-- List and stream are read in parallel. Each step skips a whole run of IDs without entries, or of entries that are not
-- pending. So a long list costs no more than a short one. What one call does not reach is left to the next.
--
-- KEYS: stream
-- ARGV: 1 approximate maximum number of entries to remove
--       2 maximum number of steps for all groups together (each group has at least one)
-- Returns the number of entries removed.

local stream, limit, steps = KEYS[1], ARGV[1], tonumber(ARGV[2])

local function field(answer, name)
  for i = 1, #answer, 2 do
    if answer[i] == name then
      return answer[i + 1]
    end
  end
end

-- IDs are two numbers of up to 64 bits, too large for a number of Lua. So they are compared as text of equal length.
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

-- The ID of the first entry from `id` on, or nil.
local function entry_from(id)
  local found = redis.call('XRANGE', stream, id, '+', 'COUNT', 1)
  return found[1] and found[1][1]
end

-- The ID below `bound` up to which no entry is pending, found in at most `most` steps.
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
-- Users that were created for an older version may lack these two rights. Then all pending IDs prevent removal.
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
    return 0 -- somebody has set it ahead of the stream: the entries below were never read
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

-- Whole nodes of the stream are removed quickly, up to the limit. What then remains to be removed is in one node.
local removed = redis.call('XTRIM', stream, 'MINID', '~', bound, 'LIMIT', limit)
if removed > 0 then
  return removed
end
return redis.call('XTRIM', stream, 'MINID', '=', bound)
