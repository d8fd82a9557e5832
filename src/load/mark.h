/* SPDX-License-Identifier: Apache-2.0 */
/* mark.h: the id of an event of a load, which says all that its receiver must know. */
#ifndef LOAD_MARK_H
#define LOAD_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* "bench-" RUN "." LANE AUDIENCE ORDINAL DUE, in hexadecimal digits of fixed width (16, 2, 6, 8 and
 * 12), within the 64 bytes that an id may have. So no table of events is kept, however many there
 * are, and a receiver finds everything at fixed places. */
#define MARK_PREFIX_SIZE (6u + 16u + 1u)
#define MARK_SIZE (MARK_PREFIX_SIZE + 2u + 6u + 8u + 12u)
#define MARK_AUDIENCES_MAX (1u << 24)

struct mark {
    unsigned lane;     /* the publishing connection: what one sends keeps its order */
    unsigned audience; /* whom it is for */
    uint32_t ordinal;  /* the n-th of this lane for this audience, from 1 */
    uint64_t due_ns;   /* when it should have been sent, since the start; 48 bits are 78 hours */
};

void mark_prefix(uint64_t run, char ret[MARK_PREFIX_SIZE]);
void mark_write(const char prefix[MARK_PREFIX_SIZE], const struct mark *mark, char ret[MARK_SIZE]);
/* False for an id that is not of this run. What is in it came from outside: check the numbers. */
bool mark_read(const char prefix[MARK_PREFIX_SIZE], struct bytes id, struct mark *ret);

#endif
