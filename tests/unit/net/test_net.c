/* SPDX-License-Identifier: Apache-2.0 */
/* test_net.c: a broadcast to many is told in slices, and between two of them everybody is heard. */
#include "net_stage.h"

#define MANY 1300 /* 512 a turn: two whole slices and a part */

static struct net_stage s;
static struct far_end many[MANY];

static const unsigned char ping[] = {0x89, 0x80 | 4, 0, 0, 0, 0, 'd', 'i', 'n', 'g'};
static const unsigned char over[] = {0x88, 0x80 | 2, 0, 0, 0, 0, 0x03, 0xe8};
static const char pong[] = {(char)0x8a, 4, 'd', 'i', 'n', 'g', 0};

static void open_many(void)
{
    net_stage_open(&s);
    for (unsigned i = 0; i < MANY; i++)
        far_end_sign_in(&many[i], &s, "root");
}

static void close_many(void)
{
    for (unsigned i = 0; i < MANY; i++)
        far_end_close(&many[i]);
    net_stage_close(&s);
}

static uint64_t announce(void)
{
    return stage_publish(&s.stage, (struct sample){EVENT_POLICY_UPDATED});
}

/* How many have had this. */
static unsigned told(const char *words)
{
    unsigned count = 0;

    for (unsigned i = 0; i < MANY; i++) {
        unsigned times = far_end_count(&many[i], words);

        CHECK(times <= 1);
        count += times;
    }
    return count;
}

TEST(many_are_told_in_slices_and_the_loop_turns_at_once_until_all_are)
{
    open_many();
    net_stage_turn(&s);
    CHECK(net_stage_at_rest(&s));
    announce();
    CHECK_EQ(net_queued(s.net) - s.net->served, MANY);
    for (unsigned wanted = 512; wanted < MANY; wanted += 512) {
        net_stage_turn(&s);
        CHECK_EQ(told("\"e1\""), wanted);
        CHECK(!net_stage_at_rest(&s));
        CHECK(!net_has_served(s.net, net_queued(s.net)));
    }
    net_stage_turn(&s);
    CHECK_EQ(told("\"e1\""), MANY);
    CHECK(net_has_served(s.net, net_queued(s.net)));
    net_stage_turn(&s);
    CHECK(net_stage_at_rest(&s));
    close_many();
}

TEST(while_many_wait_for_news_who_asks_is_answered_in_the_same_turn)
{
    static struct far_end bystander, stranger;
    static struct far_end *early, *late;

    open_many();
    far_end_sign_in(&bystander, &s, "nobody");
    announce();
    net_stage_turn(&s);
    CHECK_EQ(told("\"e1\"") + far_end_count(&bystander, "\"e1\""), 512);
    /* One who has had it, one who stands in the queue, one who comes only now. */
    for (unsigned i = 0; i < MANY; i++)
        *(far_end_count(&many[i], "\"e1\"") ? &early : &late) = &many[i];
    far_end_say(early, ping, sizeof ping);
    far_end_say(late, ping, sizeof ping);
    far_end_open(&stranger, &s, "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
    CHECK_EQ(far_end_count(late, "\"e1\""), 0);
    net_stage_turn(&s);
    CHECK_EQ(far_end_count(early, pong), 1);
    CHECK_EQ(far_end_count(late, "\"e1\""), 1);
    CHECK_EQ(far_end_count(late, pong), 1);
    CHECK(memmem(late->wire, late->size, pong, 6) > memmem(late->wire, late->size, "\"e1\"", 4));
    CHECK_EQ(far_end_count(&stranger, "HTTP/1.1 404 "), 1);
    CHECK(told("\"e1\"") < MANY);
    for (unsigned i = 0; i < 4; i++)
        net_stage_turn(&s);
    CHECK_EQ(told("\"e1\""), MANY);
    CHECK_EQ(far_end_count(&stranger, "HTTP/1.1 "), 1);
    far_end_close(&bystander);
    far_end_close(&stranger);
    close_many();
}

TEST(who_waits_for_two_events_gets_both_in_one_send)
{
    unsigned long long before;
    size_t size = 0;

    open_many();
    announce();
    net_stage_turn(&s);
    announce(); /* the first 512 stand behind the others now */
    for (unsigned i = 0; i < MANY; i++)
        size += far_end_count(&many[i], "\"e1\"") ? many[i].size : 0;
    before = atomic_load(&s.counters.bytes_sent);
    net_stage_turn(&s);
    CHECK_EQ(told("\"e2\""), 512);
    CHECK_EQ(told("\"e1\""), 1024);
    CHECK_EQ(atomic_load(&s.counters.bytes_sent) - before, 2 * size);
    net_stage_turn(&s);
    CHECK_EQ(told("\"e2\""), MANY - 512 + 236); /* 276 and then the first 236 of those before */
    net_stage_turn(&s);
    CHECK_EQ(told("\"e1\""), MANY);
    CHECK_EQ(told("\"e2\""), MANY);
    close_many();
}

TEST(who_loses_everything_while_it_waits_gets_what_was_before_and_nothing_after)
{
    struct far_end loser;
    uint64_t n;

    open_many();
    far_end_sign_in(&loser, &s, "loser");
    announce();
    n = stage_append(&s.stage, (struct sample){EVENT_USER_DELETED, .target = "loser"});
    net_stage_turn(&s);
    stage_effect(&s.stage, n); /* wherever it stands in the queue */
    stage_announce(&s.stage, n);
    announce();
    for (unsigned i = 0; i < 6; i++)
        net_stage_turn(&s);
    CHECK_EQ(far_end_count(&loser, "\"e1\""), 1);
    CHECK_EQ(far_end_count(&loser, "\"e2\""), 1); /* which says why */
    CHECK_EQ(far_end_count(&loser, "\"e3\""), 0);
    CHECK_EQ(told("\"e3\""), MANY);
    far_end_close(&loser);
    close_many();
}

TEST(who_goes_while_it_waits_is_let_go_and_the_queue_goes_on)
{
    open_many();
    announce();
    for (unsigned i = 0; i < MANY; i += 2)
        far_end_say(&many[i], over, sizeof over);
    for (unsigned i = 1; i < MANY; i += 4)
        far_end_close(&many[i]);
    for (unsigned i = 0; i < 8; i++)
        net_stage_turn(&s);
    for (unsigned i = 3; i < MANY; i += 4)
        CHECK_EQ(far_end_count(&many[i], "\"e1\""), 1);
    for (unsigned i = 0; i < MANY; i += 2)
        CHECK(far_end_is_over(&many[i]));
    for (unsigned i = 0; i < MANY; i++)
        if (i % 4 != 1)
            far_end_close(&many[i]);
    for (unsigned i = 0; i < 8; i++)
        net_stage_turn(&s);
    CHECK_EQ(net_count(s.net), 0);
    net_stage_close(&s);
}

TEST(the_end_tells_everybody_what_waits_at_once)
{
    open_many();
    announce();
    net_drain(s.net);
    net_flush(s.net);
    CHECK_EQ(told("\"e1\""), MANY);
    CHECK_EQ(told("\x88"), MANY); /* and each its close */
    close_many();
}
