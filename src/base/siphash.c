/* SPDX-License-Identifier: Apache-2.0 */
/* siphash.c: SipHash-2-4 (Aumasson and Bernstein, 2012), a keyed hash for tables and checks. */
#include "base/siphash.h"

#include <string.h>

struct siphash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline uint64_t load_little(const uint8_t *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

static inline void siphash_round(struct siphash *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void siphash_word(struct siphash *s, uint64_t word)
{
    s->v3 ^= word;
    siphash_round(s);
    siphash_round(s);
    s->v0 ^= word;
}

uint64_t siphash(const uint8_t key[16], const void *data, size_t size)
{
    uint64_t k0 = load_little(key), k1 = load_little(key + 8);
    uint64_t last = (uint64_t)size << 56; /* the paper's final word: size mod 256, then the rest */
    const uint8_t *p = data;
    struct siphash s = {
        k0 ^ 0x736f6d6570736575u, /* "somepseudorandomlygeneratedbytes", as the paper has it */
        k1 ^ 0x646f72616e646f6du,
        k0 ^ 0x6c7967656e657261u,
        k1 ^ 0x7465646279746573u,
    };
    size_t at = 0;

    for (; size - at >= 8; at += 8)
        siphash_word(&s, load_little(p + at));
    for (unsigned i = 0; at < size; at++, i++)
        last |= (uint64_t)p[at] << (8 * i);
    siphash_word(&s, last);

    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        siphash_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
