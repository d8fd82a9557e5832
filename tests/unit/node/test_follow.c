/* SPDX-License-Identifier: Apache-2.0 */
/* test_follow.c: what was before this instance is history, what is lost is said, the rest is news. */
#include "node/follow.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "sample_event.h"

#define START_MS INT64_C(1000000000)

/* What the hub was told, in words. */
static struct {
    struct broker broker;
    struct history *history;
    struct broadcast *broadcast;
    struct degraded *degraded;
    struct follow follow;
    char trace[1024];
    uint64_t epoch;
    bool no_memory;
} bus;

static void say(const char *what, uint64_t n, const char *more)
{
    size_t used = strlen(bus.trace);

    snprintf(bus.trace + used, sizeof bus.trace - used, "%s%s%llu%s", used ? " " : "", what,
             (unsigned long long)n, more);
}

/* What happened since the last look. */
static struct bytes happened(void)
{
    static char seen[sizeof bus.trace];

    memcpy(seen, bus.trace, sizeof seen);
    bus.trace[0] = '\0';
    return bytes_of(seen);
}

#define CHECK_HAPPENED(text) CHECK_TEXT(happened(), text)

static void on_announce(void *owner, unsigned hub, const struct entry *entry)
{
    (void)owner;
    (void)hub;
    say("news:", entry->n, "");
}

static void on_gone(void *owner, unsigned hub, const struct entry *entry)
{
    (void)owner;
    (void)hub;
    say("gone:", entry->n, "");
}

static void on_rebase(void *owner, unsigned hub, const struct position *head, enum rebase_kind kind)
{
    (void)owner;
    (void)hub;
    CHECK_EQ(head->epoch, bus.epoch);
    say("rebase:", head->n, kind == REBASE_LOST ? "-lost" : kind == REBASE_TAIL ? "-tail" : "");
}

static void on_announced(void *owner, const struct entry *entry)
{
    (void)owner;
    (void)entry;
    degraded_announced(bus.degraded);
}

static int reserve(void *owner, size_t count)
{
    (void)owner;
    return bus.no_memory ? MCP_AUTH_E_NOMEM : broadcast_reserve(bus.broadcast, count);
}

static void begin(void)
{
    static const uint8_t seed[16] = {6};
    struct broadcast_port hubs = {.announce = on_announce,
                                  .gone = on_gone,
                                  .rebase = on_rebase,
                                  .announced = on_announced};
    struct degraded_port port = {.reserve = reserve};
    struct degraded_settings settings = {100, 0, 60000, 1000, {4}};
    struct history_limits limits = {10, SIZE_MAX, INT64_MAX / 4};

    memset(&bus, 0, sizeof bus);
    CHECK_EQ(history_new(&bus.history, 0, &limits, seed), 0);
    CHECK_EQ(broadcast_new(&bus.broadcast, 1, bus.history, &hubs), 0);
    CHECK_EQ(degraded_new(&bus.degraded, &settings, bus.broadcast, &port), 0);
    degraded_use(bus.degraded, &bus.broker, (struct now){0});
    bus.follow = (struct follow){.broadcast = bus.broadcast,
                                 .degraded = bus.degraded,
                                 .reserve = reserve,
                                 .started_wall_ms = START_MS};
}

static void end(void)
{
    degraded_free(bus.degraded);
    broadcast_free(bus.broadcast);
    history_free(bus.history);
}

static void stand(enum stand_kind kind, uint64_t epoch, uint64_t after_n, uint64_t common_n,
                  uint64_t upto_n)
{
    struct broker_stand at = {kind, {epoch, after_n, 0}, common_n, upto_n};

    bus.epoch = epoch;
    CHECK_EQ(follow_stand(&bus.follow, &at), 0);
}

/* Entries of this time. */
static void entries(uint64_t from, uint64_t to, int64_t time_ms)
{
    for (uint64_t n = from; n <= to; n++) {
        struct entry entry = {.n = n, .check = n * 3 + bus.epoch};

        entry.event = sample_event(
            (struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .time_ms = time_ms});
        CHECK_EQ(follow_entry(&bus.follow, &entry, (struct now){0}), 0);
        event_unref(entry.event);
    }
}

