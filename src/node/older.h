/* SPDX-License-Identifier: Apache-2.0 */
/* older.h: answers who resumes from before the history here by what the stream still has. */
#ifndef NODE_OLDER_H
#define NODE_OLDER_H

#include "base/list.h"
#include "history/history.h"
#include "hub/hub.h"

/* One thread's own (the bus thread), and no I/O. One read is under way at a time, so that what is
 * published waits for one slice at most, however many come back after an outage. A slice that was
 * read answers one request; the hub asks for the next, from the history as soon as it has it. */

/* Part of a request that waits; container_of finds it. */
struct older_item {
    struct list in_order;
    struct resume_request request; /* its keys live as long as this waits */
};

struct older_port {
    /* Asks for the entries from `from_n` on, `count` at most; false: it cannot be asked now. */
    bool (*read)(void *owner, uint64_t from_n, unsigned count, uint64_t ticket);
    /* The item is its owner's again; the answer is borrowed until this returns. */
    void (*answer)(void *owner, struct older_item *item, const struct resume_answer *answer);
    void *owner;
};

struct older {
    struct older_port port;
    const struct history *history;
    struct list waiting; /* the first is being read for, if any */
    unsigned waiting_count;
    uint64_t ticket, from_n;
    bool reading;
};

void older_init(struct older *older, const struct history *history, const struct older_port *port);
/* Takes the item, with its request filled in; answers some time. False: what it asks for is not
 * older than the history but lost, or too far away, or too many wait. */
MUST_CHECK bool older_ask(struct older *older, struct older_item *item);
/* What was read; a ticket of before older_forget is passed over. */
void older_take(struct older *older, uint64_t ticket, const struct entry *entries, unsigned count);
/* The stream is away, or this instance stops: who waits is told that the position is lost. */
void older_forget(struct older *older);

#endif
