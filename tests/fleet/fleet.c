/* SPDX-License-Identifier: Apache-2.0 */
/* fleet.c: seed after seed: a fleet whose Redis dies, stands still, forgets, and comes back. */
#include "fleet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../sim/seeds.h"

struct stats stats;

void fleet_must(int r)
{
    if (r < 0) {
        fprintf(stderr, "sim_fleet: %d\n", r);
        abort();
    }
}

void fleet_trace(const struct fleet *f, const char *format, ...)
{
    va_list list;

    if (!f->trace)
        return;
    va_start(list, format);
    vprintf(format, list);
    va_end(list);
    printf("\n");
}

static void fleet_open(struct fleet *f, uint64_t seed)
{
    static const struct bytes admins[] = {{"admin", 5}};
    struct keyring *keys;
    const char *why;

    f->seed = seed;
    f->dice.state = (seed + 1) * 0x9e3779b97f4a7c15ull | 1;
    for (int i = 0; i < 4; i++)
        dice_roll(&f->dice);
    f->random_state = seed;
    f->random = random_seeded(&f->random_state);
    f->now = (struct now){.mono_ms = 1000000, .wall_ms = 1790000000000};
    f->truth.gentle = dice_chance(&f->dice, 30);
    f->history_events = f->truth.gentle || dice_chance(&f->dice, 50) ? 5000 : 40;
    f->deadline_ms = dice_chance(&f->dice, 50) ? 100 : 3000;
    f->busy = dice_chance(&f->dice, 50) ? 30 : 90;
    f->repeats = 6;
    f->isolation_ms = !f->truth.gentle && dice_chance(&f->dice, 20) ? 20000 : 0;
    f->tokens = (struct token_rules){.claims = {BYTES("sub"), BYTES("name"), BYTES("roles"),
                                                BYTES("permissions"), BYTES("tenant_id")},
                                     .authority = {admins, ARRAY_COUNT(admins), SKEW_MS},
                                     .leeway_ms = 1000,
                                     .age_max_ms = (int64_t)1 << 40};
    f->settings = (struct hub_settings){.tokens = &f->tokens,
                                        .heartbeat_ms = 5000,
                                        .auth_timeout_ms = 60000,
                                        .outbox_bytes_max = 1 << 24,
                                        .frame_log_bytes_max = 1 << 28};
    fleet_must(keyring_new(&keys, 0));
    fleet_must(keyring_add_secret(keys, BYTES(SIM_SECRET), &why));
    fleet_must(issuers_new(&f->issuers, keys, NULL, 0));
    keyring_unref(keys);
    redis_open(f);
    for (unsigned p = 0; p < PEOPLE; p++)
        f->people[p] = (struct person){.fleet = f, .index = p};
    for (unsigned i = 0; i < INSTANCES; i++)
        instance_start(f, i);
}

static void fleet_close(struct fleet *f)
{
    for (unsigned i = 0; i < INSTANCES; i++)
        instance_stop(f->instances[i]);
    redis_close(f);
    issuers_unref(f->issuers);
    for (int i = 0; i < f->truth.facts_count; i++)
        free(f->bodies[i]);
}

static void pass_time(struct fleet *f, int64_t ms)
{
    f->now.mono_ms += ms;
    f->now.wall_ms += ms;
    f->truth.now_ms = f->now.wall_ms;
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct instance *instance = f->instances[i];

        instance_advance(instance);
        for (unsigned h = 0; h < instance->hubs_count; h++)
            instance_settle_hub(instance, h);
    }
}

static void settle(struct fleet *f, struct instance *i);

static void disturb(struct fleet *f)
{
    struct redis *r = &f->redis;
    unsigned roll = dice_below(&f->dice, 100), which = dice_below(&f->dice, INSTANCES);

    if (r->dead) {
        r->dead = roll >= 60;
    } else if (r->frozen) {
        r->frozen = roll >= 60;
    } else if (roll < 20) {
        redis_kill(f, !f->truth.gentle && dice_chance(&f->dice, 60));
    } else if (roll < 45) {
        r->frozen = true;
        stats.freezes++;
    } else if (roll < 65) {
        broker_sim_give_up(f->instances[which]->broker);
    } else if (roll < 80 && !f->truth.gentle) {
        instance_stop(f->instances[which]);
        instance_start(f, which);
        stats.restarts++;
    } else if (roll < 84 && !f->truth.gentle) {
        redis_trim(f);
    } else if (roll < 90) {
        pass_time(f, dice_between(&f->dice, 1000, 70000));
    } else {
        settle(f, f->instances[which]);
    }
    if (r->frozen && dice_chance(&f->dice, 50))
        broker_sim_give_up(f->instances[which]->broker);
}

