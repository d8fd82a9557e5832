/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.c: incremental UTF-8 check (RFC 3629), byte by byte, any split. */
#include "base/utf8.h"

#include <string.h>

#define HIGH_BITS 0x8080808080808080u

/* The first byte of a character of several bytes (RFC 3629 section 4). The range of the second
 * byte is where overlong forms, surrogates and what lies beyond U+10FFFF are refused. */
static bool utf8_begin(struct utf8 *state, uint8_t byte)
{
    state->low = 0x80;
    state->high = 0xbf;
    if (byte < 0xc2) /* a continuation byte, or an overlong form of ASCII */
        return false;
    if (byte < 0xe0) {
        state->need = 1;
    } else if (byte < 0xf0) {
        state->need = 2;
        if (byte == 0xe0)
            state->low = 0xa0;
        else if (byte == 0xed)
            state->high = 0x9f;
    } else if (byte < 0xf5) {
        state->need = 3;
        if (byte == 0xf0)
            state->low = 0x90;
        else if (byte == 0xf4)
            state->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

bool utf8_feed(struct utf8 *state, const void *data, size_t size)
{
    const uint8_t *p = data;
    size_t i = 0;

    while (i < size) {
        if (state->need > 0) {
            if (p[i] < state->low || p[i] > state->high)
                return false;
            state->need--;
            state->low = 0x80;
            state->high = 0xbf;
            i++;
            continue;
        }
        /* Nearly all of our text is ASCII: eight bytes at a time. */
        while (size - i >= 8) {
            uint64_t word;

            memcpy(&word, p + i, sizeof word);
            if (word & HIGH_BITS)
                break;
            i += 8;
        }
        while (i < size && p[i] < 0x80)
            i++;
        if (i == size)
            break;
        if (!utf8_begin(state, p[i]))
            return false;
        i++;
    }
    return true;
}

bool utf8_valid(const void *data, size_t size)
{
    struct utf8 state = {0};

    return utf8_feed(&state, data, size) && utf8_complete(&state);
}
