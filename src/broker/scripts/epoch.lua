-- SPDX-License-Identifier: Apache-2.0
-- epoch.lua: begins another epoch, if nobody else has begun one.
--
-- KEYS  1 epoch
-- ARGV  1 the one that lost its tail  2 the new one
-- gives the epoch that holds from now on; nil when there is none.
if redis.call('HGET', KEYS[1], 'epoch') == ARGV[1] then
    redis.call('HSET', KEYS[1], 'epoch', ARGV[2])
end
return redis.call('HGET', KEYS[1], 'epoch')
