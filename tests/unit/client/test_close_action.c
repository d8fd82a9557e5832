/* SPDX-License-Identifier: Apache-2.0 */
/* test_close_action.c: the range of a close code says what a client does. */
#include "client/close_action.h"
#include "unit.h"

TEST(the_range_of_a_close_code_says_what_to_do)
{
    CHECK_EQ(close_action_of(4000), CLOSE_STOP);
    CHECK_EQ(close_action_of(4099), CLOSE_STOP);
    CHECK_EQ(close_action_of(4100), CLOSE_RENEW);
    CHECK_EQ(close_action_of(4199), CLOSE_RENEW);
    CHECK_EQ(close_action_of(4200), CLOSE_RETRY);
    CHECK_EQ(close_action_of(4299), CLOSE_RETRY);
    CHECK_EQ(close_action_of(4300), CLOSE_RESYNC);
    CHECK_EQ(close_action_of(4399), CLOSE_RESYNC);
}

TEST(any_other_end_of_a_connection_is_tried_again)
{
    static const unsigned codes[] = {1000, 1001, 1002, 1006, 1009, 1011, 3000, 3999, 4400, 4999};

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        CHECK_EQ(close_action_of(codes[i]), CLOSE_RETRY);
}
