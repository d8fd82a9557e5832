/* SPDX-License-Identifier: Apache-2.0 */
/* net.c: one worker's connections as a whole: listening, the turn's begin and end, draining. */
#include "net/net.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "auth/key.h"
#include "mcp_auth/error.h"
#include "net/conn.h"

/* What one turn does at most of what could keep it from everything else: a send takes 2.5 us and a
 * copy of 4 MiB a millisecond, a close 5 us, an answer to a request that waits 10 us. So a turn takes
 * a few milliseconds however many connections there are, and then accepts, reads and listens to the
 * others again; that costs 3 us. */
#define FLUSH_BUDGET 512u
#define FLUSH_BYTES (4u * 1024u * 1024u)
#define FREE_BUDGET 512u
#define AGAIN_BUDGET 256u

static void client_accepted(void *owner, int fd, const struct sockaddr_storage *peer,
                            socklen_t size)
{
    struct net *net = owner;

    (void)size;
    (void)net_begin(net);
    conn_accept(net, fd, peer, NET_DOOR_CLIENTS);
}

static void metrics_accepted(void *owner, int fd, const struct sockaddr_storage *peer,
                             socklen_t size)
{
    struct net *net = owner;

    (void)size;
    (void)net_begin(net);
    conn_accept(net, fd, peer, NET_DOOR_METRICS);
}

static void net_paused(void *owner, int error)
{
    struct net *net = owner;

    (void)net_begin(net);
    net->pausing = true;
    net->resume_ms = net->now.mono_ms + LISTENER_REST_MS;
    atomic_fetch_add_explicit(&net->config->counters->accept_pauses, 1, memory_order_relaxed);
    log_write(LOG_WARNING,
              "accepting paused: raise the limit of open files, or lower "
              "WEBSOCKET_MAX_CONNECTIONS",
              LOG_TEXT("error", bytes_of(strerrordesc_np(error))));
}

static const struct listener_calls doors[] = {
    [NET_DOOR_CLIENTS] = {.accepted = client_accepted, .paused = net_paused},
    [NET_DOOR_METRICS] = {.accepted = metrics_accepted, .paused = net_paused},
};

int net_new(struct net **ret, struct loop *loop, struct hub *hub, const struct net_config *config)
{
    struct net *net;

    assert(loop && hub && config->settings && config->admission && config->counters);
    net = calloc(1, sizeof *net);
    if (!net)
        return MCP_AUTH_E_NOMEM;
    if (config->settings->ws_deflate) {
        int r = ws_inflater_new(&net->inflater);

        if (r < 0) {
            free(net);
            return r;
        }
    }
    net->loop = loop;
    net->hub = hub;
    net->config = config;
    net->now = clock_now();
    for (unsigned i = 0; i < CONN_STATES; i++)
        list_init(&net->states[i]);
    list_init(&net->again);
    slab_init(&net->conns, sizeof(struct conn), net);
    slab_init(&net->works, sizeof(struct conn_work), net);
    slab_init(&net->far, PEER_NOTE_SLAB_SIZE, net);
    slots_init(&net->exchanges);
    *ret = net;
    return 0;
}

void net_free(struct net *net)
{
    if (!net)
        return;
    assert(net->conns.count == 0);
    for (unsigned i = 0; i < net->listeners_count; i++)
        listener_close(&net->listeners[i]);
    slots_done(&net->exchanges);
    slab_done(&net->conns);
    slab_done(&net->works);
    slab_done(&net->far);
    ws_inflater_free(net->inflater);
    free(net);
}

int net_listen(struct net *net, int fd, enum net_door door)
{
    int r;

    if (net->listeners_count == NET_LISTENERS_MAX)
        return MCP_AUTH_E_FULL;
    r = listener_open(&net->listeners[net->listeners_count], net->loop, fd, &doors[door], net);
    if (r >= 0)
        net->listeners_count++;
    return r;
}

void net_sleep(struct net *net)
{
    net->begun = false;
}

struct now net_begin(struct net *net)
{
    if (!net->begun) {
        net->begun = true;
        net->now = clock_now();
        net->verified_before = key_verifications();
        (void)hub_advance(net->hub, net->now);
    }
    return net->now;
}

bool net_has_verified_enough(const struct net *net)
{
    return key_verifications() - net->verified_before >= VERIFICATIONS_TURN_MAX;
}

static void close_what_is_due(struct net *net)
{
    for (unsigned i = 0; i < CONN_CLOSED; i++)
        for (;;) {
            struct conn *conn;

            if (list_empty(&net->states[i]))
                break;
            conn = container_of(net->states[i].next, struct conn_work, in_state)->conn;
            if (conn->work->deadline_ms > net->now.mono_ms)
                break;
            conn_expire(conn); /* moves it to another list */
            assert(conn->state != i);
        }
}

