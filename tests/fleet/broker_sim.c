/* SPDX-License-Identifier: Apache-2.0 */
/* broker_sim.c: broker_redis without connections: the same steps, each when the dice say so. */
#include <stdlib.h>
#include <string.h>

#include "fleet.h"
#include "model/stored_fields.h"

static struct broker_sim *sim_of(struct broker *broker)
{
    return container_of(broker, struct broker_sim, broker);
}

static struct request *ask(struct broker_sim *b, int kind)
{
    struct request *q = calloc(1, sizeof *q);

    if (!q)
        abort();
    q->kind = kind;
    q->instance = b->instance;
    q->life = b->fleet->truth.life[b->instance];
    q->link = b->link;
    q->generation = b->generation;
    q->epoch = b->epoch;
    q->next_epoch = dice_roll(&b->fleet->dice) | 1;
    q->last_n = b->last_n;
    q->starts = b->starts;
    redis_send(b->fleet, q);
    return q;
}

static void copy_events(struct request *q, struct event *const *events, unsigned count)
{
    q->count = count;
    q->events = calloc(count, sizeof *q->events);
    if (!q->events)
        abort();
    for (unsigned i = 0; i < count; i++)
        q->events[i] = event_ref(events[i]);
}

static void sim_publish(struct broker *broker, const struct broker_batch *batch,
                        int64_t wall_ms __attribute__((unused)))
{
    struct broker_sim *b = sim_of(broker);
    struct request *q;

    if (!b->ready) {
        truth_fail(&b->fleet->truth, "instance %u publishes before it is ready", b->instance);
        return;
    }
    q = ask(b, REQUEST_PUBLISH);
    q->ticket = batch->ticket;
    copy_events(q, batch->events, batch->count);
}

static void sim_write_fences(struct broker *broker, const struct fence *fences, size_t count)
{
    struct broker_sim *b = sim_of(broker);
    struct event *events[256];

    for (size_t i = 0; i < count; i++)
        fleet_must(event_new_fence(&events[i], &fences[i]));
    copy_events(ask(b, REQUEST_WRITE_FENCES), events, (unsigned)count);
    for (size_t i = 0; i < count; i++)
        event_unref(events[i]);
}

static int64_t sim_advance(struct broker *broker __attribute__((unused)),
                           struct now now __attribute__((unused)))
{
    return INT64_MAX;
}

static struct broker_usage sim_usage(const struct broker *broker __attribute__((unused)))
{
    return (struct broker_usage){.round_trip_ms = 1};
}

static void drop_answers(struct broker_sim *b)
{
    while (!list_empty(&b->answers)) {
        struct request *q = container_of(b->answers.next, struct request, in_order);

        list_unlink(&q->in_order);
        request_free(q);
    }
}

static void sim_free(struct broker *broker)
{
    struct broker_sim *b = sim_of(broker);

    drop_answers(b);
    free(b);
}

static const struct broker_operations operations = {.publish = sim_publish,
                                                    .write_fences = sim_write_fences,
                                                    .advance = sim_advance,
                                                    .usage = sim_usage,
                                                    .free = sim_free};

struct broker_sim *broker_sim_new(struct fleet *f, unsigned instance,
                                  const struct broker_port *port)
{
    struct broker_sim *b = calloc(1, sizeof *b);

    if (!b)
        abort();
    b->broker.operations = &operations;
    b->port = *port;
    b->fleet = f;
    b->instance = instance;
    list_init(&b->answers);
    return b;
}

static void fall(struct broker_sim *b, struct bytes why)
{
    fleet_trace(b->fleet, "%u falls: %.*s", b->instance, (int)why.size, why.data);
    b->up = b->standing = b->ready = b->fences_read = b->fences_wanted = false;
    drop_answers(b);
    redis_forget(b->fleet, b->instance);
    b->port.on_away(b->port.owner, why);
}

void broker_sim_give_up(struct broker_sim *b)
{
    if (b->up)
        fall(b, BYTES("no answer in time"));
}

void broker_sim_answer(struct broker_sim *b, struct request *q)
{
    if (b->up && q->link == b->link && q->life == b->fleet->truth.life[b->instance]) {
        list_append(&b->answers, &q->in_order);
        return;
    }
    stats.late_requests++;
    request_free(q);
}

