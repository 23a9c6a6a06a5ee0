#!lua
-- Store one batch of whole frames and its cursor in one atomic step, or nothing of it.
--
-- The shebang makes Redis refuse the script before it starts if the server is out of memory, read-only, or cannot
-- persist. A script that fails in the middle is not rolled back. So everything that can fail (a key of a wrong type, a
-- missing right) is checked before the first write.
--
-- KEYS: cursor, stream, health hash, dead-letter stream,
--       the backfill's stream if repositories must be fetched again,
--       and the hashes of digests if events are deduplicated: see deduplication.py
-- ARGV: 1 expected cursor: "=" and its value, or "" if there must be none
--       2 new cursor, or "" to leave it
--       3 high-water mark
--       4 ID of the batch
--       5 field of the stream's entries
--       6 number of events
--       7 number of dead letters
--       8 approximate number of entries that the dead-letter stream keeps
--       9 now, RFC 3339
--      10 time of the newest event, or "" if unknown
--      11 HOST
--      12 number of further fields of the health hash
--      13 number of hashes of digests; new digests go into the second one
--      14 seconds after which that one expires
--      15 tag of the relay, two bytes
--      then name and value of each of those fields,
--      then the digest of each event if there are hashes (empty: the event is always new),
--      then the events,
--      then for each dead letter: seq, reason, detail, payload,
--      then an entry for each repository that must be fetched again
-- Returns {"stored", length of the stream, number of events left out as duplicates},
--         {"full", length} or {"fenced", stored cursor or nil}.

local cursor, stream, health, deadletter = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local expected, new, mark, batch, field = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local events, letters, cap = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local now, time, host = ARGV[9], ARGV[10], ARGV[11]
local more = tonumber(ARGV[12])
local buckets, expiry, tag = tonumber(ARGV[13]), ARGV[14], ARGV[15]
local digests = 16 + 2 * more
local first = digests + (buckets > 0 and events or 0)
local resyncs = #KEYS - buckets > 4 and KEYS[5] or nil

-- The error of Redis about a key of a wrong type does not name the key.
local failed
local function ask(command, key, ...)
  local answer = redis.pcall(command, key, ...)
  if type(answer) == 'table' and answer.err then
    failed = failed or answer.err .. ' (' .. command .. ' ' .. key .. ')'
  end
  return answer
end
local stored = ask('GET', cursor)
local length = ask('XLEN', stream)
local before = ask('HMGET', health, 'batch', 'events', 'deadletters')
ask('XLEN', deadletter)
if resyncs then
  ask('XLEN', resyncs)
end
local seen = {}
for i = #KEYS - buckets + 1, #KEYS do
  ask('HLEN', KEYS[i])
  for _, command in ipairs({{'HMGET', KEYS[i], ''}, {'HSET', KEYS[i], '', ''}, {'EXPIRE', KEYS[i], '1'}}) do
    if not redis.acl_check_cmd(unpack(command)) then
      return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
    end
  end
end

if failed then
  return redis.error_reply(failed)
end
if before[1] == batch then
  return {'stored', length, 0}
end
if (stored and '=' .. stored or '') ~= expected then
  return {'fenced', stored}
end
if events > 0 and length >= mark then
  return {'full', length}
end

-- For each digest, the tags of the relays that have delivered the event, once for each delivery. An event is new if no
-- other relay has delivered it as often as this one. Redis accepts only some thousands of arguments at once.
local CHUNK = 1000
for i = #KEYS - buckets + 1, #KEYS do
  for from = digests, first - 1, CHUNK do
    local to = math.min(from + CHUNK, first) - 1
    for offset, tags in ipairs(redis.call('HMGET', KEYS[i], unpack(ARGV, from, to))) do
      if tags then
        seen[ARGV[from + offset - 1]] = {KEYS[i], tags}
      end
    end
  end
end

