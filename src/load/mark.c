/* SPDX-License-Identifier: Apache-2.0 */
/* mark.c: the id of an event of a load, which says all that its receiver must know. */
#include "load/mark.h"

#include <assert.h>

static char *put_hex(char *place, uint64_t value, unsigned digits)
{
    for (unsigned i = digits; i-- > 0; value >>= 4)
        place[i] = "0123456789abcdef"[value & 15];
    assert(value == 0);
    return place + digits;
}

/* Moves *place on; false at what is no digit of ours. */
static bool take_hex(const char **place, unsigned digits, uint64_t *ret)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < digits; i++) {
        char c = (*place)[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;

        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *place += digits;
    *ret = value;
    return true;
}

void mark_prefix(uint64_t run, char ret[MARK_PREFIX_SIZE])
{
    memcpy(ret, "bench-", 6);
    *put_hex(ret + 6, run, 16) = '.';
}

void mark_write(const char prefix[MARK_PREFIX_SIZE], const struct mark *mark, char ret[MARK_SIZE])
{
    char *place = ret + MARK_PREFIX_SIZE;

    memcpy(ret, prefix, MARK_PREFIX_SIZE);
    place = put_hex(place, mark->lane, 2);
    place = put_hex(place, mark->audience, 6);
    place = put_hex(place, mark->ordinal, 8);
    place = put_hex(place, mark->due_ns, 12);
    assert(place == ret + MARK_SIZE);
}

bool mark_read(const char prefix[MARK_PREFIX_SIZE], struct bytes id, struct mark *ret)
{
    const char *place = id.data + MARK_PREFIX_SIZE;
    uint64_t lane, audience, ordinal, due_ns;

    if (id.size != MARK_SIZE || memcmp(id.data, prefix, MARK_PREFIX_SIZE) != 0)
        return false;
    if (!take_hex(&place, 2, &lane) || !take_hex(&place, 6, &audience) ||
        !take_hex(&place, 8, &ordinal) || !take_hex(&place, 12, &due_ns))
        return false;
    *ret = (struct mark){(unsigned)lane, (unsigned)audience, (uint32_t)ordinal, due_ns};
    return true;
}
