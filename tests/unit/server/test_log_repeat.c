/* SPDX-License-Identifier: Apache-2.0 */
/* test_log_repeat.c: equal lines are written a few times and then counted; others are not touched. */
#include "server/log_repeat.h"

#include "unit.h"

TEST(equal_lines_stop_after_a_few_and_their_number_is_told_later)
{
    struct log_repeat *repeat = calloc(1, sizeof *repeat);
    unsigned left_out, written = 0;

    CHECK(repeat);
    for (int i = 0; i < 100; i++) {
        written += log_repeat_allows(repeat, BYTES("same"), 1000 + i, &left_out);
        CHECK_EQ(left_out, 0);
    }
    CHECK_EQ(written, LOG_REPEAT_MAX);
    CHECK(log_repeat_allows(repeat, BYTES("same"), 1000 + LOG_REPEAT_WINDOW_MS, &left_out));
    CHECK_EQ(left_out, 100 - LOG_REPEAT_MAX);
    CHECK(log_repeat_allows(repeat, BYTES("same"), 1001 + LOG_REPEAT_WINDOW_MS, &left_out));
    CHECK_EQ(left_out, 0);
    free(repeat);
}

TEST(lines_that_differ_are_all_written)
{
    struct log_repeat *repeat = calloc(1, sizeof *repeat);
    unsigned left_out;

    CHECK(repeat);
    for (int i = 0; i < 1000; i++) {
        char line[2] = {(char)(i & 0x7f), (char)(i >> 7)};

        CHECK(log_repeat_allows(repeat, (struct bytes){line, 2}, 5, &left_out));
    }
    free(repeat);
}
