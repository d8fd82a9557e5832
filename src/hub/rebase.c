/* SPDX-License-Identifier: Apache-2.0 */
/* rebase.c: the stream goes on at another place than behind what this hub was told last. */
#include "hub/session.h"

static void rebase_live(struct session *s, enum rebase_kind kind)
{
    if (session_is_ahead(s)) {
        ahead_rebase(s, kind);
        return;
    }
    if (s->extras)
        s->extras->skip_to = 0; /* numbers may come a second time */
    if (kind == REBASE_LOST && s->kind != SESSION_PLAIN)
        session_close(s, CLOSE_EPOCH_CHANGED, -1);
}

void hub_rebase(struct hub *hub, const struct position *head, enum rebase_kind kind)
{
    struct session *s;
    uint32_t place = 0;

    hub->head = *head;
    hub->ahead_n = UINT64_MAX;
    atomic_store_explicit(&hub->counters.head_n, head->n, memory_order_relaxed);
    while ((s = slab_next(&hub->sessions, &place))) {
        if (s->state == SESSION_LIVE)
            rebase_live(s, kind);
        else if (s->state == SESSION_CATCHUP)
            catchup_rebase(s, kind);
    }
    hub_relieve(hub);
}
