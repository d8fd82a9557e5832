/* SPDX-License-Identifier: Apache-2.0 */
/* redis.c: what the scripts do in Redis, and what becomes of it when it dies or stands still. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"

void redis_open(struct fleet *f)
{
    list_init(&f->redis.requests);
    f->truth.nodes_count = 1;
    f->truth.nodes[0] = (struct node_there){0, -1, 0};
}

void request_free(struct request *request)
{
    for (unsigned i = 0; i < request->count; i++)
        event_unref(request->events[i]);
    free(request->events);
    free(request->answers);
    free(request);
}

static struct request *request_of(struct list *it)
{
    return container_of(it, struct request, in_order);
}

static void drop_all(struct redis *r)
{
    while (!list_empty(&r->requests)) {
        struct request *request = request_of(r->requests.next);

        list_unlink(&request->in_order);
        request_free(request);
    }
}

void redis_close(struct fleet *f)
{
    struct redis *r = &f->redis;

    drop_all(r);
    for (int i = 0; i < f->truth.nodes_count; i++)
        event_unref(r->events[i]);
    for (unsigned i = 0; i < r->fences_count; i++)
        event_unref(r->fences[i].event);
}

void redis_send(struct fleet *f, struct request *request)
{
    list_append(&f->redis.requests, &request->in_order);
}

/* Some of what was sent before the link was given up has not arrived; the rest may run late. */
void redis_forget(struct fleet *f, unsigned instance)
{
    struct list *it = f->redis.requests.next;
    bool cut = dice_chance(&f->dice, 50);

    while (it != &f->redis.requests) {
        struct request *request = request_of(it);

        it = it->next;
        if (request->instance != instance || !cut)
            continue;
        list_unlink(&request->in_order);
        request_free(request);
    }
}

static void add_fence(struct redis *r, struct event *event, int node)
{
    for (unsigned i = 0; i < r->fences_count; i++) {
        const struct fence *there = &r->fences[i].event->fence, *fence = &event->fence;

        if (bytes_equal(there->tenant, fence->tenant) && bytes_equal(there->user, fence->user) &&
            there->scope == fence->scope && bytes_equal(there->name, fence->name) &&
            there->not_before_ms >= fence->not_before_ms)
            return;
    }
    if (r->fences_count == FENCES_MAX)
        abort();
    r->fences[r->fences_count++] = (struct stored_fence){event_ref(event), node};
    if (node == 0)
        r->fences_version++;
}

/* Where the stream has this id; 0. */
static int stored_at(const struct fleet *f, const struct event *event)
{
    for (int i = f->redis.tip; i > 0; i = f->truth.nodes[i].parent)
        if (f->redis.events[i] && bytes_equal(f->redis.events[i]->id, event->id) &&
            bytes_equal(f->redis.events[i]->tenant, event->tenant))
            return i;
    return 0;
}

static void run_publish(struct fleet *f, struct request *q)
{
    struct redis *r = &f->redis;

    q->answers = calloc(q->count, sizeof *q->answers);
    if (!q->answers)
        abort();
    for (unsigned i = 0; i < q->count; i++) {
        struct event *event = q->events[i];
        int at = stored_at(f, event);

        if (at > 0 && !event->id_given) { /* what is trimmed is not there any more */
            if (f->truth.nodes[at].n >= r->first_n)
                truth_fail(&f->truth, "an event is stored twice, at %llu and now",
                           (unsigned long long)f->truth.nodes[at].n);
            at = 0;
        }
        if (at > 0) {
            q->answers[i].outcome = PUBLISH_DUPLICATE;
        } else {
            at = truth_node_new(&f->truth, r->tip,
                                truth_fact_find(&f->truth, event->id.data, event->id.size));
            r->events[at] = event_ref(event);
            r->tip = at;
            if (r->first_n == 0)
                r->first_n = f->truth.nodes[at].n;
            if (event->has_fence)
                add_fence(r, event, at);
        }
        q->answers[i].at.n = f->truth.nodes[at].n;
        fleet_trace(f, "redis: %.*s of %u at %llu (node %d)", (int)event->id.size, event->id.data,
                    q->instance, (unsigned long long)f->truth.nodes[at].n, at);
    }
}

