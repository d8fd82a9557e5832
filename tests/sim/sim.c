/* SPDX-License-Identifier: Apache-2.0 */
/* sim.c: several hubs behind one bus, random sessions, and an oracle that knows what each must get. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* sim [--seed N] [--runs N] [--steps N], or just N for one seed. Seeds count up from the first. */

#define RUNS 120
#define STEPS 10000

struct arguments {
    uint64_t seed;
    unsigned long runs, steps;
};

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

/* What is under test is in an unknown state then: it is left as it stands, not freed. */
static struct world *abandoned[3];

static bool run(const struct arguments *arguments, uint64_t seed)
{
    struct world *w = calloc(1, sizeof *w);
    bool good;

    if (!w)
        abort();
    world_open(w, seed);
    for (unsigned long i = 0; i < arguments->steps && !world_problem(w); i++) {
        step(w);
        if (i % 700 == 699)
            settle(w);
    }
    if (!world_problem(w))
        settle(w);
    if (!world_problem(w) && dice_chance(&w->dice, 50))
        drain_hub(w);
    good = !world_problem(w);
    if (good) {
        world_close(w);
        good = !world_problem(w);
    }
    if (!good) {
        printf("seed %llu: %s\n  repeat: sim --seed %llu --runs 1 --steps %lu\n",
               (unsigned long long)seed, world_problem(w), (unsigned long long)seed,
               arguments->steps);
        fflush(stdout);
        for (unsigned i = 0; i < ARRAY_COUNT(abandoned); i++)
            if (!abandoned[i]) {
                abandoned[i] = w;
                break;
            }
        return false;
    }
    oracle_free(w->oracle);
    free(w);
    return true;
}

/* A state that was never reached was never tested. Only a whole run can be held to that. */
static unsigned long print_stats(void)
{
    unsigned long missing = 0;

    printf("reached:");
#define PRINT(name)                       \
    printf(" " #name " %lu", stats.name); \
    missing += stats.name == 0;
    STATS(PRINT)
#undef PRINT
    printf("\n");
#define NAME(name)       \
    if (stats.name == 0) \
        printf("never reached: " #name "\n");
    STATS(NAME)
#undef NAME
    return missing;
}

static bool arguments_read(int argc, char **argv, struct arguments *ret)
{
    bool runs_given = false;

    *ret = (struct arguments){1, RUNS, STEPS};
    for (int i = 1; i < argc; i++) {
        if (i + 1 < argc && strcmp(argv[i], "--seed") == 0) {
            ret->seed = strtoull(argv[++i], NULL, 10);
        } else if (i + 1 < argc && strcmp(argv[i], "--runs") == 0) {
            ret->runs = strtoul(argv[++i], NULL, 10);
            runs_given = true;
        } else if (i + 1 < argc && strcmp(argv[i], "--steps") == 0) {
            ret->steps = strtoul(argv[++i], NULL, 10);
        } else if (argv[i][0] >= '0' && argv[i][0] <= '9') {
            ret->seed = strtoull(argv[i], NULL, 10);
            ret->runs = runs_given ? ret->runs : 1;
        } else {
            fprintf(stderr, "usage: sim [--seed N] [--runs N] [--steps N]\n");
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    struct arguments arguments;
    unsigned long passed = 0, failed = 0;

    if (!arguments_read(argc, argv, &arguments))
        return 2;
    for (unsigned long i = 0; i < arguments.runs; i++) {
        if (run(&arguments, arguments.seed + i))
            passed++;
        else
            failed++;
        if (failed == ARRAY_COUNT(abandoned)) /* the first few tell what is wrong */
            break;
    }
    if (print_stats() > 0 && arguments.runs >= RUNS && failed == 0)
        failed++;
    printf("%lu passed, %lu failed\n", passed, failed);
    return failed ? 1 : 0;
}
