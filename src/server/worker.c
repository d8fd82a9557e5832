/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: one thread that serves: turns its loop until it is told to end. */
#include "server/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/loop.h"
#include "io/mailbox.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* Notes run in one turn: at a few microseconds each, a millisecond or two. */
#define MAIL_BUDGET 512u
/* New frames after which the clients are served before more notes are read. It must stay well
 * under OUTBOX_BYTES_MAX, so that nobody who reads well is taken for slow: a frame log grows by
 * SEGMENT_SIZE, or by one large event, before we see it. */
#define MAIL_BYTES (64u * 1024u)
_Static_assert(MAIL_BYTES + SEGMENT_SIZE + EVENT_SIZE_MAX < OUTBOX_BYTES_MAX, "room to spare");

struct worker {
    struct loop loop;
    struct mailbox mailbox;
    struct watch mail;
    struct net *net;
    unsigned index;
    pthread_t thread;
    struct note drain_note, end_note;
    void (*gone)(void *owner);
    void *owner;
    bool started, draining, told_gone, ending;
    struct note *mail_first, *mail_last; /* taken and not yet run */
    bool mail_ran;                       /* in this turn */
};

static void take_mail(struct worker *worker)
{
    struct note *note = mailbox_take(&worker->mailbox);

    if (!note)
        return;
    if (worker->mail_first)
        worker->mail_last->next = note;
    else
        worker->mail_first = note;
    while (note->next)
        note = note->next;
    worker->mail_last = note;
}

static size_t frame_bytes(const struct worker *worker)
{
    return (size_t)atomic_load_explicit(&hub_counters(net_hub(worker->net))->frame_log_bytes,
                                        memory_order_relaxed);
}

static void read_mail(struct worker *worker)
{
    struct now now = net_begin(worker->net);
    struct hub *hub = net_hub(worker->net);
    size_t before = frame_bytes(worker);

    worker->mail_ran = true;
    take_mail(worker);
    for (unsigned i = 0; i < MAIL_BUDGET && worker->mail_first; i++) {
        struct note *note = worker->mail_first;
        size_t bytes;

        worker->mail_first = note->next;
        note->run(note, hub);
        (void)hub_advance(hub, now); /* counts */
        bytes = frame_bytes(worker);
        if (bytes >= before + MAIL_BYTES) {
            net_flush(worker->net);
            (void)hub_advance(hub, now);
            before = frame_bytes(worker);
        } else if (bytes < before) {
            before = bytes; /* somebody's backlog went */
        }
    }
}

static void mail_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    read_mail(container_of(watch, struct worker, mail));
}

int worker_new(struct worker **ret, unsigned index, struct node *node,
               const struct net_config *config, void (*gone)(void *owner), void *owner)
{
    struct worker *worker = calloc(1, sizeof *worker);
    struct hub *hub;
    int r;

    if (!worker)
        return MCP_AUTH_E_NOMEM;
    worker->index = index;
    worker->gone = gone;
    worker->owner = owner;
    worker->loop.epoll_fd = worker->mailbox.bell = -1;
    r = loop_init(&worker->loop);
    if (r >= 0)
        r = mailbox_init(&worker->mailbox);
    if (r >= 0)
        r = node_attach(node, &worker->mailbox, &hub);
    if (r >= 0)
        r = net_new(&worker->net, &worker->loop, hub, config);
    if (r >= 0) {
        worker->mail = (struct watch){.fd = mailbox_fd(&worker->mailbox)};
        r = loop_watch(&worker->loop, &worker->mail, mail_ready, EPOLLIN);
    }
    if (r < 0) {
        worker_free(worker);
        return r;
    }
    *ret = worker;
    return 0;
}

void worker_free(struct worker *worker)
{
    if (!worker)
        return;
    assert(!worker->started);
    net_free(worker->net);
    if (watch_is_on(&worker->mail))
        loop_unwatch(&worker->loop, &worker->mail);
    loop_done(&worker->loop);
    mailbox_done(&worker->mailbox);
    free(worker);
}

int worker_listen(struct worker *worker, int fd, enum net_door door)
{
    assert(!worker->started);
    return net_listen(worker->net, fd, door);
}

static int64_t sleep_ms(const struct worker *worker, int64_t next_ms)
{
    int64_t now_ms;

    if (worker->mail_first)
        return 0;
    if (next_ms == INT64_MAX)
        return -1;
    now_ms = clock_now().mono_ms;
    return next_ms > now_ms ? next_ms - now_ms : 0;
}

static void *worker_run(void *argument)
{
    struct worker *worker = argument;
    int64_t next_ms = 0;

    while (!worker->ending) {
        int64_t timeout_ms = sleep_ms(worker, next_ms);

        net_sleep(worker->net);
        worker->mail_ran = false;
        if (loop_turn(&worker->loop, timeout_ms) < 0)
            abort(); /* only our own mistake makes epoll fail */
        if (worker->mail_first && !worker->mail_ran)
            read_mail(worker);
        next_ms = net_turn_end(worker->net);
        if (worker->draining && !worker->told_gone && net_count(worker->net) == 0) {
            worker->told_gone = true;
            worker->gone(worker->owner);
        }
    }
    /* The turn above has still flushed what could leave at once. */
    net_sleep(worker->net);
    net_close_all(worker->net);
    (void)net_turn_end(worker->net);
    do
        read_mail(worker);
    while (worker->mail_first);
    return NULL;
}

int worker_start(struct worker *worker)
{
    sigset_t all, before;
    char name[16];
    int r;

    assert(!worker->started);
    sigfillset(&all); /* signals are the host's main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&worker->thread, NULL, worker_run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return MCP_AUTH_E_SYSTEM;
    worker->started = true;
    (void)snprintf(name, sizeof name, "worker-%u", worker->index);
    (void)pthread_setname_np(worker->thread, name);
    return 0;
}

static void drain_run(struct note *note, void *context)
{
    struct worker *worker = container_of(note, struct worker, drain_note);

    (void)context;
    worker->draining = true;
    net_drain(worker->net);
}

void worker_drain(struct worker *worker)
{
    if (!worker->started)
        return;
    worker->drain_note.run = drain_run;
    mailbox_put(&worker->mailbox, &worker->drain_note);
}

static void end_run(struct note *note, void *context)
{
    (void)context;
    container_of(note, struct worker, end_note)->ending = true;
}

void worker_end(struct worker *worker)
{
    if (!worker->started)
        return;
    worker->end_note.run = end_run;
    mailbox_put(&worker->mailbox, &worker->end_note);
    pthread_join(worker->thread, NULL);
    worker->started = false;
}

bool worker_settle(struct worker *worker)
{
    assert(!worker->started);
    take_mail(worker);
    if (!worker->mail_first)
        return false;
    read_mail(worker);
    (void)net_turn_end(worker->net);
    return true;
}
