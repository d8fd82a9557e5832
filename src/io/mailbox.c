/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.c: a stack that many push and one empties, and a bell rung only when it was empty. */
#include "io/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "mcp_auth/error.h"

/* How no wake is lost, in any memory model of C11:
 *
 * A put links its note in by one compare-and-swap on `top`; a take empties `top` by one
 * exchange. All of them are read-modify-writes of one object, so they have one order.
 *
 *   - Who puts on an empty stack rings afterwards. Who puts on a stack that is not relies on
 *     the one who put its lowest note, whose ring has come or will come.
 *   - A take silences the bell first and empties the stack second. A note put before the
 *     exchange is taken by it, so it does not matter if its ring was silenced. A note put
 *     after it found the stack empty (or lies on one that did) and so rings after the
 *     exchange, hence after the silence: that ring stays.
 *
 * The last step needs "silence, then exchange, then swap, then ring" to hold across threads:
 * the exchange releases and the swap acquires. The other way round, the swap releases the
 * note's contents and the exchange acquires them; swaps in between continue the release
 * sequence, so one exchange sees the contents of every note. Both are therefore acq_rel. On
 * x86 that costs nothing; on arm64 the plain variants would let the reset move past the
 * exchange.
 *
 * ABA does no harm: a swap only needs that `top` is what the new note points at, and nobody
 * takes a single note. */

int mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->top, NULL);
    mailbox->first = mailbox->last = NULL;
    mailbox->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return mailbox->bell < 0 ? MCP_AUTH_E_SYSTEM : 0;
}

void mailbox_done(struct mailbox *mailbox)
{
    if (!mailbox || mailbox->bell < 0)
        return;
    assert(!mailbox->first && !atomic_load_explicit(&mailbox->top, memory_order_relaxed));
    close(mailbox->bell);
    mailbox->bell = -1;
}

static void bell_ring(int bell)
{
    const uint64_t one = 1;
    ssize_t r;

    do
        r = write(bell, &one, sizeof one);
    while (r < 0 && errno == EINTR);
    /* EAGAIN would mean a counter of 2^64 - 2: it rings already. Any other failure means that
     * a descriptor was closed under us, and the owner would sleep for ever. */
    if (r < 0 && errno != EAGAIN)
        abort();
}

static void bell_silence(int bell)
{
    uint64_t rings;
    ssize_t r;

    do
        r = read(bell, &rings, sizeof rings);
    while (r < 0 && errno == EINTR);
    if (r < 0 && errno != EAGAIN) /* EAGAIN: it did not ring */
        abort();
}

bool mailbox_put_quietly(struct mailbox *mailbox, struct note *note)
{
    struct note *top = atomic_load_explicit(&mailbox->top, memory_order_relaxed);

    assert(note->run);
    do
        note->next = top;
    while (!atomic_compare_exchange_weak_explicit(&mailbox->top, &top, note, memory_order_acq_rel,
                                                  memory_order_relaxed));
    /* The note is the receiver's now and may be gone already. */
    return !top;
}

void mailbox_ring(struct mailbox *mailbox)
{
    bell_ring(mailbox->bell);
}

void mailbox_put(struct mailbox *mailbox, struct note *note)
{
    if (mailbox_put_quietly(mailbox, note))
        bell_ring(mailbox->bell);
}

int mailbox_fd(const struct mailbox *mailbox)
{
    return mailbox->bell;
}

/* Moves what was put behind what was taken earlier. */
static void mailbox_collect(struct mailbox *mailbox)
{
    struct note *newest, *oldest = NULL;

    bell_silence(mailbox->bell);
    newest = atomic_exchange_explicit(&mailbox->top, NULL, memory_order_acq_rel);
    if (!newest)
        return;

    for (struct note *note = newest, *next; note; note = next) {
        next = note->next;
        note->next = oldest;
        oldest = note;
    }
    if (mailbox->first)
        mailbox->last->next = oldest;
    else
        mailbox->first = oldest;
    mailbox->last = newest;
    assert(!newest->next);
}

struct note *mailbox_take(struct mailbox *mailbox)
{
    struct note *first;

    mailbox_collect(mailbox);
    first = mailbox->first;
    mailbox->first = mailbox->last = NULL;
    return first;
}

bool mailbox_run(struct mailbox *mailbox, void *context, unsigned at_most)
{
    /* Once: a note put by a note waits, so that two of them cannot keep the loop here, and no
     * second system call is spent to learn that nothing came. */
    mailbox_collect(mailbox);
    while (mailbox->first && at_most-- > 0) {
        struct note *note = mailbox->first;

        mailbox->first = note->next;
        if (!mailbox->first)
            mailbox->last = NULL;
        note->run(note, context);
    }
    return mailbox->first != NULL;
}
