/* SPDX-License-Identifier: Apache-2.0 */
/* authority.h: what tokens that are alike allow, kept once for all sessions that have it. */
#ifndef HUB_AUTHORITY_H
#define HUB_AUTHORITY_H

#include "base/map.h"
#include "hub/audience_index.h"
#include "model/identity.h"

/* Ten thousand users share a handful of these. It stands in the index under each of its keys, and
 * its sessions stand in it, so that a session costs one place however many roles it has. */
struct authority {
    /* What a fan-out looks at is one line of the cache. */
    struct session **sessions; /* in no order; `first` while there is one at most */
    struct session *first;
    uint32_t sessions_count, sessions_room;
    uint64_t visited; /* the fan-out that met it last */
    unsigned held;    /* by who walks it: see authority_hold */
    bool admin;
    struct claims claims; /* tenant, roles, permissions, who vouched; nothing of a person */
    struct authority_table *table;
    struct bytes key; /* all of the above as one text */
    unsigned members_count;
    struct member members[];
};

struct authority_table {
    struct map authorities;
    struct audience_index *index;
    char *scratch; /* for keys */
};

MUST_CHECK int authority_table_init(struct authority_table *table, struct audience_index *index,
                                    const uint8_t seed[16]);
void authority_table_done(struct authority_table *table); /* everybody must have left (assert) */

/* The authority of this identity, made and entered in the index if it is new; held, and with room
 * for one session more. MCP_AUTH_E_NOMEM. */
MUST_CHECK int authority_take(struct authority_table *table, const struct identity *identity,
                              struct authority **ret);
/* While held it stays, though its last session leaves. */
void authority_hold(struct authority *authority);
void authority_release(struct authority *authority);
/* session->authority and ->place; the room was made by authority_take. */
void authority_add(struct authority *authority, struct session *session);
void authority_remove(struct session *session);

#endif