local function is_new(digest)
  local known = seen[digest]
  local bucket, tags = known and known[1] or KEYS[#KEYS - buckets + 2], (known and known[2] or '') .. tag
  seen[digest] = {bucket, tags, true}
  local times, most = {}, 0
  for one in string.gmatch(tags, '..') do
    times[one] = (times[one] or 0) + 1
    if one ~= tag and times[one] > most then
      most = times[one]
    end
  end
  return times[tag] > most
end

-- A missing right would be detected in the middle, which is too late.
local rights = {{'XADD', stream, '*', field, ''}, {'SET', cursor, new}, {'HSET', health, 'stored', now}}
if letters > 0 then
  rights[#rights + 1] = {'XADD', deadletter, '*', 'host', host}
end
if resyncs then
  rights[#rights + 1] = {'XADD', resyncs, '*', 'repo', ''}
end
for _, command in ipairs(rights) do
  if not redis.acl_check_cmd(unpack(command)) then
    return redis.error_reply('NOPERM this user may not call ' .. command[1] .. ' on ' .. command[2])
  end
end

-- XADD fails at the end of the ID space. That must not happen in the middle either.
local function ends_before(key, count)
  if count == 0 or not redis.acl_check_cmd('XINFO', 'STREAM', key) then
    return nil
  end
  local info = redis.pcall('XINFO', 'STREAM', key)
  for i = 1, info.err and 0 or #info, 2 do
    if info[i] == 'last-generated-id' then
      local ms, seq = string.match(info[i + 1], '^(%d+)-(%d+)$')
      local is_last = ms == '18446744073709551615' and #seq == 20 and string.sub(seq, 1, 5) == '18446'
      return is_last and 744073709551615 - tonumber(string.sub(seq, 6)) < count and info[i + 1]
    end
  end
end
for _, one in ipairs({{stream, events}, {deadletter, letters}, {resyncs, #ARGV - first - events - 4 * letters + 1}}) do
  local last = one[1] and ends_before(one[1], one[2])
  if last then
    return redis.error_reply('ERR ' .. one[1] .. ' has used up the IDs of its entries (its last ID is ' .. last ..
      '): when its consumers have read it, delete it (DEL ' .. one[1] .. ') and let them create their groups again')
  end
end

local duplicates = 0
for i = 0, events - 1 do
  if buckets == 0 or ARGV[digests + i] == '' or is_new(ARGV[digests + i]) then
    redis.call('XADD', stream, '*', field, ARGV[first + i])
  else
    duplicates = duplicates + 1
  end
end
for digest, known in pairs(seen) do
  if known[3] then
    redis.call('HSET', known[1], digest, known[2])
  end
end
if buckets > 0 then
  redis.call('EXPIRE', KEYS[#KEYS - buckets + 2], expiry)
end
for i = first + events, first + events + 4 * letters - 1, 4 do
  redis.call('XADD', deadletter, 'MAXLEN', '~', cap, '*',
    'host', host, 'seq', ARGV[i], 'reason', ARGV[i + 1], 'detail', ARGV[i + 2], 'payload', ARGV[i + 3])
end
for i = first + events + 4 * letters, #ARGV do
  redis.call('XADD', resyncs, '*', 'repo', ARGV[i])
end

local function total(text, more)
  return string.format('%.0f', (tonumber(text) or 0) + more)
end
local fields = {
  'stored', now, 'batch', batch,
  'events', total(before[2], events - duplicates), 'deadletters', total(before[3], letters),
}
if new ~= '' then
  redis.call('SET', cursor, new)
  fields[#fields + 1] = 'seq'
  fields[#fields + 1] = new
end
if time ~= '' then
  fields[#fields + 1] = 'eventTime'
  fields[#fields + 1] = time
end
for i = 16, digests - 1 do
  fields[#fields + 1] = ARGV[i]
end
redis.call('HSET', health, unpack(fields))
return {'stored', length + events - duplicates, duplicates}
