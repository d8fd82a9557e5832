/* SPDX-License-Identifier: Apache-2.0 */
/* close_count.h: how WebSocket connections ended: who closed, and with which code. */
#ifndef NET_CLOSE_COUNT_H
#define NET_CLOSE_COUNT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/codes.h"

/* NOBODY: the connection was lost, or cut, without a close frame of either side. */
enum closer { CLOSER_SERVER, CLOSER_CLIENT, CLOSER_NOBODY, CLOSERS };

/* A peer may send any of 4,000 codes: those that mean nothing to us count as classes, so that no
 * peer can make a table, or a scrape, grow. */
#define CLOSE_COUNT_ROWS (CLOSE_REASONS + 14u)

/* Thread any. */
struct close_counts {
    atomic_ullong rows[CLOSE_COUNT_ROWS];
};

void close_count(struct close_counts *counts, enum closer by, uint16_t code);

struct close_counted {
    const char *by, *code;
    unsigned long long count;
};
/* Row `i` of CLOSE_COUNT_ROWS; false: it says the same as one before it. */
bool close_counted(const struct close_counts *counts, unsigned i, struct close_counted *ret);

const char *closer_text(enum closer by);

#endif
