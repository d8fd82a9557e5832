/* SPDX-License-Identifier: Apache-2.0 */
/* json_plain.h: how far a text stands in a JSON string as it is, told eight bytes at a time. */
#ifndef CODEC_JSON_PLAIN_H
#define CODEC_JSON_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of eight bytes: one that is '"', '\\', below ' ' or not ASCII sets its high bit. The lowest bit
 * that is set is right; a borrow may set others above it. */
static inline uint64_t json_not_plain(const char *data)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t word, quote, escape;

    memcpy(&word, data, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    quote = word ^ ones * '"';
    escape = word ^ ones * '\\';
    return ((quote - ones) | (escape - ones) | (word - ones * ' ') | word) & high;
}

/* How many bytes at the front stand in JSON strings as they are, and are ASCII. */
static inline size_t json_plain_size(const char *data, size_t size)
{
    size_t i = 0;

    for (; size - i >= 8; i += 8) {
        uint64_t hit = json_not_plain(data + i);

        if (hit)
            return i + (size_t)__builtin_ctzll(hit) / 8;
    }
    if (i > 0 && i < size) { /* the last eight: some of them again */
        uint64_t hit = json_not_plain(data + size - 8);

        return hit ? size - 8 + (size_t)__builtin_ctzll(hit) / 8 : size;
    }
    while (i < size && (unsigned char)data[i] >= ' ' && (unsigned char)data[i] < 0x80 &&
           data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

#endif
