/* SPDX-License-Identifier: Apache-2.0 */
/* test_broadcast_turns.c: what is alone, lost or loaded anew takes its turn behind what waits. */
#include "broadcast_stage.h"

static struct entry alone(struct sample sample, uint64_t serial)
{
    struct entry entry = {.event = sample_event(sample), .alone = serial};

    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_alone(stage.broadcast, &entry);
    return entry;
}

static const struct sample news = {.type = EVENT_USER_UPDATED, .user = "ann"};

TEST(what_is_delivered_alone_is_announced_in_its_turn_and_is_not_history)
{
    begin_wide(2);
    put_fence();
    event_unref(alone(news, 1).event);
    assert_string_equal(stage.told, "");
    answer_effect(0, 1);
    answer_effect(1, 1);
    assert_string_equal(stage.told, "a1 ");
    CHECK_EQ(stage.tellings, 2);
    CHECK_EQ(history_head(stage.history).n, 1);
    end();
}

TEST(an_effect_that_is_delivered_alone_is_awaited_by_its_serial)
{
    begin_wide(2);
    event_unref(alone((struct sample){.type = EVENT_USER_DELETED, .target = "ann"}, 1).event);
    event_unref(alone(news, 2).event);
    put_news();
    assert_string_equal(stage.told, "e1 ");
    CHECK_EQ(stage.announced_all, 0);
    broadcast_effect_done(stage.broadcast, 0, stage.serial);
    broadcast_effect_done(stage.broadcast, 1, 0); /* of what was enforced out of turn */
    assert_string_equal(stage.told, "e1 ");
    broadcast_effect_done(stage.broadcast, 1, stage.serial);
    assert_string_equal(stage.told, "e1 a1 a2 ");
    CHECK_EQ(stage.announced_all, 1);
    end();
}

TEST(what_comes_back_is_history_and_keeps_the_serial_it_was_delivered_under)
{
    begin_wide(2);
    event_unref(alone(news, 1).event);
    put_back(news, 1);
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(history_at(stage.history, 1)->alone, 1);
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 1);
    CHECK_EQ(stage.entries[0].alone, 1);
    end();
}

TEST(what_is_enforced_waits_for_nobody)
{
    struct event *event =
        sample_event((struct sample){.type = EVENT_USER_DELETED, .target = "ann"});

    begin_wide(2);
    put_fence();
    broadcast_enforce(stage.broadcast, event);
    assert_string_equal(stage.told, "E0 ");
    CHECK_EQ(stage.tellings, 2);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 1);
    event_unref(event);
    end();
}

/* Whoever it takes from has been shown what stands before it. */
TEST(what_another_instance_takes_away_is_gone_in_its_turn)
{
    begin_wide(2);
    put_fence();
    CHECK(stage.urgent);
    put_in_turn(sample_event((struct sample){.type = EVENT_USER_DELETED, .target = "ann"}));
    put_news();
    CHECK_EQ(stage.effect_sent[2][0], 0);
    answer_effect(0, 1);
    answer_effect(1, 1);
    CHECK_EQ(stage.announced_all, 1);
    CHECK(stage.effect_sent[2][0] && stage.effect_sent[2][1] && !stage.urgent);
    answer_effect(0, 2);
    CHECK_EQ(stage.announced_all, 1);
    answer_effect(1, 2);
    CHECK_EQ(stage.announced_all, 3);
    end();
}

/* It is not shown, so nobody can be told of a place behind what they were not shown. */
TEST(what_another_instance_revokes_is_gone_at_once)
{
    begin_wide(1);
    put_fence();
    put_in_turn(sample_control(
        (struct control_fields){.control = CONTROL_REVOCATION, .user = BYTES("ann")}));
    CHECK(stage.effect_sent[2][0] && stage.urgent);
    end();
}

/* It ended those connections when this instance delivered it; there may be new ones since. */
TEST(a_disconnection_that_comes_back_has_no_effect_again_and_a_fence_has)
{
    struct entry entry = {.n = 1, .alone = 1};

    begin_wide(1);
    entry.event = sample_control(
        (struct control_fields){.control = CONTROL_DISCONNECT, .user = BYTES("ann")});
    CHECK_EQ(broadcast_reserve(stage.broadcast, 2), 0);
    broadcast_alone(stage.broadcast, &(struct entry){.event = entry.event, .alone = 1});
    assert_string_equal(stage.told, "e1 ");
    broadcast_effect_done(stage.broadcast, 0, stage.serial);
    broadcast_entry(stage.broadcast, &entry);
    CHECK_EQ(stage.announced_all, 1);
    assert_string_equal(stage.told, "e1 a1 ");
    event_unref(entry.event);
    stage.n = 1;
    put_back((struct sample){.type = EVENT_USER_DELETED, .target = "ann"}, 2);
    CHECK_EQ(stage.announced_all, 1);
    answer_effect(0, 2);
    CHECK_EQ(stage.announced_all, 2);
    end();
}

static void put_past(uint64_t n, uint64_t serial)
{
    struct entry entry = {.event = sample_event(news),
                          .n = n,
                          .check = check_of(n),
                          .alone = serial};

    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_past(stage.broadcast, &entry);
    event_unref(entry.event);
    stage.n = n;
}

TEST(forgetting_loss_and_a_new_place_wait_for_their_turn)
{
    begin_wide(2);
    put_news();
    event_unref(alone(news, 1).event);
    put_fence();
    CHECK_EQ(broadcast_reserve(stage.broadcast, 3), 0);
    broadcast_forget_alone(stage.broadcast, 1);
    broadcast_gone(stage.broadcast, history_at(stage.history, 1));
    CHECK_EQ(broadcast_at(stage.broadcast, 2)->n, 2); /* though it waits */
    broadcast_rebase(stage.broadcast, &(struct position){EPOCH, 1, check_of(1)}, REBASE_LOST);
    CHECK(!broadcast_at(stage.broadcast, 2));
    assert_string_equal(stage.told, "a1 ");
    ask(0, true, "ann"); /* of what it was before */
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    answer_effect(0, 2);
    answer_effect(1, 2);
    assert_string_equal(stage.told, "a1 f1 g1 R1 ");
    CHECK_EQ(history_count(stage.history), 0);
    stage.n = 1;
    stage.effect_sent[2][0] = stage.effect_sent[2][1] = 0;
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    end();
}

TEST(a_past_is_loaded_before_the_hubs_go_on_behind_it)
{
    const struct position first = {EPOCH + 1, 10, check_of(10)},
                          last = {EPOCH + 1, 12, check_of(12)};

    begin_wide(2);
    put_news();
    event_unref(alone(news, 1).event);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_reset(stage.broadcast, &first);
    put_past(11, 0);
    ask(1, true, "ann"); /* cannot be judged yet: the hub asks again after hub_rebase */
    CHECK_EQ(stage.answer.outcome, RESUME_REBASE);
    CHECK_EQ(stage.answer.entries_count, 0);
    put_past(12, 1); /* which was delivered alone, and is found there now */
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 1), 0);
    broadcast_rebase(stage.broadcast, &last, REBASE_FIRST);
    assert_string_equal(stage.told, "a1 f1 r12 ");
    CHECK_EQ(history_count(stage.history), 2);
    CHECK_EQ(history_head(stage.history).epoch, EPOCH + 1);
    put_news();
    CHECK_EQ(stage.announced_all, 13);
    CHECK_EQ(broadcast_at(stage.broadcast, 13)->n, 13);
    ask(11, true, "ann"); /* of the former epoch */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    end();
}