TEST(what_was_before_the_start_is_history_and_news_to_nobody)
{
    uint64_t check;

    begin();
    stand(STAND_FIRST, 5, 3, 0, 8);
    CHECK_HAPPENED("");
    entries(4, 6, START_MS - 60001);
    CHECK_HAPPENED("");
    entries(7, 8, START_MS - 60000); /* a clock that is behind may have written this since */
    CHECK_HAPPENED("rebase:6 news:7 news:8");
    entries(9, 9, START_MS - 100000); /* it waited elsewhere for Redis */
    CHECK_HAPPENED("news:9");
    CHECK_EQ(history_count(bus.history), 6);
    CHECK(follow_known(&bus.follow, 4, &check));
    CHECK_EQ(check, 4 * 3 + 5);
    CHECK(!follow_known(&bus.follow, 3, &check));
    end();
}

TEST(the_past_ends_where_the_stream_ended_when_it_was_met)
{
    begin();
    stand(STAND_FIRST, 5, 0, 0, 2);
    entries(1, 2, 1);
    CHECK_HAPPENED("rebase:2");
    entries(3, 3, 1);
    CHECK_HAPPENED("news:3");
    end();
    begin();
    stand(STAND_FIRST, 5, 0, 0, 0);
    CHECK_HAPPENED("rebase:0");
    end();
}

TEST(it_goes_on_where_it_was_in_the_middle_of_the_past_as_well)
{
    begin();
    stand(STAND_FIRST, 5, 0, 0, 4);
    entries(1, 2, 1);
    stand(STAND_SAME, 5, 2, 0, 6);
    entries(3, 4, 1);
    CHECK_HAPPENED("rebase:4");
    stand(STAND_SAME, 5, 4, 0, 6);
    entries(5, 6, 1);
    CHECK_HAPPENED("news:5 news:6");
    end();
}

TEST(what_was_trimmed_meanwhile_is_lost_to_everybody)
{
    begin();
    stand(STAND_FIRST, 5, 0, 0, 0);
    entries(1, 2, START_MS);
    stand(STAND_GAP, 5, 7, 0, 9);
    entries(8, 9, START_MS);
    CHECK_HAPPENED("rebase:0 news:1 news:2 rebase:7-lost news:8 news:9");
    CHECK_EQ(history_count(bus.history), 2);
    end();
}

TEST(a_lost_end_is_told_entry_by_entry_and_the_rest_is_read_again)
{
    begin();
    stand(STAND_FIRST, 5, 0, 0, 0);
    entries(1, 5, START_MS);
    bus.trace[0] = '\0';
    stand(STAND_LOST_TAIL, 6, 1, 3, 4);
    CHECK_HAPPENED("gone:4 gone:5");
    entries(2, 3, START_MS); /* again, whatever their time */
    CHECK_HAPPENED("rebase:3-tail");
    entries(4, 4, START_MS);
    CHECK_HAPPENED("news:4");
    CHECK_EQ(history_head(bus.history).epoch, 6);
    end();
}

TEST(a_lost_end_that_is_not_known_any_more_is_lost_to_everybody)
{
    begin();
    stand(STAND_FIRST, 5, 0, 0, 0);
    entries(1, 15, START_MS); /* of which ten are kept */
    bus.trace[0] = '\0';
    stand(STAND_LOST_TAIL, 6, 0, 0, 0);
    CHECK_HAPPENED("gone:6 gone:7 gone:8 gone:9 gone:10 gone:11 gone:12 gone:13 gone:14 gone:15 "
                   "rebase:0-lost");
    entries(1, 1, START_MS);
    CHECK_HAPPENED("news:1");
    end();
}

TEST(without_memory_nothing_is_done_and_it_may_be_told_again)
{
    struct broker_stand at = {STAND_FIRST, {5, 0, 0}, 0, 0};

    begin();
    bus.epoch = 5;
    bus.no_memory = true;
    CHECK_EQ(follow_stand(&bus.follow, &at), MCP_AUTH_E_NOMEM);
    CHECK_HAPPENED("");
    bus.no_memory = false;
    CHECK_EQ(follow_stand(&bus.follow, &at), 0);
    CHECK_HAPPENED("rebase:0");
    end();
}
