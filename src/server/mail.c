/* SPDX-License-Identifier: Apache-2.0 */
/* mail.c: a worker's notes: which run in this turn, and when the clients are served before more. */
#include "server/mail.h"

#include <assert.h>

#include "model/limits.h"

/* Notes run in one turn: at a few microseconds each, a millisecond or two. */
#define MAIL_BUDGET 512u
/* And receivers found in one turn, at 60 to 100 ns each. One event may have more than that. */
#define MAIL_RECEIVERS 8192u
/* New frames after which the clients are served before more news is read. It must stay well under
 * OUTBOX_BYTES_MAX, so that nobody who reads well is taken for slow: a frame log grows by
 * SEGMENT_SIZE, or by one large event, before we see it. */
#define MAIL_BYTES (64u * 1024u)
_Static_assert(MAIL_BYTES + SEGMENT_SIZE + EVENT_SIZE_MAX < OUTBOX_BYTES_MAX, "room to spare");

static void push(struct mail_queue *queue, struct note *note)
{
    note->next = NULL;
    if (queue->first)
        queue->last->next = note;
    else
        queue->first = note;
    queue->last = note;
}

static void take(struct mail *mail, struct mailbox *mailbox)
{
    struct note *note = mailbox_take(mailbox), *next;

    for (; note; note = next) {
        next = note->next;
        push(note->urgent ? &mail->urgent : &mail->others, note);
    }
}

static void run_first(struct mail_queue *queue, struct net *net)
{
    struct note *note = queue->first;
    struct hub *hub = net_hub(net);

    queue->first = note->next;
    note->run(note, hub);
    (void)hub_advance(hub, net_begin(net)); /* counts */
}

static size_t frame_bytes(const struct net *net)
{
    return (size_t)atomic_load_explicit(&hub_counters(net_hub(net))->frame_log_bytes,
                                        memory_order_relaxed);
}

static unsigned long long receivers(const struct net *net)
{
    return atomic_load_explicit(&hub_counters(net_hub(net))->frames_sent, memory_order_relaxed);
}

/* Does the log hold so much more than when everybody had been served? */
static bool has_grown(struct mail *mail, const struct net *net, size_t by)
{
    size_t bytes = frame_bytes(net);

    if (bytes < mail->bytes_before)
        mail->bytes_before = bytes; /* somebody's backlog went */
    return bytes >= mail->bytes_before + by;
}

/* From here on until all of them are served, nothing is added to what they wait for. */
static void wait_for_clients(struct mail *mail, const struct net *net)
{
    mail->full = true;
    mail->served_upto = net_queued(net);
    mail->batch_last = NULL;
}

/* What takes access away, and its answer. They hardly add to what clients wait for, so that they
 * pass by the news that do; but a user may be told of many roles lost. */
static void run_urgent(struct mail *mail, struct net *net)
{
    for (unsigned i = 0; i < MAIL_BUDGET && mail->urgent.first; i++) {
        if (has_grown(mail, net, 2 * MAIL_BYTES))
            return;
        run_first(&mail->urgent, net);
    }
}

static void run_batch(struct mail *mail, struct net *net)
{
    unsigned long long before = receivers(net);

    if (!mail->batch_last)
        mail->batch_last = mail->others.last;
    for (unsigned i = 0; i < MAIL_BUDGET && receivers(net) - before < MAIL_RECEIVERS; i++) {
        const struct note *note = mail->others.first;
        bool last = note == mail->batch_last;

        assert(note);
        run_first(&mail->others, net);
        if (last)
            mail->batch_last = NULL;
        if (has_grown(mail, net, MAIL_BYTES))
            wait_for_clients(mail, net);
        if (last || mail->full)
            return;
    }
}

bool mail_read(struct mail *mail, struct mailbox *mailbox, struct net *net)
{
    bool any;

    (void)hub_advance(net_hub(net), net_begin(net)); /* counts what left since */
    take(mail, mailbox);
    any = mail_waits(mail);
    if (net_has_served(net, mail->full ? mail->served_upto : net_queued(net))) {
        mail->bytes_before = frame_bytes(net);
        mail->full = false;
    }
    run_urgent(mail, net);
    if (mail->others.first && !mail->full)
        run_batch(mail, net);
    return any;
}
