-- SPDX-License-Identifier: Apache-2.0
-- fences.lua: puts fences among those stored; of two times of one the later holds.
--
-- KEYS  1 fences  2 epoch
-- ARGV  field, value, ...
-- gives how many changed. Whoever is attached learns of it by the epoch's `fences`, which counts.
local changed = 0
for i = 1, #ARGV, 2 do
    local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]))
    if not before or before < tonumber(ARGV[i + 1]) then
        redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
        changed = changed + 1
    end
end
if changed > 0 then
    local version = tonumber(redis.call('HGET', KEYS[2], 'fences')) or 0
    redis.call('HSET', KEYS[2], 'fences', version + 1)
end
return changed
