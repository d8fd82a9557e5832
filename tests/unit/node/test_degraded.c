/* SPDX-License-Identifier: Apache-2.0 */
/* test_degraded.c: accepted events through a bus that answers, that is late, and that is away. */
#include "node/degraded_stage.h"

TEST(an_event_is_news_when_it_comes_back_and_not_before)
{
    begin(100000);
    publish("a");
    CHECK_HAPPENED("send:a");
    taken(PUBLISH_TAKEN, 1);
    CHECK_HAPPENED("");
    pass(DEADLINE_MS - 1);
    entry("a");
    CHECK_HAPPENED("news:a@1/0 a=ok@1");
    end();
}

TEST(the_entry_may_be_there_before_the_answer)
{
    begin(100000);
    publish("a");
    entry("a");
    CHECK_HAPPENED("send:a news:a@1/0 a=ok@1");
    taken(PUBLISH_TAKEN, 1);
    entry("of another instance");
    CHECK_HAPPENED("news:of another instance@2/0");
    end();
}

TEST(several_batches_are_on_their_way_and_come_back_in_order)
{
    begin(100000);
    publish("a");
    publish("b");
    publish("c");
    CHECK_HAPPENED("send:a send:b send:c");
    for (uint64_t n = 1; n <= 3; n++)
        taken(PUBLISH_TAKEN, n);
    entry("a");
    entry("b");
    entry("c");
    CHECK_HAPPENED("news:a@1/0 a=ok@1 news:b@2/0 b=ok@2 news:c@3/0 c=ok@3");
    end();
}

TEST(only_the_first_event_of_an_outage_waits)
{
    begin(100000);
    publish("a");
    CHECK_EQ(degraded_due(bus.degraded), bus.now.mono_ms + DEADLINE_MS);
    pass(DEADLINE_MS - 1);
    CHECK_HAPPENED("send:a");
    pass(1);
    CHECK_HAPPENED("AWAY news:a@0/1 a=ok-alone");
    publish("b"); /* one batch at a time is on its way now */
    CHECK_HAPPENED("news:b@0/2 b=ok-alone");
    taken(PUBLISH_TAKEN, 1);
    CHECK_HAPPENED("send:b");
    entry("a");
    CHECK_HAPPENED("news:a@1/1"); /* who is live has had it */
    end();
}

TEST(a_fence_takes_effect_before_its_event_goes_to_the_bus)
{
    struct sample fence = {.type = EVENT_USER_DELETED, .id = "f", .target = "ann"};

    begin(100000);
    CHECK_EQ(publish_all("f", &fence, 1), 0);
    CHECK_HAPPENED("withdrawn:ann enforce:f send:f");
    away();
    CHECK_HAPPENED("AWAY effect:f news:f@0/1 f=ok-alone");
    fence.id = "g";
    CHECK_EQ(publish_all("g", &fence, 1), 0);
    CHECK_HAPPENED("withdrawn:ann enforce:g effect:g news:g@0/2 g=ok-alone");
    end();
}

TEST(what_came_back_while_the_stream_was_read_is_not_sent_again)
{
    begin(100000);
    publish("a");
    publish("b");
    away(); /* whether they were stored is not known */
    publish("c");
    CHECK_HAPPENED("send:a send:b AWAY news:a@0/1 news:b@0/2 a=ok-alone b=ok-alone "
                   "news:c@0/3 c=ok-alone");
    stand(STAND_SAME);
    pass(1);
    entry("other");
    entry("a");
    CHECK_HAPPENED("news:other@1/0 news:a@2/1"); /* and nothing is sent before it is ready */
    ready();
    CHECK_HAPPENED("send:b +c");
    taken(PUBLISH_TAKEN, 3);
    entry("b");
    CHECK_HAPPENED("news:b@3/2");
    entry("c");
    CHECK_HAPPENED("news:c@4/3 BACK(3,1)");
    end();
}

TEST(an_outage_is_told_once_and_ends_when_nothing_waits)
{
    struct degraded_stats stats;

    begin(100000);
    publish("a");
    away();
    away();
    away();
    CHECK_HAPPENED("send:a AWAY news:a@0/1 a=ok-alone");
    stand(STAND_SAME);
    ready();
    away();
    stand(STAND_SAME);
    ready();
    taken(PUBLISH_TAKEN, 1);
    CHECK_HAPPENED("send:a send:a");
    entry("a");
    CHECK_HAPPENED("news:a@1/1 BACK(1,0)");
    degraded_stats(bus.degraded, &stats);
    CHECK(stats.ok && stats.ready && stats.outbox_events == 0 && stats.outbox_bytes == 0);
    CHECK_EQ(stats.outages, 1);
    CHECK_EQ(stats.alone, 1);
    end();
}

