/* SPDX-License-Identifier: Apache-2.0 */
/* test_close_count.c: every close is counted once, by who and code, and no peer makes it grow. */
#include "net/close_count.h"

#include "base/compiler.h"
#include "unit.h"

static unsigned long long sum_of(const struct close_counts *counts)
{
    unsigned long long sum = 0;

    for (unsigned i = 0; i < CLOSE_COUNT_ROWS; i++) {
        struct close_counted row;

        if (close_counted(counts, i, &row))
            sum += row.count;
    }
    return sum;
}

static unsigned long long count_of(const struct close_counts *counts, const char *by,
                                   const char *code)
{
    unsigned long long count = 0;
    unsigned found = 0;

    for (unsigned i = 0; i < CLOSE_COUNT_ROWS; i++) {
        struct close_counted row;

        if (close_counted(counts, i, &row) && strcmp(row.by, by) == 0 &&
            strcmp(row.code, code) == 0) {
            count = row.count;
            found++;
        }
    }
    CHECK_EQ(found, 1);
    return count;
}

TEST(each_code_of_the_protocol_has_a_row_and_those_with_two_reasons_share_it)
{
    static struct close_counts counts;

    for (unsigned reason = 0; reason < CLOSE_REASONS; reason++)
        close_count(&counts, CLOSER_SERVER, (uint16_t)close_reason_code(reason));
    CHECK_EQ(sum_of(&counts), CLOSE_REASONS);
    CHECK_EQ(count_of(&counts, "server", "4001"), 2);
    CHECK_EQ(count_of(&counts, "server", "4003"), 1);
    CHECK_EQ(count_of(&counts, "server", "other"), 0);
}

TEST(what_the_frame_reader_refuses_is_told_apart)
{
    static const uint16_t codes[] = {1002, 1003, 1007, 1009, 1011};
    static const char *const texts[] = {"1002", "1003", "1007", "1009", "1011"};
    static struct close_counts counts;

    for (unsigned i = 0; i < ARRAY_COUNT(codes); i++) {
        close_count(&counts, CLOSER_SERVER, codes[i]);
        CHECK_EQ(count_of(&counts, "server", texts[i]), 1);
    }
    CHECK_EQ(sum_of(&counts), ARRAY_COUNT(codes));
}

TEST(a_peers_code_counts_as_its_class_and_never_as_ours)
{
    static struct close_counts counts;

    for (unsigned code = 0; code <= UINT16_MAX; code++)
        close_count(&counts, CLOSER_CLIENT, (uint16_t)code);
    CHECK_EQ(sum_of(&counts), UINT16_MAX + 1);
    CHECK_EQ(count_of(&counts, "client", "1000"), 1);
    CHECK_EQ(count_of(&counts, "client", "1001"), 1);
    CHECK_EQ(count_of(&counts, "client", "1005"), 1);
    CHECK_EQ(count_of(&counts, "client", "1xxx"), 1997);
    CHECK_EQ(count_of(&counts, "client", "3xxx"), 1000);
    CHECK_EQ(count_of(&counts, "client", "4xxx"), 1000);
    CHECK_EQ(count_of(&counts, "client", "other"), 1000 + 65536 - 5000);
    CHECK_EQ(count_of(&counts, "server", "4001"), 0);
}

TEST(a_lost_connection_is_1006)
{
    static struct close_counts counts;

    close_count(&counts, CLOSER_NOBODY, 1006);
    CHECK_EQ(count_of(&counts, "nobody", "1006"), 1);
    CHECK_EQ(sum_of(&counts), 1);
}
