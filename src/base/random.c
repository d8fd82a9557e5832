/* SPDX-License-Identifier: Apache-2.0 */
/* random.c: random bytes from the kernel, and ids made of them; tests give a seed instead. */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static void kernel_fill(void *owner, void *data, size_t size)
{
    char *p = data;

    (void)owner;
    while (size > 0) {
        ssize_t got = getrandom(p, size, 0);

        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* never go on with guessable ids, also where asserts are off */
        }
        p += got;
        size -= (size_t)got;
    }
}

const struct random random_kernel = {kernel_fill, NULL};

#define POOL_SIZE 320u /* of 32 ids */

static _Thread_local struct {
    uint8_t bytes[POOL_SIZE];
    size_t left;
} pool;

void random_forked(void)
{
    pool.left = 0;
}

static void pooled_fill(void *owner, void *data, size_t size)
{
    assert(size <= POOL_SIZE);
    if (pool.left < size) {
        kernel_fill(owner, pool.bytes, POOL_SIZE);
        pool.left = POOL_SIZE;
    }
    pool.left -= size;
    memcpy(data, pool.bytes + pool.left, size);
}

const struct random random_pooled = {pooled_fill, NULL};

/* SplitMix64 (Steele, Lea and Flood, 2014). */
static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void seeded_fill(void *owner, void *data, size_t size)
{
    uint8_t *p = data;

    while (size > 0) {
        uint64_t word = splitmix64(owner);

        /* Low byte first, so that a seed means the same bytes on every machine. */
        for (int i = 0; i < 8 && size > 0; i++, size--, word >>= 8)
            *p++ = (uint8_t)word;
    }
}

struct random random_seeded(uint64_t *state)
{
    return (struct random){seeded_fill, state};
}

void uuid7(const struct random *random, int64_t wall_ms, char ret[UUID_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint64_t ms = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    uint8_t id[16];
    char *p = ret;

    for (int i = 0; i < 6; i++)
        id[i] = (uint8_t)(ms >> (40 - 8 * i)); /* unix_ts_ms, 48 bits, big-endian */
    random->fill(random->owner, id + 6, 10);
    id[6] = (id[6] & 0x0f) | 0x70; /* ver 7 */
    id[8] = (id[8] & 0x3f) | 0x80; /* var 10 */

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id[i] >> 4];
        *p++ = hex[id[i] & 15];
    }
}