TEST(a_bus_that_is_slow_stays_degraded_until_it_is_quick)
{
    begin(100000);
    publish("a");
    pass(DEADLINE_MS);
    bus.round_trip_ms = DEADLINE_MS;
    taken(PUBLISH_TAKEN, 1);
    entry("a");
    CHECK_HAPPENED("send:a AWAY news:a@0/1 a=ok-alone news:a@1/1");
    pass(2000);
    CHECK_HAPPENED("");
    bus.round_trip_ms = DEADLINE_MS - 1;
    pass(100);
    CHECK_HAPPENED("BACK(1,0)");
    end();
}

TEST(events_that_come_back_late_though_answers_are_quick_keep_it_degraded_for_a_second)
{
    begin(100000);
    publish("a");
    taken(PUBLISH_TAKEN, 1);
    pass(DEADLINE_MS);
    entry("a");
    CHECK_HAPPENED("send:a AWAY news:a@0/1 a=ok-alone@1 news:a@1/1");
    pass(999);
    CHECK_HAPPENED("");
    pass(1);
    CHECK_HAPPENED("BACK(1,0)");
    end();
}

/* At every millisecond one is accepted, and the one before is stored and comes back. */
static bool is_ok_under_steady_publishing(unsigned steps)
{
    struct degraded_stats stats;
    char id[16];

    for (unsigned i = 0; i < steps; i++) {
        snprintf(id, sizeof id, "s%u", i);
        publish(id);
        pass(1);
        if (bus.tickets_count > 0) {
            unsigned count = bus.counts[0];

            taken(PUBLISH_TAKEN, bus.n + 1);
            for (unsigned k = 0; k < count; k++, bus.stored++) {
                snprintf(id, sizeof id, "s%u", bus.stored);
                entry(id);
            }
        }
        bus.trace[0] = '\0';
    }
    degraded_stats(bus.degraded, &stats);
    return stats.ok;
}

TEST(it_is_ok_again_while_publishers_never_pause)
{
    begin(100000);
    away();
    CHECK(!is_ok_under_steady_publishing(5));
    stand(STAND_SAME);
    ready();
    CHECK(is_ok_under_steady_publishing(10));
    end();
}

TEST(what_was_on_its_way_when_it_was_ok_again_is_not_given_twice)
{
    begin(100000);
    away();
    publish("a");
    stand(STAND_SAME);
    ready();
    publish("b");
    CHECK_HAPPENED("AWAY news:a@0/1 a=ok-alone send:a news:b@0/2 b=ok-alone");
    taken(PUBLISH_TAKEN, 1);
    CHECK_HAPPENED("send:b"); /* what waited is not back */
    entry("a");
    CHECK_HAPPENED("news:a@1/1 BACK(1,0)");
    publish("c"); /* not before b, which might be refused */
    CHECK_HAPPENED("");
    taken(PUBLISH_TAKEN, 2);
    CHECK_HAPPENED("send:c");
    entry("b");
    CHECK_HAPPENED("news:b@2/2");
    taken(PUBLISH_TAKEN, 3);
    entry("c");
    CHECK_HAPPENED("news:c@3/0 c=ok@3");
    end();
}

TEST(it_is_not_ok_while_it_does_not_give_back_what_it_took)
{
    begin(100000);
    away();
    publish("a");
    stand(STAND_SAME);
    ready();
    taken(PUBLISH_TAKEN, 1);
    publish("b");
    taken(PUBLISH_TAKEN, 2);
    pass(DEADLINE_MS - 1);
    (void)happened();
    bus.round_trip_ms = DEADLINE_MS;
    entry("a");
    CHECK_HAPPENED("news:a@1/1");
    pass(1);
    bus.round_trip_ms = 1;
    pass(0);
    CHECK_HAPPENED("");
    entry("b");
    pass(1000);
    CHECK_HAPPENED("news:b@2/2 BACK(2,0)");
    end();
}

TEST(it_is_not_ok_while_anything_waits_to_be_sent)
{
    begin(100000);
    away();
    publish("a");
    stand(STAND_SAME);
    ready();
    publish("b");
    (void)happened();
    entry("a");
    CHECK_HAPPENED("news:a@1/1");
    taken(PUBLISH_TAKEN, 1);
    CHECK_HAPPENED("send:b BACK(1,0)");
    taken(PUBLISH_TAKEN, 2);
    entry("b");
    CHECK_HAPPENED("news:b@2/2");
    end();
}