static void run(struct fleet *f, struct request *q)
{
    struct redis *r = &f->redis;
    struct truth *t = &f->truth;

    switch (q->kind) {
    case REQUEST_ATTACH:
        if (r->writers[q->instance] != q->life) {
            if (r->writers[q->instance] > q->life)
                break; /* of an instance that is no more: another name */
            r->generations[q->instance] = 0;
            r->writers[q->instance] = q->life;
        }
        if (q->generation > r->generations[q->instance])
            r->generations[q->instance] = q->generation;
        if (r->epoch == 0)
            r->epoch = q->next_epoch;
        break;
    case REQUEST_EPOCH:
        if (r->epoch == q->epoch)
            r->epoch = q->next_epoch;
        break;
    case REQUEST_PUBLISH:
        q->refused = r->generations[q->instance] != q->generation ||
                     r->writers[q->instance] != q->life || r->epoch != q->epoch;
        stats.stale += q->refused;
        if (!q->refused)
            run_publish(f, q);
        break;
    case REQUEST_WRITE_FENCES:
        for (unsigned i = 0; i < q->count; i++)
            add_fence(r, q->events[i], 0);
        stats.fences_back += q->count;
        break;
    case REQUEST_PING:
    case REQUEST_FENCES:
        break;
    }
    q->epoch = r->epoch;
    q->tip = r->tip;
    q->first_n = t->nodes[r->tip].n == 0 ? 0 : r->first_n;
    q->fences_version = r->fences_version;
}

/* What was sent to one that has died since is nowhere. */
static void drop_old(struct redis *r)
{
    struct list *it = r->requests.next;

    while (it != &r->requests) {
        struct request *request = request_of(it);

        it = it->next;
        if (request->starts == r->starts)
            continue;
        list_unlink(&request->in_order);
        request_free(request);
    }
}

bool redis_step(struct fleet *f)
{
    struct redis *r = &f->redis;
    struct list *it;
    struct request *q = NULL;
    unsigned skip = dice_below(&f->dice, 4);

    drop_old(r);
    if (r->dead || r->frozen || list_empty(&r->requests))
        return false;
    it = r->requests.next;
    while (skip-- > 0 && it->next != &r->requests)
        it = it->next;
    /* The oldest on the same link. */
    for (struct list *at = r->requests.next; !q; at = at->next)
        if (request_of(at)->instance == request_of(it)->instance &&
            request_of(at)->life == request_of(it)->life &&
            request_of(at)->link == request_of(it)->link)
            q = request_of(at);
    list_unlink(&q->in_order);
    run(f, q);
    broker_sim_answer(f->instances[q->instance]->broker, q);
    return true;
}

void redis_kill(struct fleet *f, bool lose_tail)
{
    struct redis *r = &f->redis;
    unsigned lose = lose_tail ? 1 + dice_below(&f->dice, 6) : 0, kept = 0;
    int line;

    r->dead = true;
    r->frozen = false;
    r->starts++;
    drop_all(r);
    stats.kills++;
    if (dice_chance(&f->dice, 3) && lose_tail)
        lose = UINT32_MAX;
    while (lose-- > 0 && r->tip > 0 && (f->truth.nodes[r->tip].n > r->first_n || lose > 10)) {
        r->tip = f->truth.nodes[r->tip].parent;
        stats.lost_tails_killed++;
    }
    line = r->tip;
    if (line == 0)
        r->first_n = 0;
    fleet_trace(f, "redis: killed, %llu is left", (unsigned long long)f->truth.nodes[line].n);
    /* Fences go with what brought them; of those written back, some. */
    for (unsigned i = 0; i < r->fences_count; i++) {
        const struct stored_fence *fence = &r->fences[i];
        bool stays = fence->node == 0
                         ? !lose_tail || dice_chance(&f->dice, 50)
                         : truth_up(&f->truth, line, f->truth.nodes[fence->node].n) == fence->node;

        if (stays)
            r->fences[kept++] = *fence;
        else
            event_unref(fence->event);
    }
    r->fences_count = kept;
}

/* Has who stored this read it back? Nobody is away for so long that it has not. */
static bool is_back(const struct fleet *f, int node)
{
    const struct fact *fact = &f->truth.facts[f->truth.nodes[node].fact];

    for (unsigned i = 0; i < INSTANCES; i++)
        if (fact->asked[i] && fact->life[i] == f->truth.life[i] && !fact->came[i])
            return false;
    return true;
}

void redis_trim(struct fleet *f)
{
    struct redis *r = &f->redis;
    uint64_t n = f->truth.nodes[r->tip].n;
    unsigned count;

    if (r->first_n == 0 || n - r->first_n < 2)
        return;
    count = 1 + dice_below(&f->dice, (unsigned)(n - r->first_n));
    while (count-- > 0 && is_back(f, truth_up(&f->truth, r->tip, r->first_n)))
        r->first_n++;
    stats.trims++;
}
