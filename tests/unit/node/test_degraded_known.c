/* SPDX-License-Identifier: Apache-2.0 */
/* test_degraded_known.c: a given id that the stream has is no news, with Redis and without. */
#include "node/degraded_stage.h"

static struct sample of_another_body(const char *id)
{
    struct sample sample = plain(id);

    sample.user = "ben";
    return sample;
}

/* As an instance reads what another one accepted: without a fingerprint. */
static void entry_read(const char *id)
{
    struct event *event = sample_event(plain(id));
    struct entry entry = {.event = event, .n = ++bus.n};

    event->fingerprint = 0;
    entry.check = entry.n + 7;
    CHECK_EQ(degraded_entry(bus.degraded, &entry, bus.now), 0);
    event_unref(event);
}

TEST(a_repeated_id_of_this_instance_is_a_duplicate_and_redis_is_not_asked)
{
    struct sample other = of_another_body("a");

    begin(100000);
    publish("a");
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    (void)happened();
    publish("a");
    CHECK_HAPPENED("a=dup@1");
    CHECK_EQ(publish_all("a", &other, 1), MCP_AUTH_E_CONFLICT);
    away();
    publish("a"); /* it was given to everybody */
    CHECK_HAPPENED("AWAY a=dup@1");
    CHECK_EQ(publish_all("a", &other, 1), MCP_AUTH_E_CONFLICT);
    end();
}

TEST(a_repeated_id_of_another_instance_is_redis_to_judge_while_it_answers)
{
    begin(100000);
    entry_read("a");
    publish("a");
    CHECK_HAPPENED("news:a@1/0 send:a");
    not_taken(BATCH_CONFLICT, 0);
    CHECK_HAPPENED("a=conflict");
    publish("a");
    pass(DEADLINE_MS); /* no answer: at least it is not given twice */
    CHECK_HAPPENED("send:a AWAY a=dup@1");
    taken(PUBLISH_DUPLICATE, 1);
    publish("a");
    CHECK_HAPPENED("BACK(0,0) send:a");
    end();
}

TEST(in_an_outage_a_repeated_id_of_another_instance_is_a_duplicate)
{
    struct sample batch[3] = {plain("a"), plain("b"), plain("a")};

    begin(100000);
    entry_read("a");
    away();
    (void)happened();
    publish("a");
    CHECK_HAPPENED("a=dup@1");
    CHECK_EQ(publish_all("aba", batch, 3), 0);
    CHECK_HAPPENED("news:b@0/1 aba=dup-alone@1");
    end();
}

TEST(what_a_repeated_event_took_away_is_not_taken_away_again)
{
    struct sample fence = {.type = EVENT_USER_DELETED,
                           .id = "f",
                           .id_given = true,
                           .target = "ann"};

    begin(100000);
    CHECK_EQ(publish_all("f", &fence, 1), 0);
    taken(PUBLISH_TAKEN, 1);
    entry_of(fence);
    away();
    (void)happened();
    CHECK_EQ(publish_all("f", &fence, 1), 0);
    CHECK_HAPPENED("f=dup@1");
    end();
}

TEST(an_id_is_known_as_long_as_the_window_and_as_the_stream_has_it)
{
    struct degraded_stats stats;

    begin(100000);
    entry_read("a");
    entry_read("b");
    degraded_stats(bus.degraded, &stats);
    CHECK(stats.ids == 2 && stats.ids_bytes > 0);
    pass(DEDUPE_MS);
    away();
    (void)happened();
    publish("a");
    CHECK_HAPPENED("a=dup@1");
    pass(1);
    (void)happened();
    publish("a");
    CHECK_HAPPENED("news:a@0/1 a=ok-alone");
    end();

    begin(100000);
    entry_read("a");
    away();
    bus.n = 0;
    stand(STAND_LOST_TAIL);
    (void)happened();
    publish("a"); /* the stream has lost it */
    CHECK_HAPPENED("news:a@0/1 a=ok-alone");
    end();
}

TEST(an_id_of_the_past_is_known_too)
{
    struct event *event = sample_event(plain("a"));
    struct entry entry = {.event = event, .n = 1, .check = 8};

    begin(100000);
    event->time_ms = bus.now.wall_ms - DEDUPE_MS - 1;
    degraded_past(bus.degraded, &entry);
    away();
    publish("a");
    CHECK_HAPPENED("AWAY news:a@0/1 a=ok-alone"); /* it is too old */
    end();

    begin(100000);
    event->time_ms = bus.now.wall_ms - DEDUPE_MS;
    degraded_past(bus.degraded, &entry);
    away();
    publish("a");
    CHECK_HAPPENED("AWAY a=dup@1");
    end();
    event_unref(event);
}
