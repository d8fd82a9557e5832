/* SPDX-License-Identifier: Apache-2.0 */
/* test_broadcast.c: the effect reaches every hub before the news, and slices are whole and bounded. */
#include "base/random.h"
#include "broadcast_stage.h"

TEST(news_without_effect_is_announced_at_once)
{
    begin_wide(3);
    put_news();
    CHECK_EQ(stage.announced_all, 1);
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
    end();
}

TEST(an_effect_waits_for_every_hub_and_everything_behind_waits_with_it)
{
    begin_wide(3);
    put_news();
    put_fence();
    put_news();
    put_news();
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 3);
    answer_effect(2, 2);
    answer_effect(0, 2);
    CHECK_EQ(stage.announced_all, 1);
    CHECK_EQ(history_head(stage.history).n, 1); /* nobody finds it by resuming either */
    answer_effect(1, 2);
    CHECK_EQ(stage.announced_all, 4);
    CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
    end();
}

TEST(a_later_effect_that_is_answered_first_still_waits_for_its_turn)
{
    begin_wide(2);
    put_fence();
    put_fence();
    put_news();
    answer_effect(0, 2);
    answer_effect(1, 2);
    CHECK_EQ(stage.announced_all, 0);
    answer_effect(1, 1);
    CHECK_EQ(stage.announced_all, 0);
    answer_effect(0, 1);
    CHECK_EQ(stage.announced_all, 3);
    end();
}

TEST(an_instance_without_hubs_waits_for_nobody)
{
    begin_wide(0);
    put_fence();
    put_news();
    CHECK_EQ(stage.announced_all, 2);
    end();
}

/* Entries and answers in any order that mailboxes could bring; the checks stand in the port. */
TEST(effects_come_before_news_whatever_the_order_of_the_answers)
{
    uint64_t run_seed = 20260106;
    struct random random = random_seeded(&run_seed);

    for (unsigned hubs = 1; hubs <= HUBS_MAX; hubs++) {
        uint64_t answered[HUBS_MAX] = {0}; /* a hub answers its effects in the order it got them */

        begin_wide(hubs);
        while (stage.n < 300 || stage.announced_all < stage.n) {
            uint32_t roll[2];
            unsigned hub;

            random.fill(random.owner, roll, sizeof roll);
            if (roll[0] % 4 == 0 && stage.n < 300) {
                if (roll[1] % 3)
                    put_news();
                else
                    put_fence();
                continue;
            }
            hub = roll[1] % hubs;
            for (uint64_t n = answered[hub] + 1; n <= stage.n; n++) {
                answered[hub] = n;
                if (stage.fenced[n]) {
                    answer_effect(hub, n);
                    break;
                }
            }
        }
        CHECK_EQ(broadcast_waiting(stage.broadcast), 0);
        CHECK_EQ(history_head(stage.history).n, 300);
        end();
    }
}

TEST(what_still_waits_is_given_back_at_the_end)
{
    begin_wide(2);
    CHECK_EQ(broadcast_reserve(stage.broadcast, 10), 0);
    put_fence();
    put_news();
    answer_effect(0, 1);
    end(); /* the sanitizer would tell */
}

TEST(a_slice_has_a_bounded_count_and_the_next_one_goes_on)
{
    uint64_t from = 0, next = 1;

    begin_wide(2);
    for (unsigned i = 0; i < 2 * CATCHUP_SLICE_EVENTS + 10; i++)
        put_news();
    for (int turn = 0; turn < 3; turn++) {
        ask(from, turn == 0, "ann");
        CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
        CHECK_EQ(stage.answer.entries_count, turn < 2 ? CATCHUP_SLICE_EVENTS : 10);
        for (unsigned i = 0; i < stage.answer.entries_count; i++)
            CHECK_EQ(stage.entries[i].n, next++);
        CHECK_EQ(stage.answer.upto.n, next - 1);
        CHECK_EQ(stage.answer.upto.check, check_of(next - 1));
        CHECK_EQ(stage.answer.upto.epoch, EPOCH);
        from = stage.answer.upto.n;
    }
    CHECK_EQ(from, stage.n);
    end();
}

TEST(a_slice_has_bounded_bytes_but_never_none)
{
    begin_wide(2);
    for (int i = 0; i < 10; i++)
        put((struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .json_size = 40000});
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 2); /* 80 of 96 KiB */
    CHECK_EQ(stage.answer.upto.n, 2);
    for (int i = 0; i < 2; i++)
        put((struct sample){.type = EVENT_USER_UPDATED,
                            .user = "ben",
                            .json_size = CATCHUP_SLICE_BYTES + 1000});
    ask(2, true, "ben");
    CHECK_EQ(stage.answer.entries_count, 1); /* larger than a slice, and alone in it */
    CHECK_EQ(stage.answer.upto.n, 11);
    ask(11, true, "ben");
    CHECK_EQ(stage.answer.entries_count, 1);
    CHECK_EQ(stage.answer.upto.n, 12);
    end();
}

TEST(a_slice_of_nothing_speaks_for_everything_up_to_the_head)
{
    begin_wide(2);
    put_news();
    put_news();
    ask(0, true, "stranger");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.answer.entries_count, 0);
    CHECK_EQ(stage.answer.upto.n, 2);
    CHECK_EQ(stage.answer.upto.check, check_of(2));
    ask(2, true, "ann");
    CHECK_EQ(stage.answer.entries_count, 0);
    CHECK_EQ(stage.answer.upto.n, 2);
    end();
}

TEST(what_is_evicted_is_lost_and_what_is_to_come_is_ahead)
{
    begin(2, (struct history_limits){5, SIZE_MAX, INT64_MAX / 4});
    for (int i = 0; i < 20; i++)
        put_news();
    ask(14, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    ask(15, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    CHECK_EQ(stage.answer.entries_count, 5);
    ask(14, false, "ann"); /* in the middle of a catch-up as well */
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    ask(21, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_AHEAD);
    end();
}

TEST(beyond_the_ceiling_of_entries_the_first_question_is_lost_and_a_later_one_is_not)
{
    begin_wide(2);
    for (unsigned i = 0; i < CATCHUP_ENTRIES_MAX; i++)
        put_news();
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    put_news();
    ask(0, true, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_LOST);
    CHECK_EQ(stage.answer.entries_count, 0); /* never a partial answer */
    ask(0, true, "stranger");                /* what others have does not count */
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    ask(0, false, "ann");
    CHECK_EQ(stage.answer.outcome, RESUME_SLICE);
    end();
}
