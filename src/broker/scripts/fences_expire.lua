-- SPDX-License-Identifier: Apache-2.0
-- fences_expire.lua: removes fences that no token can be old enough for, if they still are so old.
--
-- KEYS  1 fences
-- ARGV  1 ms before which a fence goes  then fields
-- gives how many went. A fence that was renewed since it was looked at stays: hence a script.
local before, gone = tonumber(ARGV[1]), 0
for i = 2, #ARGV do
    local value = tonumber(redis.call('HGET', KEYS[1], ARGV[i]))
    if value and value < before then
        redis.call('HDEL', KEYS[1], ARGV[i])
        gone = gone + 1
    end
end
return gone
