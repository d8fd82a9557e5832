/* SPDX-License-Identifier: Apache-2.0 */
/* rebase.c: the stream goes on at another place than behind what this hub was told last. */
#include "hub/session.h"

/* Who may see something else today than at first may have seen what is gone. */
static bool has_lost(const struct session *s, enum rebase_kind kind)
{
    return kind == REBASE_LOST || (session_hub(s)->gone && s->changed);
}

static void rebase_live(struct session *s, enum rebase_kind kind)
{
    if (session_is_ahead(s)) {
        ahead_rebase(s, kind);
        return;
    }
    if (s->extras)
        s->extras->skip_to = 0; /* numbers may come a second time */
    if (s->kind != SESSION_PLAIN && has_lost(s, kind))
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
    hub->gone = false;
    hub_relieve(hub);
}
