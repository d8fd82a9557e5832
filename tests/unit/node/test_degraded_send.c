/* SPDX-License-Identifier: Apache-2.0 */
/* test_degraded_send.c: what the stream says to a batch, what is refused, and what has no room. */
#include "node/degraded_stage.h"

TEST(a_repeated_id_is_answered_with_the_first_position)
{
    begin(100000);
    publish("a");
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    pass(DEDUPE_MS + 1); /* by this clock; by that of Redis' entry not yet */
    (void)happened();
    publish("a");
    taken(PUBLISH_DUPLICATE, 1);
    CHECK_HAPPENED("send:a a=dup@1");
    publish("b"); /* another instance stored it, and its entry is still on its way */
    taken(PUBLISH_DUPLICATE, 2);
    CHECK_HAPPENED("send:b");
    entry("b");
    CHECK_HAPPENED("news:b@2/0 b=dup@2");
    end();
}

TEST(one_delivered_alone_that_was_there_before_is_forgotten)
{
    begin(100000);
    publish("a");
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    pass(DEDUPE_MS + 1);
    away();
    (void)happened();
    publish("a");
    CHECK_HAPPENED("news:a@0/1 a=ok-alone");
    stand(STAND_SAME);
    ready();
    taken(PUBLISH_DUPLICATE, 1);
    CHECK_HAPPENED("send:a forget:1 BACK(0,0)");
    end();
}

TEST(one_delivered_alone_that_another_stored_first_waits_for_that_entry)
{
    begin(100000);
    away();
    publish("a");
    stand(STAND_SAME);
    ready();
    taken(PUBLISH_DUPLICATE, 2);
    CHECK_HAPPENED("AWAY news:a@0/1 a=ok-alone send:a");
    entry("other");
    entry("a"); /* whose like was had */
    CHECK_HAPPENED("news:other@1/0 news:a@2/1 BACK(1,0)");
    end();
}

TEST(a_conflict_refuses_the_whole_batch)
{
    struct sample batch[3] = {plain("a"), plain("b"), plain("c")};

    begin(100000);
    CHECK_EQ(publish_all("abc", batch, 3), 0);
    not_taken(BATCH_CONFLICT, 1);
    CHECK_HAPPENED("send:a +b +c abc=conflict");
    pass(1000);
    CHECK_HAPPENED("");
    end();
}

TEST(a_conflict_of_what_was_delivered_alone_costs_only_that_one)
{
    struct sample batch[3] = {plain("a"), plain("b"), plain("c")};

    begin(100000);
    CHECK_EQ(publish_all("abc", batch, 3), 0);
    pass(DEADLINE_MS);
    (void)happened();
    not_taken(BATCH_CONFLICT, 1);
    CHECK_HAPPENED("refused:b forget:2 send:a +c");
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    entry("c");
    CHECK_HAPPENED("news:a@1/1 news:c@2/3 BACK(2,0)");
    end();
}

TEST(what_could_not_be_stored_is_tried_again_in_its_order)
{
    begin(100000);
    publish("a");
    publish("b");
    not_taken(BATCH_FAILED, 0);
    not_taken(BATCH_FAILED, 0);
    CHECK_HAPPENED("send:a send:b");
    pass(DEADLINE_MS);
    CHECK_HAPPENED("AWAY news:a@0/1 news:b@0/2 a=ok-alone b=ok-alone send:a +b");
    end();
}

TEST(the_same_event_twice_on_its_way_is_sent_once_and_answered_twice)
{
    struct sample other = plain("a");
    struct sample twice[2] = {plain("b"), plain("b")};

    begin(100000);
    publish("a");
    publish("a");
    CHECK_HAPPENED("send:a");
    other.user = "ben";
    CHECK_EQ(publish_all("a", &other, 1), MCP_AUTH_E_CONFLICT);
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    CHECK_HAPPENED("news:a@1/0 a=ok@1 a=dup@1");
    CHECK_EQ(publish_all("bb", twice, 2), 0);
    away();
    publish("b");
    CHECK_HAPPENED("send:b AWAY news:b@0/1 bb=ok-alone b=dup-alone");
    end();
}

