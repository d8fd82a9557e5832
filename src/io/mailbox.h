/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.h: the one door into a thread: notes from any thread, in order, without a lock. */
#ifndef IO_MAILBOX_H
#define IO_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/compiler.h"

/* Part of what is handed over; container_of finds it. From mailbox_put on it belongs to the
 * receiver, whose thread calls run, which frees the note or uses it again. */
struct note {
    struct note *next;
    void (*run)(struct note *note, void *context);
    bool urgent; /* its receiver may run it before others that came earlier */
};

/* It has no ceiling of its own: whoever puts notes bounds how many of them are on their way. */
struct mailbox {
    _Atomic(struct note *) top; /* the newest first; shared by all threads */
    /* Keeps `top` off the cache line of what follows, which putting would take away from the
     * owner. Plain bytes and not an alignment, which a heap object around us would not have. */
    char apart[64 - sizeof(struct note *)];
    struct note *first, *last; /* taken and not yet run, the oldest first; the owner's */
    int bell;                  /* eventfd; never changes between init and done */
};

/* MCP_AUTH_E_SYSTEM (errno says why). mailbox_done takes also what failed to init. */
MUST_CHECK int mailbox_init(struct mailbox *mailbox);
/* No thread may put any more, and everything must have been taken. */
void mailbox_done(struct mailbox *mailbox);

/* Thread any. Never blocks and never fails. Notes of one thread run in the order it put them;
 * what it wrote before is visible to run. */
void mailbox_put(struct mailbox *mailbox, struct note *note);
/* The same, but when it returns true the caller owes the receiver a mailbox_ring, and soon: others
 * who put meanwhile rely on it. For who puts many at a time. */
MUST_CHECK bool mailbox_put_quietly(struct mailbox *mailbox, struct note *note);
void mailbox_ring(struct mailbox *mailbox);

/* The rest is for the owner's thread only. */

/* Readable (EPOLLIN) from a put until the next take or run. */
int mailbox_fd(const struct mailbox *mailbox);
/* Everything that waits, oldest first, linked by `next`; NULL when nothing does. */
MUST_CHECK struct note *mailbox_take(struct mailbox *mailbox);
/* Runs up to at_most notes. True when some remain: then do not sleep, and run again. Notes put
 * by those that run wait for the next call. */
MUST_CHECK bool mailbox_run(struct mailbox *mailbox, void *context, unsigned at_most);

#endif
