/* SPDX-License-Identifier: Apache-2.0 */
/* test_mark.c: an event's id comes back as it was written, and nothing else is taken for one. */
#include "load/mark.h"

#include "unit.h"

static char prefix[MARK_PREFIX_SIZE], text[MARK_SIZE];

static struct bytes written(const struct mark *mark)
{
    mark_prefix(0x0123456789abcdef, prefix);
    mark_write(prefix, mark, text);
    return (struct bytes){text, MARK_SIZE};
}

TEST(a_mark_is_an_id_of_fixed_width_and_reads_back)
{
    static const struct mark marks[] = {
        {0, 0, 1, 0},
        {255, MARK_AUDIENCES_MAX - 1, UINT32_MAX, (UINT64_C(1) << 48) - 1},
        {3, 77, 1000, 123456789},
    };
    struct mark read;

    for (unsigned i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        CHECK(mark_read(prefix, written(&marks[i]), &read));
        CHECK_EQ(read.lane, marks[i].lane);
        CHECK_EQ(read.audience, marks[i].audience);
        CHECK_EQ(read.ordinal, marks[i].ordinal);
        CHECK_EQ(read.due_ns, marks[i].due_ns);
    }
    CHECK_TEXT(written(&marks[2]), "bench-0123456789abcdef.0300004d000003e80000075bcd15");
}

TEST(another_run_another_length_and_other_letters_are_not_ours)
{
    struct mark mark = {1, 2, 3, 4}, read = {9, 9, 9, 9};
    struct bytes id = written(&mark);

    CHECK(!mark_read(prefix, (struct bytes){id.data, id.size - 1}, &read));
    CHECK(!mark_read(prefix, (struct bytes){id.data, 0}, &read));
    for (size_t i = 0; i < MARK_SIZE; i++) {
        char kept = text[i];

        text[i] = 'g';
        CHECK(!mark_read(prefix, id, &read));
        text[i] = kept;
    }
    CHECK_EQ(read.lane, 9);
    CHECK(mark_read(prefix, id, &read));
}
