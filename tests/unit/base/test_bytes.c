/* SPDX-License-Identifier: Apache-2.0 */
/* test_bytes.c: bytes are copied one behind the other; what is absent is not made empty. */
#include "base/bytes.h"

#include "unit.h"

TEST(copies_stand_behind_each_other_and_the_absent_stay_absent)
{
    char room[8] = "........", *at = room;
    struct bytes first = bytes_copy(&at, BYTES("abc")), absent = bytes_copy(&at, (struct bytes){0});
    struct bytes empty = bytes_copy(&at, BYTES("")), last = bytes_copy(&at, BYTES("de"));

    CHECK_TEXT(first, "abc");
    CHECK(!bytes_present(absent) && absent.size == 0);
    CHECK(bytes_present(empty) && empty.size == 0);
    CHECK_TEXT(last, "de");
    CHECK(first.data == room && last.data == room + 3 && at == room + 5);
    CHECK_EQ(room[5], '.');
}
