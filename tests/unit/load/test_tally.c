/* SPDX-License-Identifier: Apache-2.0 */
/* test_tally.c: what is lost, doubled, late or unsure is told apart, each for one connection. */
#include "load/tally.h"

#include "unit.h"

TEST(ordinals_in_order_are_new_and_again_are_doubles)
{
    struct tally_place place = {0};

    for (uint32_t i = 1; i <= 200; i++)
        CHECK_EQ(tally_take(&place, i), TALLY_NEW);
    for (uint32_t i = 1; i <= 200; i++)
        CHECK_EQ(tally_take(&place, i), TALLY_DOUBLE);
}

TEST(one_that_was_left_out_may_come_late_once)
{
    struct tally_place place = {0};

    CHECK_EQ(tally_take(&place, 1), TALLY_NEW);
    CHECK_EQ(tally_take(&place, 4), TALLY_NEW);
    CHECK_EQ(tally_take(&place, 2), TALLY_LATE);
    CHECK_EQ(tally_take(&place, 2), TALLY_DOUBLE);
    CHECK_EQ(tally_take(&place, 1), TALLY_DOUBLE);
    CHECK_EQ(tally_take(&place, 4), TALLY_DOUBLE);
    CHECK_EQ(tally_take(&place, 67), TALLY_NEW);
    CHECK_EQ(tally_take(&place, 4), TALLY_DOUBLE); /* the last place of the window */
    CHECK_EQ(tally_take(&place, 3), TALLY_DOUBLE); /* beyond it: not to be told */
    CHECK_EQ(tally_take(&place, 5), TALLY_LATE);
    CHECK_EQ(tally_take(&place, 131), TALLY_NEW); /* exactly a window further */
    CHECK_EQ(tally_take(&place, 130), TALLY_LATE);
    CHECK_EQ(tally_take(&place, UINT32_MAX), TALLY_NEW);
    CHECK_EQ(tally_take(&place, UINT32_MAX), TALLY_DOUBLE);
}

TEST(each_lane_and_audience_counts_by_itself)
{
    struct tally tally;

    CHECK_EQ(tally_init(&tally, 2, 3, 5), 0);
    CHECK_EQ(tally_issue(&tally, 0, 2), 1);
    CHECK_EQ(tally_issue(&tally, 0, 2), 2);
    CHECK_EQ(tally_issue(&tally, 1, 2), 1);
    CHECK_EQ(tally_issue(&tally, 1, 0), 1);
    CHECK(tally_knows(&tally, 0, 2, 2));
    CHECK(!tally_knows(&tally, 0, 2, 3));
    CHECK(!tally_knows(&tally, 0, 2, 0));
    CHECK(!tally_knows(&tally, 2, 2, 1));
    CHECK(!tally_knows(&tally, 0, 3, 1));
    CHECK(!tally_knows(&tally, 0, 0, 1));
    CHECK_EQ(tally_receive(&tally, 4, 0, 1), TALLY_NEW);
    CHECK_EQ(tally_receive(&tally, 4, 1, 1), TALLY_NEW); /* another lane's first */
    CHECK_EQ(tally_receive(&tally, 3, 0, 1), TALLY_NEW); /* another connection */
    CHECK_EQ(tally_receive(&tally, 4, 0, 1), TALLY_DOUBLE);
    CHECK_EQ(tally.received[4], 2);
    CHECK_EQ(tally_account(&tally, 4, 2).expected, 3);
    CHECK_EQ(tally_account(&tally, 4, 2).missing, 1);
    CHECK_EQ(tally_account(&tally, 3, 2).missing, 2);
    CHECK_EQ(tally_account(&tally, 0, 1).expected, 0);
    tally_done(&tally);
}

TEST(what_was_refused_is_not_missed_and_what_nobody_answered_is_unsure)
{
    struct tally tally;
    struct tally_account account;

    CHECK_EQ(tally_init(&tally, 1, 1, 1), 0);
    for (unsigned i = 0; i < 10; i++)
        (void)tally_issue(&tally, 0, 0);
    tally.audience[0].refused = 3;
    tally.audience[0].unknown = 2;
    for (uint32_t i = 1; i <= 4; i++)
        (void)tally_receive(&tally, 0, 0, i);
    account = tally_account(&tally, 0, 0); /* 5 for certain, 4 came */
    CHECK_EQ(account.expected, 5);
    CHECK_EQ(account.missing, 1);
    CHECK_EQ(account.unsure, 2);
    CHECK_EQ(account.surplus, 0);
    for (uint32_t i = 5; i <= 6; i++)
        (void)tally_receive(&tally, 0, 0, i);
    account = tally_account(&tally, 0, 0); /* one of the two was published after all */
    CHECK_EQ(account.expected, 6);
    CHECK_EQ(account.missing, 0);
    CHECK_EQ(account.unsure, 1);
    for (uint32_t i = 7; i <= 8; i++)
        (void)tally_receive(&tally, 0, 0, i);
    account = tally_account(&tally, 0, 0); /* one that was refused came all the same */
    CHECK_EQ(account.expected, 7);
    CHECK_EQ(account.missing, 0);
    CHECK_EQ(account.unsure, 0);
    CHECK_EQ(account.surplus, 1);
    tally_done(&tally);
}
