/* SPDX-License-Identifier: Apache-2.0 */
/* worker.c: one thread that serves: turns its loop until it is told to end. */
#include "server/worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "io/loop.h"
#include "mcp_auth/error.h"
#include "server/mail.h"

struct worker {
    struct loop loop;
    struct mailbox mailbox;
    struct watch bell;
    struct mail mail;
    bool mail_read; /* in this turn */
    struct net *net;
    unsigned index;
    pthread_t thread;
    struct note drain_note, end_note;
    void (*gone)(void *owner);
    void *owner;
    bool started, draining, told_gone, ending;
};

static bool read_mail(struct worker *worker)
{
    worker->mail_read = true;
    return mail_read(&worker->mail, &worker->mailbox, worker->net);
}

static void bell_rings(struct watch *watch, uint32_t events)
{
    (void)events;
    (void)read_mail(container_of(watch, struct worker, bell));
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
        worker->bell = (struct watch){.fd = mailbox_fd(&worker->mailbox)};
        r = loop_watch(&worker->loop, &worker->bell, bell_rings, EPOLLIN);
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
    if (watch_is_on(&worker->bell))
        loop_unwatch(&worker->loop, &worker->bell);
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

    if (mail_waits(&worker->mail))
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
        worker->mail_read = false;
        if (loop_turn(&worker->loop, timeout_ms) < 0)
            abort(); /* only our own mistake makes epoll fail */
        if (mail_waits(&worker->mail) && !worker->mail_read)
            (void)read_mail(worker);
        next_ms = net_turn_end(worker->net, mail_lets_serve(&worker->mail));
        if (worker->draining && !worker->told_gone && net_count(worker->net) == 0) {
            worker->told_gone = true;
            worker->gone(worker->owner);
        }
    }
    net_sleep(worker->net);
    net_flush(worker->net); /* what can leave at once */
    net_close_all(worker->net);
    while (read_mail(worker))
        ;
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
    if (!read_mail(worker))
        return false;
    (void)net_turn_end(worker->net, true);
    return true;
}
