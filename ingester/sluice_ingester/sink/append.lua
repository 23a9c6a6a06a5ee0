#!lua
-- One batch of whole frames and its cursor, in one atomic step, or nothing of it.
--
-- The shebang makes Redis refuse the script before it starts when the server is out of memory,
-- read-only or can't persist. Inside, everything that can fail (a key of a wrong type) is read
-- before the first write, because a script that fails in the middle is not rolled back.
--
-- KEYS: cursor, stream, health hash, dead-letter stream, and if repos must be fetched again the backfill's stream
-- ARGV: 1 expected cursor: "=" and its value, or "" if there must be none
--       2 new cursor, or "" to leave it
--       3 high-water mark
--       4 the batch's own name
--       5 field of the stream's entries
--       6 number of events
--       7 number of dead letters
--       8 about how many entries the dead-letter stream keeps
--       9 now, RFC 3339
--      10 time of the newest event, or "" if unknown
--      11 HOST
--      12 number of further fields of the health hash
--      then the name and value of each of those, then the events, then for each dead letter: seq, reason, detail, payload,
--       then an entry for each repo that must be fetched again
-- Returns {"stored", length of the stream}, {"full", length} or {"fenced", stored cursor or nil}.

local cursor, stream, health, deadletter = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local expected, new, mark, batch, field = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5]
local events, letters, cap = tonumber(ARGV[6]), tonumber(ARGV[7]), ARGV[8]
local now, time, host = ARGV[9], ARGV[10], ARGV[11]
local more = tonumber(ARGV[12])
local first = 13 + 2 * more

local stored = redis.call('GET', cursor)
local length = redis.call('XLEN', stream)
local before = redis.call('HMGET', health, 'batch', 'events', 'deadletters')
redis.call('XLEN', deadletter)
if KEYS[5] then
  redis.call('XLEN', KEYS[5])
end

if before[1] == batch then
  return {'stored', length}
end
if (stored and '=' .. stored or '') ~= expected then
  return {'fenced', stored}
end
if events > 0 and length >= mark then
  return {'full', length}
end

for i = first, first + events - 1 do
  redis.call('XADD', stream, '*', field, ARGV[i])
end
for i = first + events, first + events + 4 * letters - 1, 4 do
  redis.call('XADD', deadletter, 'MAXLEN', '~', cap, '*',
    'host', host, 'seq', ARGV[i], 'reason', ARGV[i + 1], 'detail', ARGV[i + 2], 'payload', ARGV[i + 3])
end
for i = first + events + 4 * letters, #ARGV do
  redis.call('XADD', KEYS[5], '*', 'repo', ARGV[i])
end

local function total(text, more)
  return string.format('%.0f', (tonumber(text) or 0) + more)
end
local fields = {
  'stored', now, 'batch', batch,
  'events', total(before[2], events), 'deadletters', total(before[3], letters),
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
for i = 13, first - 1 do
  fields[#fields + 1] = ARGV[i]
end
redis.call('HSET', health, unpack(fields))
return {'stored', length + events}
