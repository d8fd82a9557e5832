/* SPDX-License-Identifier: Apache-2.0 */
/* front.c: the life of a front: made of options, started, drained, ended, and a process's alone. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/random.h"
#include "front/front_private.h"
#include "mcp_auth/error.h"
#include "server/descriptors.h"
#include "server/log_writer.h"
#include "server/options.h"

static int make_parts(struct front *front)
{
    int r;

    front->settings = *front->start.settings;
    front->now = front->start;
    front->now.settings = &front->settings;
    front->gone_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (front->gone_fd < 0)
        return MCP_AUTH_E_SYSTEM;
    r = node_new(&front->node, front->start.settings, front->start.issuers);
    if (r >= 0)
        r = key_sets_new(&front->sets, &front->now, front->node, NULL);
    if (r >= 0)
        r = key_sets_apply(front->sets);
    if (r >= 0)
        r = core_init(&front->core, front);
    return r;
}

int front_new(struct front **ret, mcp_auth_options *options, mcp_auth_problem_fn problem,
              void *owner)
{
    struct front *front = calloc(1, sizeof *front);
    int r;

    if (!front) {
        problem(owner, "out of memory");
        return MCP_AUTH_E_NOMEM;
    }
    front->gone_fd = front->core.mailbox.bell = -1;
    pthread_mutex_init(&front->limits_lock, NULL);
    r = load_read(&front->start, options_builder(options), true, problem, owner);
    if (r >= 0) {
        r = make_parts(front);
        if (r == MCP_AUTH_E_SYSTEM)
            problem(owner, strerrordesc_np(errno));
    }
    if (r == MCP_AUTH_E_NOMEM)
        problem(owner, "out of memory");
    if (r < 0) {
        front_free(front);
        return r;
    }
    *ret = front;
    return 0;
}

/* In the child's only thread. What is the parent's is left alone; these two are the process's. */
static void forked(void)
{
    random_forked();
    log_writer_forked();
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, forked); /* fails without memory: then ids may repeat */
}

static void warn(void *owner, const char *text)
{
    (void)owner;
    log_write(LOG_WARNING, "fewer connections than allowed", LOG_TEXT("why", bytes_of(text)));
}

static void log_start(const struct front *front)
{
    load_log_notices(&front->start);
    /* The sockets are the host's, and so is the answer when they are too many. */
    (void)!descriptors_raise(front->start.settings, warn, NULL);
    log_write(LOG_INFO, "started", LOG_INT("max_connections", front->settings.max_connections),
              LOG_TEXT("bus",
                       bytes_present(front->settings.redis_url) ? BYTES("redis") : BYTES("local")));
}

int front_start(struct front *front)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int r;

    assert(!atomic_load(&front->running) && !front->logging);
    (void)pthread_once(&once, watch_forks);
    r = log_writer_start(front->settings.log_level, front->settings.log_json);
    if (r < 0)
        return r;
    front->logging = true;
    r = key_sets_start(front->sets); /* before the first sign-in */
    if (r >= 0)
        r = node_start(front->node);
    front->node_started = r >= 0;
    if (r >= 0)
        r = core_start(front);
    front->core_started = r >= 0;
    atomic_store(&front->running, true); /* also half: stop ends what runs */
    if (r < 0)
        front_stop(front, 0);
    else
        log_start(front);
    return r;
}

bool front_enter(struct front *front)
{
    /* Counted before it is asked: either stop sees the visitor, or the visitor sees the stop. */
    atomic_fetch_add(&front->visitors, 1);
    if (atomic_load(&front->running) && !atomic_load(&front->stopping))
        return true;
    atomic_fetch_sub(&front->visitors, 1);
    return false;
}

void front_leave(struct front *front)
{
    atomic_fetch_sub(&front->visitors, 1);
}

unsigned front_count(const struct front *front)
{
    return atomic_load(&front->count);
}

void front_counts_one_less(struct front *front)
{
    const uint64_t one = 1;

    if (atomic_fetch_sub(&front->count, 1) == 1 && atomic_load(&front->draining))
        (void)!write(front->gone_fd, &one, sizeof one); /* full means that it rings already */
}

void front_drain(struct front *front)
{
    if (atomic_load(&front->running) && !atomic_exchange(&front->draining, true))
        core_drain(front);
}

static void wait_until_gone(struct front *front, int drain_ms)
{
    int64_t until_ms = clock_now().mono_ms + drain_ms;

    while (atomic_load(&front->count) > 0) {
        struct pollfd gone = {.fd = front->gone_fd, .events = POLLIN};
        int64_t wait_ms = until_ms - clock_now().mono_ms;
        uint64_t rings;

        if (wait_ms <= 0)
            return;
        if (poll(&gone, 1, (int)wait_ms) > 0)
            (void)!read(front->gone_fd, &rings, sizeof rings);
    }
}

void front_stop(struct front *front, int drain_ms)
{
    if (!atomic_load(&front->running) || atomic_load(&front->stopping))
        return;
    if (front->core_started) {
        front_drain(front);
        wait_until_gone(front, drain_ms);
    }
    atomic_store(&front->stopping, true);
    while (atomic_load(&front->visitors) > 0)
        sched_yield(); /* they hardly wait, and no more come in */
    key_sets_stop(front->sets);
    /* The bus first: what was accepted is still announced, and effects wait for the core. */
    if (front->node_started)
        node_stop(front->node);
    if (front->core_started)
        core_end(front);
    while (core_settle(front))
        ;
    log_write(LOG_INFO, "stopped");
}

void front_free(struct front *front)
{
    if (!front)
        return;
    front_stop(front, 0);
    while (front->core.hub && core_settle(front))
        ;
    assert(atomic_load(&front->count) == 0);
    text_orphans_free(&front->orphans);
    key_sets_stop(front->sets);
    key_sets_unref(front->sets);
    node_free(front->node);
    core_done(&front->core);
    load_done(&front->start);
    pthread_mutex_destroy(&front->limits_lock);
    if (front->gone_fd >= 0)
        close(front->gone_fd);
    if (front->logging)
        log_writer_stop();
    free(front);
}

void front_stats(const struct front *front, struct node_stats *ret)
{
    node_stats(front->node, ret);
}
