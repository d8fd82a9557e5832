/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_redis.c: any bytes as a Redis server's answers: within the ceilings, and the same in pieces. */
#include <stdint.h>
#include <stdlib.h>

#include "codec/redis.h"
#include "mcp_auth/error.h"

/* __builtin_trap and not assert: it must hold in every build. */
#define HOLD(condition)       \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static const struct redis_limits limits = {.bytes_max = 4096,
                                           .piece_max = 1024,
                                           .elements_max = 256};

struct sum {
    size_t replies;
    uint64_t hash;
    int end;
};

static void mix(struct sum *sum, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        sum->hash = (sum->hash ^ bytes[i]) * 0x100000001b3;
}

/* Touches all of it: the sanitizer judges whether it is there. */
static void take(struct sum *sum, const struct redis_reply *reply, unsigned depth,
                 struct redis_limits *left)
{
    int type = (int)reply->type;

    mix(sum, &type, sizeof type);
    mix(sum, &reply->integer, sizeof reply->integer);
    mix(sum, reply->text.data, reply->text.size);
    HOLD(reply->text.size <= limits.piece_max && reply->text.size <= left->bytes_max);
    left->bytes_max -= reply->text.size;
    HOLD(depth <= REDIS_DEPTH_MAX && reply->count <= left->elements_max);
    left->elements_max -= reply->count;
    for (size_t i = 0; i < reply->count; i++)
        take(sum, &reply->elements[i], depth + 1, left);
}

static struct sum read_all(const uint8_t *data, size_t size, size_t step)
{
    struct sum sum = {.hash = 14695981039346656037u};
    const struct redis_reply *reply;
    struct redis_reader *reader;
    int r;

    r = redis_reader_new(&reader, &limits);
    HOLD(r == 0);
    for (size_t at = 0; at < size && r >= 0; at += step) {
        r = redis_reader_feed(reader, data + at, size - at < step ? size - at : step);
        while (r >= 0 && (r = redis_reader_next(reader, &reply)) == 1) {
            struct redis_limits left = limits;

            take(&sum, reply, 0, &left);
            sum.replies++;
        }
        HOLD(redis_reader_bytes(reader) < 1u << 20);
    }
    sum.end = r;
    if (r < 0)
        HOLD(redis_reader_next(reader, &reply) == r);
    redis_reader_free(reader);
    return sum;
}

/* The first byte is the size of the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum whole, pieces;

    if (size < 2)
        return 0;
    whole = read_all(data + 1, size - 1, size);
    pieces = read_all(data + 1, size - 1, (size_t)data[0] + 1);
    HOLD(whole.replies == pieces.replies && whole.hash == pieces.hash);
    HOLD((whole.end < 0) == (pieces.end < 0));
    return 0;
}
