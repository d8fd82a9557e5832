/* SPDX-License-Identifier: Apache-2.0 */
/* admission.c: counts unauthenticated connections in all and per address, by atomics alone. */
#include "net/admission.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/siphash.h"
#include "mcp_auth/error.h"
#include "net/peer.h"

_Static_assert((ADMISSION_CELLS & (ADMISSION_CELLS - 1)) == 0, "a power of two");

int admission_new(struct admission **ret, unsigned total_max, unsigned per_address_max,
                  const uint8_t seed[16])
{
    struct admission *admission;

    assert(total_max > 0 && per_address_max > 0);
    admission = calloc(1, sizeof *admission);
    if (!admission)
        return MCP_AUTH_E_NOMEM;
    admission->total_max = total_max;
    admission->per_address_max = per_address_max;
    memcpy(admission->seed, seed, sizeof admission->seed);
    *ret = admission;
    return 0;
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    assert(atomic_load(&admission->total) == 0); /* who entered has left */
    free(admission);
}

/* Takes one place of `max`. The count may be over it for a moment while a loser gives its place
 * back, so that somebody else may be refused at the brink; it is never over it in use. */
static bool take(atomic_uint *count, unsigned max)
{
    if (atomic_fetch_add_explicit(count, 1, memory_order_relaxed) < max)
        return true;
    atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);
    return false;
}

static void give_back(atomic_uint *count)
{
    unsigned before = atomic_fetch_sub_explicit(count, 1, memory_order_relaxed);

    assert(before > 0);
    (void)before;
}

/* The count of its address; NULL: it counts in the sum only. */
static atomic_uint *cell_of(struct admission *admission, const struct peer *peer)
{
    struct bytes network = peer_network(peer);

    if (peer_is_local(peer))
        return NULL;
    return &admission->cells[siphash(admission->seed, network.data, network.size) &
                             (ADMISSION_CELLS - 1)];
}

bool admission_enter(struct admission *admission, const struct peer *peer)
{
    atomic_uint *cell = cell_of(admission, peer);

    if (!take(&admission->total, admission->total_max)) {
        atomic_fetch_add_explicit(&admission->refused_total, 1, memory_order_relaxed);
        return false;
    }
    if (cell && !take(cell, admission->per_address_max)) {
        give_back(&admission->total);
        atomic_fetch_add_explicit(&admission->refused_address, 1, memory_order_relaxed);
        return false;
    }
    return true;
}

void admission_leave(struct admission *admission, const struct peer *peer)
{
    atomic_uint *cell = cell_of(admission, peer);

    give_back(&admission->total);
    if (cell)
        give_back(cell);
}

unsigned admission_count(const struct admission *admission)
{
    return atomic_load_explicit(&admission->total, memory_order_relaxed);
}

unsigned long long admission_refused_total(const struct admission *admission)
{
    return atomic_load_explicit(&admission->refused_total, memory_order_relaxed);
}

unsigned long long admission_refused_address(const struct admission *admission)
{
    return atomic_load_explicit(&admission->refused_address, memory_order_relaxed);
}
