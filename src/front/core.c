/* SPDX-License-Identifier: Apache-2.0 */
/* core.c: the one thread that has the hub: runs notes, gives what follows, and sleeps. */
#include <assert.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "front/front_private.h"
#include "mcp_auth/error.h"
#include "model/limits.h"

/* Notes run before what follows from them is given: at a few microseconds each, a millisecond or
 * two. Announcements count by their receivers as well. */
#define CORE_NOTES 512u
#define CORE_RECEIVERS 8192u
/* After a want of memory, before it is tried again. */
#define AGAIN_MS 20

static void queue_push(struct core_queue *queue, struct note *note)
{
    note->next = NULL;
    if (queue->first)
        queue->last->next = note;
    else
        queue->first = note;
    queue->last = note;
}

static void take_mail(struct core *core)
{
    struct note *next;

    for (struct note *note = mailbox_take(&core->mailbox); note; note = next) {
        next = note->next;
        queue_push(note->urgent ? &core->urgent : &core->news, note);
    }
}

static void run_first(struct core *core, struct core_queue *queue)
{
    struct note *note = queue->first;

    queue->first = note->next;
    note->run(note, core->hub);
}

static void tell_time(struct core *core)
{
    core->now = clock_now();
    (void)hub_advance(core->hub, core->now);
}

static unsigned long long receivers(const struct core *core)
{
    return atomic_load_explicit(&hub_counters(core->hub)->frames_sent, memory_order_relaxed);
}

static void run_news(struct core *core)
{
    unsigned long long before = receivers(core);

    for (unsigned i = 0; i < CORE_NOTES && core->news.first; i++) {
        run_first(core, &core->news);
        tell_time(core); /* counts */
        if (pace_is_enough(core) || receivers(core) - before >= CORE_RECEIVERS)
            return;
    }
}

/* Who comes again in this walk is for the next turn. */
static void flush(struct core *core)
{
    struct list now;

    list_init(&now);
    list_splice(&now, &core->flush);
    while (!list_empty(&now))
        front_conn_flush(container_of(now.next, struct front_conn, in_flush));
    loops_post_given(core);
    conns_tell_finished(core);
    pace_turn_ends(core);
}

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Returns when the next is due: mono_ms, 0 for at once. */
static int64_t turn(struct core *core)
{
    bool held;
    int64_t next_ms;

    tell_time(core);
    take_mail(core);
    for (unsigned i = 0; i < CORE_NOTES && core->urgent.first; i++)
        run_first(core, &core->urgent);
    held = pace_holds(core);
    if (!held)
        run_news(core);
    tell_time(core);
    next_ms = min_ms(conns_close_due(core), hub_deadline(core->hub));
    flush(core);
    if (core->urgent.first || (core->news.first && !pace_holds(core)))
        return 0;
    if (core->news.first)
        next_ms = min_ms(next_ms, core->rounds_until_ms);
    if (!list_empty(&core->flush)) /* there was no memory */
        next_ms = min_ms(next_ms, core->now.mono_ms + AGAIN_MS);
    return next_ms;
}

static int timeout_of(int64_t next_ms)
{
    int64_t left;

    if (next_ms == INT64_MAX)
        return -1;
    left = next_ms > 0 ? next_ms - clock_now().mono_ms : 0;
    return left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

bool core_settle(struct front *front)
{
    struct core *core = &front->core;
    bool any = false;

    tell_time(core);
    take_mail(core);
    while (core->urgent.first || core->news.first) {
        run_first(core, core->urgent.first ? &core->urgent : &core->news);
        tell_time(core);
        any = true;
    }
    flush(core);
    return any;
}

/* Whoever is still here has been told, by the draining, or will be by what is behind it. */
static void end_connections(struct core *core)
{
    hub_close_all(core->hub, CLOSE_DRAINING);
    flush(core);
    list_for_each_safe (it, &core->closing) {
        struct front_conn *conn = container_of(it, struct front_conn, in_closing);

        conn->deadline_ms = core->now.mono_ms;
    }
    (void)conns_close_due(core);
    flush(core);
}

static void *core_run(void *argument)
{
    struct front *front = argument;
    struct core *core = &front->core;
    struct pollfd bell = {.fd = mailbox_fd(&core->mailbox), .events = POLLIN};
    int64_t next_ms = 0;

    while (!core->ending) {
        (void)poll(&bell, 1, timeout_of(next_ms));
        next_ms = turn(core);
    }
    (void)core_settle(front);
    end_connections(core);
    return NULL;
}

int core_init(struct core *core, struct front *front)
{
    uint8_t seed[16];
    int r;

    core->mailbox.bell = -1;
    list_init(&core->flush);
    list_init(&core->closing);
    list_init(&core->finished);
    list_init(&core->given);
    list_init(&core->loops);
    random_kernel.fill(random_kernel.owner, seed, sizeof seed);
    r = admission_new(&core->admission, UNAUTHENTICATED_MAX, UNAUTHENTICATED_PER_ADDRESS_MAX, seed);
    if (r == 0)
        r = mailbox_init(&core->mailbox);
    if (r == 0)
        r = node_attach(front->node, &core->mailbox, &core->hub);
    return r;
}

void core_done(struct core *core)
{
    mailbox_done(&core->mailbox);
    admission_free(core->admission);
}

int core_start(struct front *front)
{
    sigset_t all, before;
    int r;

    sigfillset(&all); /* signals are the host's main thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    r = pthread_create(&front->core.thread, NULL, core_run, front);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        return MCP_AUTH_E_SYSTEM;
    (void)pthread_setname_np(front->core.thread, "mcp-auth-front");
    return 0;
}

static void drain_run(struct note *note, void *context)
{
    struct core *core = container_of(note, struct core, drain_note);

    (void)context;
    core->draining = true;
    hub_close_all(core->hub, CLOSE_DRAINING);
}

void core_drain(struct front *front)
{
    front->core.drain_note = (struct note){.run = drain_run, .urgent = true};
    mailbox_put(&front->core.mailbox, &front->core.drain_note);
}

static void end_run(struct note *note, void *context)
{
    (void)context;
    container_of(note, struct core, end_note)->ending = true;
}

void core_end(struct front *front)
{
    front->core.end_note = (struct note){.run = end_run, .urgent = true};
    mailbox_put(&front->core.mailbox, &front->core.end_note);
    pthread_join(front->core.thread, NULL);
}
