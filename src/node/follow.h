/* SPDX-License-Identifier: Apache-2.0 */
/* follow.h: where this instance stands in the stream: what is past, what is lost, what is news. */
#ifndef NODE_FOLLOW_H
#define NODE_FOLLOW_H

#include "node/degraded.h"

/* The bus thread's own, and no I/O. */
struct follow {
    struct broadcast *broadcast;
    struct degraded *degraded;
    int (*reserve)(void *owner, size_t count); /* as in degraded_port */
    void *owner;
    int64_t started_wall_ms;
    /* private */
    bool past;               /* entries are history only, until past_upto_n at the latest */
    bool reload;             /* all of them up to there */
    enum rebase_kind rebase; /* for the hubs, when the past is over */
    uint64_t past_upto_n;
    struct position last; /* the last entry; its epoch is the stream's */
};

/* As broker_port.on_stand and on_entry: MCP_AUTH_E_NOMEM, and nothing was done. */
MUST_CHECK int follow_stand(struct follow *follow, const struct broker_stand *stand);
MUST_CHECK int follow_entry(struct follow *follow, const struct entry *entry, struct now now);
/* As broker_port.known. */
bool follow_known(const struct follow *follow, uint64_t n, uint64_t *ret_check);

#endif
