/* SPDX-License-Identifier: Apache-2.0 */
/* past.h: a page of the history, asked for by a worker and read by the bus thread in slices. */
#ifndef NODE_PAST_H
#define NODE_PAST_H

#include "model/filter.h"
#include "node/node.h"

/* All borrowed until past_new returns. */
struct past_query {
    struct bytes tenant;   /* absent: of all tenants */
    struct bytes user;     /* user_id or target_user_id; absent: any */
    struct filter *filter; /* taken by past_new on success; NULL passes everything */
    bool has_after;        /* else from the oldest that is kept */
    struct position after;
    int64_t since_ms, until_ms; /* since_ms <= t < until_ms */
    unsigned limit;             /* 1.. */
};

enum past_result {
    PAST_PAGE, /* the entries, oldest first; and has_next when there is more behind them */
    PAST_LOST, /* what was after the position is no longer kept, or it is of another history */
};

/* Node's from node_past until `done` is called, in the thread of the hub that asked. */
struct past {
    struct note note; /* first; private */
    struct past_query query;
    enum past_result result;
    struct entry *entries; /* a reference on each event */
    unsigned count;
    size_t bytes;   /* of their JSON */
    uint64_t epoch; /* of their positions */
    bool has_next;
    struct position next;
    unsigned hub;                                 /* index of the asker's hub */
    void (*done)(struct past *past, void *owner); /* takes it back */
    void *owner;
    slot_handle asker;
    /* private */
    struct node *node;
    bool begun;
    uint64_t at; /* everything up to here was looked at */
    char text[];
};

MUST_CHECK int past_new(struct past **ret, const struct past_query *query);
void past_free(struct past *past);
/* Thread any that has attached a hub; never waits. */
void node_past(struct node *node, struct past *past);

#endif
