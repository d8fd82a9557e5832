/* SPDX-License-Identifier: Apache-2.0 */
/* admission.h: how many connections may be here that have not shown who they are. */
#ifndef NET_ADMISSION_H
#define NET_ADMISSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

struct peer;

/* Addresses are counted in cells found by a keyed hash, not in a table of addresses: it needs no
 * lock and cannot be made to grow. Two addresses in one cell share its ceiling; with 16,384
 * connections at 1,024 a cell at most 16 of 65,536 cells are full at a time, so a stranger is
 * wrongly refused with a chance of one in 4,096, and nobody can choose whom. 256 KiB. */
#define ADMISSION_CELLS 65536u

/* Shared by all workers; thread any. */
struct admission {
    atomic_uint total;
    atomic_ullong refused_total, refused_address; /* by which of the two ceilings */
    unsigned total_max, per_address_max;
    uint8_t seed[16];
    atomic_uint cells[ADMISSION_CELLS];
};

MUST_CHECK int admission_new(struct admission **ret, unsigned total_max, unsigned per_address_max,
                             const uint8_t seed[16]);
void admission_free(struct admission *admission);
/* False when there is no place. IPv6 addresses count by their /64, which is what one household
 * gets; loopback peers and Unix sockets count in the sum only, for a proxy there speaks for many. */
MUST_CHECK bool admission_enter(struct admission *admission, const struct peer *peer);
/* Gives back the place of one that entered; once. Its cell is found by its address again. */
void admission_leave(struct admission *admission, const struct peer *peer);
unsigned admission_count(const struct admission *admission);
/* Who was refused so far: for want of a place at all, and of one for their address. */
unsigned long long admission_refused_total(const struct admission *admission);
unsigned long long admission_refused_address(const struct admission *admission);

#endif
