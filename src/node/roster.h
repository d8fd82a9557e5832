/* SPDX-License-Identifier: Apache-2.0 */
/* roster.h: a page of the live connections, or their number, gathered by one note from hub to hub. */
#ifndef NODE_ROSTER_H
#define NODE_ROSTER_H

#include "base/strbuf.h"
#include "node/node.h"

/* A worker answers for its own sessions and passes the note on, so nothing is locked and nobody
 * waits. Who comes or goes meanwhile may be missed; nobody is told twice in one page. */
struct roster {
    struct note note; /* first; private */
    bool any_tenant;
    struct bytes tenant, user; /* user absent: any */
    unsigned limit;            /* 1.. */
    bool only_count;           /* no page: how many there are in all */
    bool others;               /* a hub has met another tenant than this; not with any_tenant */
    unsigned at_hub;           /* where to go on: 0 and 0 at first; with has_next, the next page */
    uint32_t at_place;
    bool has_next;
    struct strbuf json; /* objects with commas between */
    unsigned count;
    unsigned hub;                                     /* index of the asker's hub */
    void (*done)(struct roster *roster, void *owner); /* takes it back */
    void *owner;
    slot_handle asker;
    /* private */
    struct node *node;
    char text[];
};

/* Copies tenant and user. MCP_AUTH_E_NOMEM. */
MUST_CHECK int roster_new(struct roster **ret, struct bytes tenant, struct bytes user);
void roster_free(struct roster *roster);
/* Thread any that has attached a hub; never waits. */
void node_roster(struct node *node, struct roster *roster);

#endif
