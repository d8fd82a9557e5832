/* SPDX-License-Identifier: Apache-2.0 */
/* test_loop.c: a turn calls who is ready, and never who was unwatched, freed or not. */
#include "io/loop.h"

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define MANY 20

struct bell {
    struct watch watch;
    watch_ready *ready;
    struct loop *loop;
    struct bell **all; /* who is to be unwatched and freed when this one rings */
    unsigned rung;
    uint32_t events;
};

static unsigned rung_in_all;

static void count_ring(struct watch *watch, uint32_t events)
{
    struct bell *bell = container_of(watch, struct bell, watch);

    bell->rung++;
    bell->events = events;
    rung_in_all++;
}

static struct bell *bell_new(struct loop *loop, watch_ready *ready)
{
    struct bell *bell = calloc(1, sizeof *bell);

    assert_non_null(bell);
    bell->watch.fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    bell->ready = ready;
    bell->loop = loop;
    CHECK_EQ(loop_watch(loop, &bell->watch, ready, EPOLLIN), 0);
    return bell;
}

static void bell_free(struct bell *bell)
{
    loop_unwatch(bell->loop, &bell->watch);
    close(bell->watch.fd);
    free(bell);
}

TEST(a_turn_is_level_triggered_and_delivers_what_was_asked)
{
    struct loop loop;
    struct bell *bell;
    uint64_t value;

    CHECK_EQ(loop_init(&loop), 0);
    bell = bell_new(&loop, count_ring);
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(loop_turn(&loop, -1), 0);
    CHECK_EQ(bell->rung, 2);
    CHECK_EQ(bell->events, EPOLLIN);

    loop_change(&loop, &bell->watch, EPOLLIN | EPOLLOUT);
    loop_change(&loop, &bell->watch, EPOLLIN | EPOLLOUT);
    CHECK_EQ(loop_turn(&loop, -1), 0);
    CHECK_EQ(bell->events, EPOLLIN | EPOLLOUT);

    loop_change(&loop, &bell->watch, EPOLLIN);
    CHECK_EQ(read(bell->watch.fd, &value, sizeof value), sizeof value);
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(bell->rung, 3);
    bell_free(bell);
    loop_done(&loop);
    loop_done(&loop);
}

/* Frees every other bell, itself as well: whatever the order, one bell rings. */
static void free_all(struct watch *watch, uint32_t events)
{
    struct bell **all = container_of(watch, struct bell, watch)->all;

    (void)events;
    rung_in_all++;
    for (int i = 0; i < MANY; i++) {
        bell_free(all[i]);
        all[i] = NULL;
    }
}

TEST(what_a_callback_unwatched_and_freed_does_not_fire)
{
    struct bell *all[MANY];
    struct loop loop;

    CHECK_EQ(loop_init(&loop), 0);
    rung_in_all = 0;
    for (int i = 0; i < MANY; i++) {
        all[i] = bell_new(&loop, free_all);
        all[i]->all = all;
    }
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, 1);
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, 1);
    loop_done(&loop);
}

/* Takes the others off and puts them on again, one of them wanting something else. */
static void rewatch_others(struct watch *watch, uint32_t events)
{
    struct bell *self = container_of(watch, struct bell, watch);

    (void)events;
    rung_in_all++;
    for (int i = 0; i < MANY; i++) {
        if (self->all[i] == self)
            continue;
        loop_unwatch(self->loop, &self->all[i]->watch);
        CHECK_EQ(loop_watch(self->loop, &self->all[i]->watch, self->all[i]->ready, EPOLLIN), 0);
    }
}

TEST(what_was_watched_anew_waits_for_the_next_turn)
{
    struct bell *all[MANY];
    struct loop loop;

    CHECK_EQ(loop_init(&loop), 0);
    rung_in_all = 0;
    for (int i = 0; i < MANY; i++) {
        all[i] = bell_new(&loop, rewatch_others);
        all[i]->all = all;
    }
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, 1);
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, 2);
    for (int i = 0; i < MANY; i++)
        bell_free(all[i]);
    loop_done(&loop);
}

static void quiet_others(struct watch *watch, uint32_t events)
{
    struct bell *self = container_of(watch, struct bell, watch);

    (void)events;
    rung_in_all++;
    for (int i = 0; i < MANY; i++)
        if (self->all[i] != self)
            loop_change(self->loop, &self->all[i]->watch, 0);
}

TEST(events_no_longer_wanted_are_not_delivered_in_the_same_turn)
{
    struct bell *all[MANY];
    struct loop loop;

    CHECK_EQ(loop_init(&loop), 0);
    rung_in_all = 0;
    for (int i = 0; i < MANY; i++) {
        all[i] = bell_new(&loop, quiet_others);
        all[i]->all = all;
    }
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, 1);
    for (int i = 0; i < MANY; i++) {
        CHECK(watch_is_on(&all[i]->watch)); /* also the one that wants nothing */
        bell_free(all[i]);
    }
    loop_done(&loop);
}

TEST(more_events_than_a_turn_takes_come_in_the_next)
{
    enum { PIPES = LOOP_EVENTS_MAX + 100 };
    static struct bell *all[PIPES];
    struct loop loop;

    CHECK_EQ(loop_init(&loop), 0);
    for (int i = 0; i < PIPES; i++)
        all[i] = bell_new(&loop, count_ring);
    rung_in_all = 0;
    CHECK_EQ(loop_turn(&loop, 0), 0);
    CHECK_EQ(rung_in_all, LOOP_EVENTS_MAX);
    CHECK_EQ(loop_turn(&loop, 0), 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK(all[i]->rung >= 1); /* the kernel goes round: nobody starves */
        bell_free(all[i]);
    }
    loop_done(&loop);
}

static void on_alarm(int number)
{
    (void)number;
}

TEST(a_signal_ends_the_sleep_without_an_error)
{
    struct sigaction action = {.sa_handler = on_alarm}, before;
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    struct loop loop;

    CHECK_EQ(loop_init(&loop), 0);
    CHECK_EQ(sigaction(SIGALRM, &action, &before), 0);
    CHECK_EQ(setitimer(ITIMER_REAL, &soon, NULL), 0);
    CHECK_EQ(loop_turn(&loop, INT64_MAX), 0);
    CHECK_EQ(sigaction(SIGALRM, &before, NULL), 0);
    loop_done(&loop);
}

TEST(a_sleep_lasts_about_as_long_as_asked)
{
    struct loop loop;
    int64_t before = clock_now().mono_ms;

    CHECK_EQ(loop_init(&loop), 0);
    CHECK_EQ(loop_turn(&loop, 30), 0);
    CHECK(clock_now().mono_ms - before >= 29);
    loop_done(&loop);
}

TEST(a_descriptor_that_cannot_be_watched_is_an_error)
{
    struct loop loop;
    struct watch watch = {.fd = 1 << 20};

    CHECK_EQ(loop_init(&loop), 0);
    CHECK_EQ(loop_watch(&loop, &watch, count_ring, EPOLLIN), MCP_AUTH_E_SYSTEM);
    CHECK(!watch_is_on(&watch));
    loop_unwatch(&loop, &watch); /* never on: fine */
    loop_done(&loop);
}
