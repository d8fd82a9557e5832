/* SPDX-License-Identifier: Apache-2.0 */
/* publish_rate.c: events per second and publisher, for the whole instance. */
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "node/node_private.h"

/* Milliseconds of allowance: grows by one a millisecond up to a second's worth, an event costs
 * 1000 / per_second. A batch may overdraw it, so that one larger than a second's worth can pass at
 * all; who overdrew waits until it is paid. */
struct bucket {
    int64_t at_ms;
    double allowance_ms;
    size_t key_size;
    char key[];
};

#define ALLOWANCE_MAX_MS 1000.0

static struct bytes bucket_key(const void *item)
{
    const struct bucket *bucket = item;

    return (struct bytes){bucket->key, bucket->key_size};
}

void publish_rate_init(struct publish_rate *rate, const uint8_t seed[16])
{
    map_init(&rate->buckets, bucket_key, seed);
}

void publish_rate_done(struct publish_rate *rate)
{
    size_t cursor = 0;
    struct bucket *bucket;

    while ((bucket = map_next(&rate->buckets, &cursor)))
        free(bucket);
    map_done(&rate->buckets);
}

static struct bucket *bucket_for(struct publish_rate *rate, struct bytes key, int64_t now_ms)
{
    struct bucket *bucket = map_find(&rate->buckets, key);

    if (bucket)
        return bucket;
    bucket = malloc(sizeof *bucket + key.size);
    if (!bucket)
        return NULL;
    bucket->at_ms = now_ms;
    bucket->allowance_ms = ALLOWANCE_MAX_MS;
    bucket->key_size = key.size;
    if (key.size > 0)
        memcpy(bucket->key, key.data, key.size);
    if (map_insert(&rate->buckets, bucket) < 0) {
        free(bucket);
        return NULL;
    }
    return bucket;
}

static void refill(struct bucket *bucket, int64_t now_ms)
{
    bucket->allowance_ms += (double)(now_ms - bucket->at_ms);
    if (bucket->allowance_ms > ALLOWANCE_MAX_MS)
        bucket->allowance_ms = ALLOWANCE_MAX_MS;
    bucket->at_ms = now_ms;
}

bool publish_rate_take(struct publish_rate *rate, struct bytes key, unsigned count,
                       unsigned per_second, int64_t now_ms, int64_t *ret_wait_ms)
{
    double cost_ms;
    struct bucket *bucket;

    if (per_second == 0)
        return true;
    cost_ms = 1000.0 / per_second;
    bucket = bucket_for(rate, key, now_ms);
    *ret_wait_ms = 1000;
    if (!bucket)
        return false;
    refill(bucket, now_ms);
    if (bucket->allowance_ms < cost_ms) {
        *ret_wait_ms = (int64_t)(cost_ms - bucket->allowance_ms) + 1;
        return false;
    }
    bucket->allowance_ms -= cost_ms * count;
    return true;
}

/* A full bucket is like none. Found first and removed after, since a map may not change under a
 * walk; a few each time are enough, as this runs every second. */
void publish_rate_expire(struct publish_rate *rate, int64_t now_ms)
{
    struct bucket *full[64], *bucket;
    size_t cursor = 0, count = 0;

    while (count < ARRAY_COUNT(full) && (bucket = map_next(&rate->buckets, &cursor))) {
        refill(bucket, now_ms);
        if (bucket->allowance_ms >= ALLOWANCE_MAX_MS)
            full[count++] = bucket;
    }
    while (count > 0) {
        bucket = full[--count];
        map_remove(&rate->buckets, bucket_key(bucket));
        free(bucket);
    }
}