TEST(one_that_waited_for_a_refused_batch_goes_its_own_way)
{
    struct sample batch[2] = {plain("a"), plain("x")};

    begin(100000);
    CHECK_EQ(publish_all("ax", batch, 2), 0);
    publish("a");
    publish("a");
    not_taken(BATCH_CONFLICT, 1);
    CHECK_HAPPENED("send:a +x ax=conflict send:a");
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    CHECK_HAPPENED("news:a@1/0 a=ok@1 a=dup@1");
    end();
}

static int revoke(const char *id)
{
    struct event *event = sample_control((struct control_fields){
        .control = CONTROL_REVOCATION, .id = bytes_of(id), .user = BYTES("ann"), .time_ms = 1});
    unsigned failed;
    int r;

    r = degraded_publish(bus.degraded, &event, 1, (void *)(uintptr_t)id, bus.now, &failed);
    event_unref(event);
    return r;
}

TEST(the_outbox_has_a_ceiling_and_revocations_as_much_again)
{
    struct sample sample = plain("more");
    struct degraded_stats stats;
    char id[16];
    int r = 0;

    begin(20000);
    away();
    for (unsigned i = 0; i < 1000 && r == 0; i++) {
        snprintf(id, sizeof id, "e%u", i);
        sample.id = id;
        r = publish_all("x", &sample, 1);
        bus.trace[0] = '\0';
    }
    CHECK_EQ(r, MCP_AUTH_E_FULL);
    degraded_stats(bus.degraded, &stats);
    CHECK(stats.outbox_bytes <= 20000 && stats.outbox_bytes > 15000);
    CHECK_EQ(stats.alone, stats.outbox_events);
    CHECK_EQ(revoke("r1"), 0);
    CHECK(strstr(happened(), "r1=ok-alone"));
    for (unsigned i = 0; i < 1000 && r != 0; i++) {
        snprintf(id, sizeof id, "q%u", i);
        if (revoke(id) < 0)
            break;
        bus.trace[0] = '\0';
    }
    degraded_stats(bus.degraded, &stats);
    CHECK(stats.outbox_bytes > 20000 && stats.outbox_bytes <= 40000);
    end();
}

TEST(without_memory_nothing_is_accepted_and_no_entry_is_taken)
{
    struct sample sample = plain("a");
    struct event *event = sample_event(sample);
    struct entry entry = {.event = event, .n = 1, .check = 8};

    begin(100000);
    bus.no_memory = true;
    CHECK_EQ(publish_all("a", &sample, 1), MCP_AUTH_E_NOMEM);
    CHECK_EQ(degraded_entry(bus.degraded, &entry, bus.now), MCP_AUTH_E_NOMEM);
    bus.no_memory = false;
    CHECK_HAPPENED("");
    CHECK_EQ(degraded_entry(bus.degraded, &entry, bus.now), 0);
    CHECK_HAPPENED("news:a@1/0");
    event_unref(event);
    end();
}

TEST(an_instance_that_is_alone_for_too_long_is_isolated_until_it_is_ready)
{
    begin(100000);
    away();
    CHECK_EQ(degraded_due(bus.degraded), bus.now.mono_ms + ISOLATION_MS);
    pass(ISOLATION_MS - 1);
    CHECK_HAPPENED("AWAY");
    away(); /* an attempt that failed */
    pass(1);
    CHECK_HAPPENED("ISOLATED");
    stand(STAND_SAME);
    ready();
    CHECK_HAPPENED("JOINED BACK(0,0)");
    end();
}

TEST(what_is_left_at_the_end_is_given_back)
{
    struct sample twice[2] = {plain("b"), plain("b")};

    begin(100000);
    publish("a");
    publish("a");
    CHECK_EQ(publish_all("bb", twice, 2), 0);
    end(); /* the sanitizer would tell */
}
