-- SPDX-License-Identifier: Apache-2.0
-- attach.lua: an instance takes hold of the stream: its older commands are void from now on.
--
-- KEYS  1 stream  2 epoch  3 writer, of this instance
-- ARGV  1 epoch to begin with if there is none  2 shards this instance believes in
--       3 the number it has already, 0: none    4 generation, higher at every attach
--       5 ms for which that is remembered
-- gives {epoch, n, first n (0: the stream is empty), entries removed, id, tenant and w at ARGV 3},
-- or the errors STALE and SHARDS.
--
-- A command that was sent before a freeze may be run after it. It carries the generation of its
-- connection, and this raises what is stored, so it is refused then. So is an attach that was stuck
-- itself: several may run late, in any order.
local stream, epoch_key, writer = KEYS[1], KEYS[2], KEYS[3]

-- A write comes first: who may not write (a replica, no memory) is not let believe that it could.
local before = tonumber(redis.call('SET', writer, ARGV[4], 'PX', ARGV[5], 'GET'))
if before and before >= tonumber(ARGV[4]) then
    redis.call('SET', writer, string.format('%.0f', before), 'PX', ARGV[5])
    return redis.error_reply('STALE a later attach came first')
end

local stored = redis.call('HMGET', epoch_key, 'epoch', 'n', 'shards')
local epoch, n = stored[1], tonumber(stored[2])
if stored[3] and stored[3] ~= ARGV[2] then
    return redis.error_reply('SHARDS this stream has ' .. stored[3] .. ' shards, not ' .. ARGV[2])
end

local function number_of(entry)
    return tonumber(string.match(entry[1], '^%d+'))
end

local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
if not epoch or not n then
    epoch, n = ARGV[1], last and number_of(last) or 0
    redis.call('DEL', epoch_key)
    redis.call('HSET', epoch_key, 'epoch', epoch, 'n', string.format('%.0f', n), 'shards', ARGV[2])
end

-- Entries beyond n were not stored by publish.lua (XADD with '*', by hand): no number could follow
-- them. It stores nothing in part, so nothing of ours can be among them.
local removed = 0
while last and number_of(last) > n do
    redis.call('XDEL', stream, last[1])
    removed = removed + 1
    last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
end
if removed > 0 then
    local id = last and string.match(last[1], '^%d+') == string.format('%.0f', n) and last[1]
        or string.format('%.0f-0', n)
    if n == 0 or redis.pcall('XSETID', stream, id).err then
        -- A stream keeps its highest id also when it is empty; only its end forgets it.
        redis.call('DEL', stream)
        last = nil
    end
end

local first, at = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1], nil
if ARGV[3] ~= '0' then
    at = redis.call('XRANGE', stream, ARGV[3] .. '-0', ARGV[3] .. '-0')[1]
end
local reply = {epoch, n, first and number_of(first) or 0, removed}
if at then
    local fields = {}
    for i = 1, #at[2], 2 do
        fields[at[2][i]] = at[2][i + 1]
    end
    reply[5], reply[6], reply[7] = fields.id or '', fields.tenant or '', fields.w or ''
end
return reply
