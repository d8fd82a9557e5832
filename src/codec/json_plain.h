/* SPDX-License-Identifier: Apache-2.0 */
/* json_plain.h: how far a text stands in a JSON string as it is, told eight bytes at a time. */
#ifndef CODEC_JSON_PLAIN_H
#define CODEC_JSON_PLAIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* How many bytes at the front stand in JSON strings as they are, and are ASCII. */
static inline size_t json_plain_size(const char *data, size_t size)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    size_t i = 0;

    /* Eight at a time: a byte that is '"', '\\', below ' ' or not ASCII sets its high bit. The
     * lowest bit that is set is right; a borrow may set others above it. */
    for (; size - i >= 8; i += 8) {
        uint64_t word, quote, escape, hit;

        memcpy(&word, data + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        quote = word ^ ones * '"';
        escape = word ^ ones * '\\';
        hit = ((quote - ones) | (escape - ones) | (word - ones * ' ') | word) & high;
        if (hit)
            return i + (size_t)__builtin_ctzll(hit) / 8;
    }
    while (i < size && (unsigned char)data[i] >= ' ' && (unsigned char)data[i] < 0x80 &&
           data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

#endif
