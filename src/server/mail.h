/* SPDX-License-Identifier: Apache-2.0 */
/* mail.h: a worker's notes: which run in this turn, and when the clients are served before more. */
#ifndef SERVER_MAIL_H
#define SERVER_MAIL_H

#include "io/mailbox.h"
#include "net/net.h"

/* Taken and not yet run, oldest first. */
struct mail_queue {
    struct note *first, *last; /* last: means something unless first is NULL */
};

/* All zero: empty. */
struct mail {
    struct mail_queue urgent, others;
    const struct note *batch_last; /* NULL: no batch is in progress */
    size_t bytes_before;           /* of the frame log, when everybody had been served */
    uint64_t served_upto;          /* while `full`: see net_has_served */
    bool full;                     /* as much news waits as outboxes may hold */
};

/* Once in a turn. Runs urgent notes, and of the others as many as are good for one turn. What was
 * there together is one batch; until it ends, or is `full`, nobody shall be told any of its news, so
 * that all of them leave in one send. False: there was no note. */
bool mail_read(struct mail *mail, struct mailbox *mailbox, struct net *net);

/* May the clients be told the news now? */
static inline bool mail_lets_serve(const struct mail *mail)
{
    return !mail->batch_last;
}

/* Are notes left for another turn? */
static inline bool mail_waits(const struct mail *mail)
{
    return mail->others.first || mail->urgent.first;
}

#endif
