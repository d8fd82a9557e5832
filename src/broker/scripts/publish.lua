-- SPDX-License-Identifier: Apache-2.0
-- publish.lua: stores a batch of events under the next numbers, all or none, a given id once.
--
-- KEYS  1 stream  2 epoch  3 fences  4 writer  5 6 7 ids: of this bucket, the one before, the next
-- ARGV  1 generation  2 epoch, both as attached  3 channel  4 entries to keep
--       5 ms to keep them, 0: ever  6 now, ms  7 dedupe window, ms
--       8 ms for which the generation is remembered
--       9 w: by whom and in which attach this is stored
--       10 how many events have a given id, then for each event:
--       marks, id, tenant, user, target, type, by, t, json, [fingerprint if marks have g],
--       [the fence's field and value if they have f]
--       marks: g given id  f fence  x without effects  c control entry: not for the channel
-- gives {-1, n...}, for a doubled event the text "n w" of its first storing; or {index} of the first
-- event (from 0) whose id is there with another body, and nothing is stored; or the error STALE.
local call, format = redis.call, string.format
local stream, epoch_key, fences = KEYS[1], KEYS[2], KEYS[3]
local channel, maxlen, w, argc = ARGV[3], ARGV[4], ARGV[9], #ARGV
local FIRST = 11

local stored = call('HMGET', epoch_key, 'epoch', 'n')
local n = tonumber(stored[2])
if call('GET', KEYS[4]) ~= ARGV[1] or stored[1] ~= ARGV[2] or not n then
    return redis.error_reply('STALE another connection, or another epoch, came since')
end

-- What stands in ARGV behind an event's nine.
local function size_of(marks)
    if marks == '' or marks == 'c' or marks == 'x' then
        return 9
    end
    return 9 + (string.find(marks, 'g', 1, true) and 1 or 0)
        + (string.find(marks, 'f', 1, true) and 2 or 0)
end

-- The given ids, looked up all together: three calls a batch. known[field] = {n, fingerprint, w},
-- n false for one that comes first in this batch.
local known, fresh
if ARGV[10] ~= '0' then
    local fields, oldest = {}, tonumber(ARGV[6]) - tonumber(ARGV[7])
    local at, index = FIRST, 0
    known, fresh = {}, {}
    while at <= argc do
        if string.find(ARGV[at], 'g', 1, true) then
            fields[#fields + 1] = ARGV[at + 2] .. '\31' .. ARGV[at + 1]
        end
        at = at + size_of(ARGV[at])
    end
    for bucket = 5, 7 do
        local values = call('HMGET', KEYS[bucket], unpack(fields))
        for i = 1, #fields do
            if values[i] then
                local first, fingerprint, t, by = string.match(values[i], '^(%d+):([^:]*):(%d+):(.*)$')
                if first and tonumber(t) >= oldest then
                    known[fields[i]] = {tonumber(first), fingerprint, by}
                end
            end
        end
    end
    at = FIRST
    while at <= argc do
        if string.find(ARGV[at], 'g', 1, true) then
            local field, fingerprint = ARGV[at + 2] .. '\31' .. ARGV[at + 1], ARGV[at + 9]
            local before = known[field]
            if not before then
                known[field] = {false, fingerprint, w}
            elseif before[2] ~= fingerprint then
                return {index}
            end
        end
        at, index = at + size_of(ARGV[at]), index + 1
    end
end

local function store(number, at, ...)
    call('XADD', stream, 'MAXLEN', '~', maxlen, number .. '-0', 'v', '1', 'n', number,
        'id', ARGV[at + 1], 'tenant', ARGV[at + 2], 'user', ARGV[at + 3], 'target', ARGV[at + 4],
        'type', ARGV[at + 5], 'by', ARGV[at + 6], 't', ARGV[at + 7], 'w', w,
        'json', ARGV[at + 8], ...)
end

local function withdraw(field, value)
    local before = tonumber(call('HGET', fences, field))
    if not before or before < tonumber(value) then
        call('HSET', fences, field, value)
    end
end

local reply, first, at = {-1}, n, FIRST
while at <= argc do
    local marks, size, before = ARGV[at], 9, nil
    if marks ~= '' then
        size = size_of(marks)
        if string.find(marks, 'g', 1, true) then
            before = known[ARGV[at + 2] .. '\31' .. ARGV[at + 1]]
        end
    end
    if before and before[1] then
        reply[#reply + 1] = format('%.0f %s', before[1], before[3])
    else
        n = n + 1
        local number = format('%.0f', n)
        local without = marks ~= '' and string.find(marks, 'x', 1, true)
        if before then
            before[1] = n
            fresh[#fresh + 1] = ARGV[at + 2] .. '\31' .. ARGV[at + 1]
            fresh[#fresh + 1] = number .. ':' .. before[2] .. ':' .. ARGV[6] .. ':' .. w
            if without then
                store(number, at, 'given', '1', 'fx', '0')
            else
                store(number, at, 'given', '1')
            end
        elseif without then
            store(number, at, 'fx', '0')
        else
            store(number, at)
        end
        if marks == '' or not string.find(marks, 'c', 1, true) then
            call('PUBLISH', channel, ARGV[at + 8])
        end
        if marks ~= '' and string.find(marks, 'f', 1, true) then
            withdraw(ARGV[at + size - 2], ARGV[at + size - 1])
        end
        reply[#reply + 1] = n
    end
    at = at + size
end
-- Not before the first XADD: no command is refused for want of memory behind one that wrote.
call('PEXPIRE', KEYS[4], ARGV[8])
if n == first then
    return reply
end
call('HSET', epoch_key, 'n', format('%.0f', n))
if fresh and #fresh > 0 then
    call('HSET', KEYS[5], unpack(fresh))
    call('PEXPIRE', KEYS[5], 2 * tonumber(ARGV[7]))
end

-- By age, every 64 numbers: to look at the oldest costs as much as to store an event. What is to go
-- is a sixteenth past its time, so that the search among the times is rarer still.
local age = tonumber(ARGV[5])
if age > 0 and math.floor(first / 64) ~= math.floor(n / 64) then
    local function time_of(entry)
        for i = 1, #entry[2], 2 do
            if entry[2][i] == 't' then
                return tonumber(entry[2][i + 1])
            end
        end
    end
    local now = tonumber(ARGV[6])
    local oldest = call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
    local time = oldest and time_of(oldest)
    if time and time < now - age - age / 16 then
        -- The entry at `low` is too old; none from `high` on is (the last, just stored, stays).
        local low, high = tonumber(string.match(oldest[1], '^%d+')), n
        while high - low > 1 do
            local middle = math.floor((low + high) / 2)
            local entry = call('XRANGE', stream, format('%.0f-0', middle), '+', 'COUNT', 1)[1]
            time = time_of(entry)
            if time and time < now - age then
                low = middle
            else
                high = middle
            end
        end
        call('XTRIM', stream, 'MINID', format('%.0f-0', high))
    end
end
return reply
