/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c: several hubs behind one bus, random sessions, and an oracle that knows what each must get. */
#include <stdlib.h>

#include "seeds.h"
#include "world.h"

static struct client *some_client(struct world *w)
{
    unsigned at = dice_below(&w->dice, CLIENTS_MAX);

    for (unsigned i = 0; i < CLIENTS_MAX; i++, at = (at + 1) % CLIENTS_MAX)
        if (w->clients[at].session)
            return &w->clients[at];
    return NULL;
}

static void pass_time(struct world *w)
{
    int64_t ms = dice_chance(&w->dice, 85)   ? dice_between(&w->dice, 0, 900)
                 : dice_chance(&w->dice, 90) ? dice_between(&w->dice, 900, 4000)
                                             : dice_between(&w->dice, 4000, 20000);

    w->now.mono_ms += ms;
    w->now.wall_ms += ms;
    (void)broker_advance(w->broker, w->now);
}

/* Reads: all, a part, or nothing for a long time. */
static void some_client_reads(struct world *w)
{
    struct client *c = some_client(w);

    if (!c)
        return;
    if (dice_chance(&w->dice, 2)) {
        c->stalled = !c->stalled;
        stats.stalls += c->stalled;
    }
    if (c->stalled)
        return;
    client_drain(c, dice_chance(&w->dice, 70) ? SIZE_MAX : dice_below(&w->dice, 3000));
    if (c->closed && dice_chance(&w->dice, 80)) {
        client_drain(c, SIZE_MAX); /* the last words */
        client_disconnect(c);
    }
}

static void some_mail(struct world *w)
{
    unsigned hub = dice_below(&w->dice, w->config.hubs), burst = 1 + dice_below(&w->dice, 20);
    bool to_bus = dice_chance(&w->dice, 40);

    /* One hub at a time is far behind the others, for a while. */
    if (hub == w->now.mono_ms / 8192 % (w->config.hubs + 1) && !dice_chance(&w->dice, 5))
        return;
    while (burst-- > 0)
        if (!(to_bus ? world_deliver_to_bus(w, hub) : world_deliver_to_hub(w, hub)))
            return;
}

static void bus_state(struct world *w)
{
    static const enum bus_state states[] = {BUS_OK, BUS_DEGRADED, BUS_NONE};
    unsigned hub = dice_below(&w->dice, w->config.hubs);
    unsigned state = world_has_bus(hub) ? dice_below(&w->dice, 2) : 2;

    hub_bus_state(w->hubs[hub], states[state]);
    oracle_bus_state(w->oracle, hub, (int)state);
}

static void some_client_speaks(struct world *w)
{
    struct client *c = some_client(w);

    for (int i = 0; i < 3 && c && (c->closed || oracle_signed_in(w->oracle, c->index)); i++)
        c = some_client(w); /* mostly one that has not signed in yet */
    if (c && !c->closed)
        client_speak(c);
}

static void step(struct world *w)
{
    unsigned roll = dice_below(&w->dice, 1000);

    if (dice_below(&w->dice, 1000) < w->publish_permille) {
        publish_something(w);
    } else if (roll < w->connect_permille) {
        client_connect(w);
    } else if (roll < 400) {
        some_mail(w);
    } else if (roll < 670) {
        some_client_reads(w);
    } else if (roll < 840) {
        some_client_speaks(w);
    } else if (roll < 970) {
        pass_time(w);
    } else if (roll < 975) {
        bus_state(w);
    } else if (roll < 992) {
        unsigned hub = dice_below(&w->dice, w->config.hubs);

        world_begin_turn(w, hub); /* nothing but time */
    } else if (some_client(w)) {
        client_disconnect(some_client(w));
    }
}

/* Everything that is on its way arrives, everybody reads; then nobody may miss anything. */
static void settle(struct world *w)
{
    bool moved = true;

    for (unsigned rounds = 0; moved && !world_problem(w); rounds++) {
        moved = false;
        if (rounds > 100000)
            world_fail(w, "it never becomes quiet");
        for (unsigned h = 0; h < w->config.hubs; h++) {
            while (world_deliver_to_bus(w, h))
                moved = true;
            while (world_deliver_to_hub(w, h))
                moved = true;
        }
        for (unsigned i = 0; i < CLIENTS_MAX; i++)
            if (w->clients[i].session && client_drain(&w->clients[i], SIZE_MAX))
                moved = true;
    }
    if (world_problem(w))
        return;
    for (unsigned i = 0; i < CLIENTS_MAX; i++)
        if (w->clients[i].session)
            oracle_drained(w->oracle, i);
    oracle_quiet(w->oracle);
    if (broadcast_waiting(w->broadcast) != 0)
        world_fail(w, "%zu entries wait when all is quiet", broadcast_waiting(w->broadcast));
}

static void drain_hub(struct world *w)
{
    unsigned hub = dice_below(&w->dice, w->config.hubs);

    world_begin_turn(w, hub);
    hub_close_all(w->hubs[hub], CLOSE_DRAINING);
    oracle_close_all(w->oracle, hub);
    world_end_turn(w, hub);
    settle(w);
}

/* For the leak checker: worlds that are not freed are not lost either. */
static struct world *abandoned[SEEDS_FAILED_MAX];
static unsigned abandoned_count;

static const char *run(uint64_t seed, unsigned long steps, bool trace __attribute__((unused)))
{
    struct world *w = calloc(1, sizeof *w);

    if (!w)
        abort();
    world_open(w, seed);
    for (unsigned long i = 0; i < steps && !world_problem(w); i++) {
        step(w);
        if (i % 700 == 699)
            settle(w);
    }
    if (!world_problem(w))
        settle(w);
    if (!world_problem(w) && dice_chance(&w->dice, 50))
        drain_hub(w);
    if (!world_problem(w))
        world_close(w);
    if (world_problem(w)) {
        abandoned[abandoned_count++] = w;
        return world_problem(w);
    }
    oracle_free(w->oracle);
    free(w);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct seeds_stat reached[] = {STATS(SEEDS_STAT)};
    static const struct simulation simulation = {.name = "sim",
                                                 .runs = 120,
                                                 .steps = 10000,
                                                 .run = run,
                                                 .stats = reached,
                                                 .stats_count = ARRAY_COUNT(reached)};

    return seeds_main(&simulation, argc, argv);
}