static void look(struct broker_sim *b)
{
    if (!b->standing || b->ready || !b->fences_read || b->last_n < b->upto_n)
        return;
    b->ready = true;
    fleet_trace(b->fleet, "%u is ready", b->instance);
    b->port.on_ready(b->port.owner);
}

static void stand(struct broker_sim *b, enum stand_kind kind, const struct request *q,
                  uint64_t common_n)
{
    struct truth *t = &b->fleet->truth;
    uint64_t n = t->nodes[q->tip].n, kept = b->fleet->history_events;
    uint64_t from = n >= kept ? n - kept + 1 : 1;
    struct broker_stand said = {.kind = kind,
                                .after = {q->epoch, b->last_n, b->last_check},
                                .common_n = common_n,
                                .upto_n = n};

    if (kind != STAND_SAME) {
        if (kind == STAND_GAP)
            from = 1; /* all there is: some of it may be its own */
        else if (kind == STAND_LOST_TAIL && common_n < from)
            from = common_n + 1;
        if (q->first_n > from)
            from = q->first_n;
        said.after = (struct position){q->epoch, q->first_n == 0 ? n : from - 1, 0};
        truth_stands(t, b->instance, q->epoch, truth_up(t, q->tip, said.after.n));
    }
    fleet_trace(b->fleet, "%u stands: %d after %llu common %llu upto %llu", b->instance, (int)kind,
                (unsigned long long)said.after.n, (unsigned long long)common_n,
                (unsigned long long)n);
    stats.first += kind == STAND_FIRST;
    stats.same += kind == STAND_SAME;
    stats.gap += kind == STAND_GAP;
    stats.lost_tail += kind == STAND_LOST_TAIL;
    b->epoch = q->epoch;
    b->last_n = said.after.n;
    b->last_check = said.after.check;
    b->upto_n = n;
    b->standing = true;
    fleet_must(b->port.on_stand(b->port.owner, &said));
    ask(b, REQUEST_FENCES);
    look(b);
}

/* The greatest place that is there and was given here. */
static void lost_tail(struct broker_sim *b, const struct request *q, uint64_t old_epoch)
{
    struct truth *t = &b->fleet->truth;
    uint64_t check;
    int at = q->tip;

    while (at > 0 && t->nodes[at].n > b->last_n)
        at = t->nodes[at].parent;
    for (; at > 0 && t->nodes[at].n >= q->first_n; at = t->nodes[at].parent) {
        if (!b->port.known(b->port.owner, t->nodes[at].n, &check))
            break;
        if (check == truth_check(old_epoch, at)) {
            stand(b, STAND_LOST_TAIL, q, t->nodes[at].n);
            return;
        }
    }
    stand(b, STAND_LOST_TAIL, q, 0);
}

static void attached(struct broker_sim *b, const struct request *q)
{
    struct truth *t = &b->fleet->truth;
    uint64_t n = t->nodes[q->tip].n;
    int at = b->last_n <= n && b->last_n >= q->first_n ? truth_up(t, q->tip, b->last_n) : -1;

    if (b->epoch == 0) {
        stand(b, STAND_FIRST, q, 0);
    } else if (q->epoch != b->epoch) {
        lost_tail(b, q, b->epoch);
    } else if (n < b->last_n ||
               (at > 0 && b->last_check != 0 && truth_check(b->epoch, at) != b->last_check)) {
        ask(b, REQUEST_EPOCH);
    } else if (q->first_n > b->last_n + 1 || (q->first_n == 0 && n != b->last_n)) {
        stand(b, STAND_GAP, q, 0);
    } else {
        stand(b, STAND_SAME, q, 0);
    }
}

static void published(struct broker_sim *b, const struct request *q)
{
    struct truth *t = &b->fleet->truth;

    for (unsigned i = 0; i < q->count; i++) {
        struct position *at = &q->answers[i].at;

        *at = (struct position){q->epoch, at->n, truth_check(q->epoch, truth_up(t, q->tip, at->n))};
        stats.duplicates += q->answers[i].outcome == PUBLISH_DUPLICATE;
    }
    b->port.on_answer(b->port.owner, &(struct batch_answer){.ticket = q->ticket,
                                                            .result = BATCH_TAKEN,
                                                            .answers = q->answers,
                                                            .count = q->count});
}