static void step(struct fleet *f)
{
    struct instance *i = f->instances[dice_below(&f->dice, INSTANCES)];
    unsigned roll = dice_below(&f->dice, 1000);

    if (roll < f->busy)
        publish_something(f);
    else if (roll < 180)
        person_step(f, &f->people[dice_below(&f->dice, PEOPLE)]);
    else if (roll < 330)
        redis_step(f);
    else if (roll < 520)
        broker_sim_step(i->broker);
    else if (roll < 680)
        instance_bus_mail(i);
    else if (roll < 900)
        instance_hub_mail(i, dice_below(&f->dice, i->hubs_count));
    else if (roll < 988)
        pass_time(f, dice_between(&f->dice, 0, dice_chance(&f->dice, 90) ? 30 : 700));
    else
        disturb(f);
}

static bool work(struct fleet *f)
{
    bool moved = redis_step(f);

    for (unsigned k = 0; k < INSTANCES; k++) {
        struct instance *i = f->instances[k];

        moved |= broker_sim_step(i->broker);
        moved |= instance_bus_mail(i);
        for (unsigned h = 0; h < i->hubs_count; h++)
            moved |= instance_hub_mail(i, h);
    }
    return moved;
}

/* Whatever Redis does: who is live has what this instance accepted. */
static void settle(struct fleet *f, struct instance *i)
{
    bool moved = true;

    while (moved && !f->truth.problem[0]) {
        moved = instance_bus_mail(i);
        for (unsigned h = 0; h < i->hubs_count; h++)
            moved |= instance_hub_mail(i, h);
    }
    stats.settled++;
    if (!i->follow.past && broadcast_waiting(i->broadcast) == 0)
        truth_settled(&f->truth, i->index);
}

/* What is stored, or was accepted by an instance that is still there. (A repetition elsewhere may
 * have a later time, which its instance has for itself until Redis has it from there.) */
static void check_fences(struct fleet *f, const struct instance *i)
{
    const struct truth *t = &f->truth;
    bool seen[FACTS_MAX] = {false};

    for (int node = 1; node < t->nodes_count; node++) {
        const struct event *event = f->redis.events[node];
        const struct fact *fact = &t->facts[t->nodes[node].fact];
        bool lives = truth_up(t, f->redis.tip, t->nodes[node].n) == node;

        for (unsigned k = 0; k < INSTANCES; k++)
            lives |= fact->accepted[k] && fact->life[k] == t->life[k];
        if (lives && !seen[t->nodes[node].fact] && event->has_fence &&
            !fence_table_holds(&i->fences, &event->fence))
            truth_fail(&f->truth, "instance %u does not know the fence of %s", i->index, fact->id);
        seen[t->nodes[node].fact] = true;
    }
}

/* Nothing breaks any more; and everything must come to its end. */
static void quiet(struct fleet *f)
{
    unsigned idle = 0;

    f->calm = true;
    f->redis.dead = f->redis.frozen = false;
    for (unsigned rounds = 0; idle < 30 && !f->truth.problem[0]; rounds++) {
        if (rounds > 20000)
            truth_fail(&f->truth, "it never becomes quiet");
        if (work(f))
            continue;
        for (unsigned p = 0; p < PEOPLE; p++)
            if (!f->people[p].session)
                person_step(f, &f->people[p]);
        for (unsigned k = 0; k < INSTANCES; k++)
            broker_sim_ping(f->instances[k]->broker);
        pass_time(f, 1100);
        idle++;
    }
    for (unsigned k = 0; k < INSTANCES && !f->truth.problem[0]; k++) {
        struct degraded_stats s;

        degraded_stats(f->instances[k]->degraded, &s);
        if (!s.ok || !s.ready || s.isolated || s.outbox_events > 0 || s.unanswered)
            truth_fail(&f->truth, "instance %u: ok %d, ready %d, %zu in the outbox, unanswered %d",
                       k, s.ok, s.ready, s.outbox_events, s.unanswered);
        if (broadcast_waiting(f->instances[k]->broadcast) > 0)
            truth_fail(&f->truth, "instance %u: entries wait when all is quiet", k);
        check_fences(f, f->instances[k]);
    }
    if (!f->truth.problem[0])
        truth_quiet(&f->truth, f->redis.tip);
    f->calm = false;
    stats.quiets++;
}

static const char *run(uint64_t seed, unsigned long steps, bool trace)
{
    struct fleet *f = calloc(1, sizeof *f);

    if (!f)
        abort();
    f->trace = trace;
    fleet_open(f, seed);
    for (unsigned long i = 0; i < steps && !f->truth.problem[0]; i++) {
        step(f);
        if (i % 1000 == 999)
            quiet(f);
    }
    if (f->truth.problem[0])
        return f->truth.problem;
    fleet_close(f);
    free(f);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct seeds_stat reached[] = {STATS(SEEDS_STAT)};
    static const struct simulation simulation = {.name = "sim_fleet",
                                                 .runs = 400,
                                                 .steps = 4000,
                                                 .traces = true,
                                                 .run = run,
                                                 .stats = reached,
                                                 .stats_count = ARRAY_COUNT(reached)};

    return seeds_main(&simulation, argc, argv);
}