/* Who comes again in this walk is for the next turn, so that none can hold the others up. */
static void read_again(struct net *net)
{
    struct list now;

    list_init(&now);
    list_splice(&now, &net->again);
    for (unsigned i = 0; i < AGAIN_BUDGET && !list_empty(&now); i++) {
        struct conn *conn = container_of(now.next, struct conn_work, in_again)->conn;

        list_unlink(&conn->work->in_again);
        conn_read_more(conn, true);
        conn_rest(conn);
    }
    list_splice(&now, &net->again); /* behind those who have not been looked at */
    list_splice(&net->again, &now);
}

static void flush_one(struct conn *conn)
{
    if (conn->blocked || conn->state == CONN_CLOSED)
        return;
    conn_flush(conn);
    if (conn->work)
        conn_rest(conn);
}

static void flush_prompt(struct net *net)
{
    for (unsigned i = 0; i < net->prompt_count; i++) { /* it may grow */
        net->prompt[i]->prompt = false;
        flush_one(net->prompt[i]);
    }
    net->prompt_count = 0;
}

/* One of the queue; false when it is empty. */
static bool flush_next(struct net *net)
{
    struct conn *conn = conn_queue_shift(&net->flush);

    if (!conn)
        return false;
    conn->in_flush = false;
    net->served++;
    if (conn->state == CONN_CLOSED)
        conn_queue_push(&net->closed, conn); /* it could not be in two queues */
    else
        flush_one(conn);
    return true;
}

/* Who comes to the queue again while it is walked is for the next turn. */
static void flush_slice(struct net *net)
{
    uint64_t upto = net->queued, written = net->written;

    if (upto > net->served + FLUSH_BUDGET)
        upto = net->served + FLUSH_BUDGET;
    while (net->served < upto && net->written - written < FLUSH_BYTES)
        if (!flush_next(net))
            break;
}

void net_flush(struct net *net)
{
    uint64_t upto = net->queued;

    flush_prompt(net);
    while (net->served < upto && flush_next(net))
        ;
}

uint64_t net_queued(const struct net *net)
{
    return net->queued;
}

bool net_has_served(const struct net *net, uint64_t upto)
{
    return net->served >= upto;
}

/* The kernel takes several microseconds to close each. */
static void free_closed(struct net *net, unsigned count_max)
{
    struct conn *conn;

    while (count_max-- > 0 && (conn = conn_queue_shift(&net->closed)))
        conn_free(conn);
}

/* Accepts again when a descriptor came free, or after a rest. */
static void listen_again(struct net *net)
{
    bool paused = false;

    if (!net->pausing || (!net->freed && net->now.mono_ms < net->resume_ms))
        return;
    for (unsigned i = 0; i < net->listeners_count; i++)
        if (listener_resume(&net->listeners[i]) < 0)
            paused = true;
    net->pausing = paused;
    net->resume_ms = net->now.mono_ms + LISTENER_REST_MS;
}

static int64_t next_deadline(const struct net *net)
{
    int64_t next = hub_deadline(net->hub);

    if (!list_empty(&net->again) || net->flush.first || net->closed.first)
        return net->now.mono_ms;
    for (unsigned i = 0; i < CONN_CLOSED; i++) {
        const struct list *head = &net->states[i];
        int64_t deadline;

        if (list_empty(head))
            continue;
        deadline = container_of(head->next, struct conn_work, in_state)->deadline_ms;
        if (deadline < next)
            next = deadline;
    }
    if (net->pausing && net->resume_ms < next)
        next = net->resume_ms;
    return next;
}

int64_t net_turn_end(struct net *net, bool serves)
{
    (void)net_begin(net);
    close_what_is_due(net);
    read_again(net);
    flush_prompt(net);
    if (serves)
        flush_slice(net);
    free_closed(net, FREE_BUDGET);
    listen_again(net);
    net->freed = false;
    return next_deadline(net);
}

void net_drain(struct net *net)
{
    static const enum conn_state idle[] = {CONN_IDLE, CONN_HEAD};

    (void)net_begin(net);
    net->draining = true;
    for (unsigned i = 0; i < net->listeners_count; i++)
        if (net->listeners[i].calls == &doors[NET_DOOR_CLIENTS])
            listener_close(&net->listeners[i]);
    hub_close_all(net->hub, CLOSE_DRAINING);
    for (unsigned i = 0; i < ARRAY_COUNT(idle); i++)
        list_for_each_safe (it, &net->states[idle[i]]) {
            struct conn *conn = container_of(it, struct conn_work, in_state)->conn;

            if (!conn->work->exchange && !conn->metrics) /* not a byte of a request is here */
                conn_close(conn);
        }
}

void net_close_all(struct net *net)
{
    struct conn *conn;
    uint32_t cursor = 0;

    (void)net_begin(net);
    while ((conn = slab_next(&net->conns, &cursor)))
        conn_close(conn);
    flush_prompt(net); /* sends nothing more: it lets go of who is there, as the next does */
    while (flush_next(net))
        ;
    free_closed(net, UINT_MAX);
}

unsigned net_count(const struct net *net)
{
    return net->conns.count - net->metrics_count;
}

bool net_is_draining(const struct net *net)
{
    return net->draining;
}

bool net_is_pausing(const struct net *net)
{
    return net->pausing;
}

struct hub *net_hub(const struct net *net)
{
    return net->hub;
}