static void fences(struct broker_sim *b, const struct request *q)
{
    struct redis *r = &b->fleet->redis;

    stats.fences_again += b->fences_read;
    for (unsigned i = 0; i < r->fences_count; i++)
        fleet_must(b->port.on_fence(b->port.owner, &r->fences[i].event->fence));
    b->fences_version = q->fences_version;
    b->fences_wanted = false;
    b->port.on_fences_end(b->port.owner);
    b->fences_read = true;
    look(b);
}

static void take_answer(struct broker_sim *b)
{
    struct request *q = container_of(b->answers.next, struct request, in_order);

    list_unlink(&q->in_order);
    switch (q->kind) {
    case REQUEST_ATTACH:
        attached(b, q);
        break;
    case REQUEST_EPOCH:
        lost_tail(b, q, b->epoch);
        break;
    case REQUEST_PUBLISH:
        if (q->refused)
            fall(b, BYTES("STALE"));
        else
            published(b, q);
        break;
    case REQUEST_PING:
        if (q->epoch != b->epoch) {
            stats.foreign_epochs++;
            fall(b, BYTES("another epoch"));
        } else if (q->fences_version != b->fences_version && !b->fences_wanted) {
            b->fences_wanted = true;
            ask(b, REQUEST_FENCES);
        }
        break;
    case REQUEST_FENCES:
        fences(b, q);
        break;
    case REQUEST_WRITE_FENCES:
        break;
    }
    request_free(q);
}

/* What the follower's XREAD brings, in pieces. */
static bool read_some(struct broker_sim *b)
{
    struct fleet *f = b->fleet;
    struct truth *t = &f->truth;
    unsigned count = 1 + dice_below(&f->dice, 5);
    bool read = false;

    while (count-- > 0 && b->up && b->standing && t->nodes[f->redis.tip].n > b->last_n) {
        int node = truth_up(t, f->redis.tip, b->last_n + 1);
        struct event *event = f->redis.events[node], *ours;
        struct entry entry = {.n = b->last_n + 1, .check = truth_check(b->epoch, node)};
        struct stored_fields stored;

        if (f->redis.first_n > entry.n) {
            fall(b, BYTES("entries are missing"));
            return true;
        }
        b->port.fields(b->port.owner, event, &stored);
        ours = b->port.own(b->port.owner, stored.tenant, stored.id);
        if (ours && bytes_equal(ours->json, event->json))
            entry.event = event_ref(ours);
        else
            fleet_must(b->port.make(b->port.owner, &stored, &entry.event));
        b->last_n = entry.n;
        b->last_check = entry.check;
        truth_came(t, b->instance, node);
        fleet_must(b->port.on_entry(b->port.owner, &entry));
        event_unref(entry.event);
        read = true;
        look(b);
    }
    return read;
}

void broker_sim_ping(struct broker_sim *b)
{
    if (b->standing && b->starts == b->fleet->redis.starts)
        ask(b, REQUEST_PING);
}

bool broker_sim_step(struct broker_sim *b)
{
    struct fleet *f = b->fleet;
    const struct redis *r = &f->redis;

    if (!b->up) {
        if (r->dead) {
            if (dice_chance(&f->dice, 20))
                b->port.on_away(b->port.owner, BYTES("connection refused"));
            return false;
        }
        b->up = true;
        b->starts = r->starts;
        b->link++;
        b->generation++;
        ask(b, REQUEST_ATTACH);
        return true;
    }
    if (b->starts != r->starts && (list_empty(&b->answers) || dice_chance(&f->dice, 50))) {
        fall(b, BYTES("connection closed"));
        return true;
    }
    if (!list_empty(&b->answers) && dice_chance(&f->dice, 50)) {
        take_answer(b);
        return true;
    }
    if (b->starts == r->starts && !r->frozen && read_some(b))
        return true;
    if (!list_empty(&b->answers)) {
        take_answer(b);
        return true;
    }
    if (!f->calm && dice_chance(&f->dice, 10))
        broker_sim_ping(b);
    return false;
}
