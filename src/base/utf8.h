/* SPDX-License-Identifier: Apache-2.0 */
/* utf8.h: incremental UTF-8 check (RFC 3629), byte by byte, any split. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed: at a character boundary. */
struct utf8 {
    uint8_t need;      /* continuation bytes still to come, 0..3 */
    uint8_t low, high; /* what the next continuation byte may be */
};

/* False at the first byte that can be part of no valid text; the state is then spent. */
bool utf8_feed(struct utf8 *state, const void *data, size_t size);
static inline bool utf8_complete(const struct utf8 *state)
{
    return state->need == 0;
}
bool utf8_valid(const void *data, size_t size);

#endif
