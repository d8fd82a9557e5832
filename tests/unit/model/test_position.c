/* SPDX-License-Identifier: Apache-2.0 */
/* test_position.c: a position reads back as written, and only from the text that was written. */
#include "model/position.h"

#include "mcp_auth/error.h"
#include "unit.h"

TEST(a_position_reads_back_as_written)
{
    static const struct position rows[] = {{0, 0, 0},
                                           {0, 0, 5}, /* of an instance apart */
                                           {1, 2, 3},
                                           {UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                           {0x0123456789abcdef, 1ull << 63, 7}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[POSITION_SIZE];
        struct position back;

        position_write(&rows[i], text);
        CHECK_EQ(position_read((struct bytes){text, sizeof text}, &back), 0);
        CHECK(back.epoch == rows[i].epoch && back.n == rows[i].n && back.check == rows[i].check);
    }
}

TEST(positions_are_big_endian_base64url)
{
    const struct position position = {1, 2, 3};
    char text[POSITION_SIZE];

    position_write(&position, text);
    CHECK_TEXT(((struct bytes){text, sizeof text}), "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAAD");
}

TEST(any_other_text_is_refused_and_leaves_the_result_alone)
{
    static const char *const rows[] = {
        "",
        "0",
        "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAA",
        "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAADA",
        "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAAA=",
        "AAAAAAAAAAEAAAAAAAAAAgAAAAAAAA+D",
        "AAAAAAAAAAEAAAAAAAAAAAAAAAAAAAAD" /* a check of no event */};
    struct position back = {7, 7, 7};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CHECK_EQ(position_read(bytes_of(rows[i]), &back), MCP_AUTH_E_INVALID);
    CHECK_EQ(position_read((struct bytes){0}, &back), MCP_AUTH_E_INVALID);
    CHECK_EQ(back.n, 7);
}

TEST(the_check_depends_on_every_part_and_on_nothing_else)
{
    uint64_t check = position_check(1, 2, BYTES("acme"), BYTES("e1"), BYTES(""));

    CHECK(check == position_check(1, 2, BYTES("acme"), BYTES("e1"), BYTES("")));
    CHECK(check != position_check(2, 2, BYTES("acme"), BYTES("e1"), BYTES("")));
    CHECK(check != position_check(1, 3, BYTES("acme"), BYTES("e1"), BYTES("")));
    CHECK(check != position_check(1, 2, BYTES("acm"), BYTES("e1"), BYTES("")));
    CHECK(check != position_check(1, 2, BYTES("acme"), BYTES("e2"), BYTES("")));
    CHECK(check != position_check(1, 2, BYTES("acme"), BYTES("e1"), BYTES("w")));
    CHECK(position_check(1, 2, BYTES("acme"), BYTES("e1"), BYTES("w")) !=
          position_check(1, 2, BYTES("acme"), BYTES("e1"), BYTES("x")));
    CHECK(position_check(1, 2, BYTES("ab"), BYTES("c"), BYTES("")) !=
          position_check(1, 2, BYTES("a"), BYTES("bc"), BYTES("")));
    CHECK(position_check(1, 2, (struct bytes){0}, BYTES("c"), BYTES("")) ==
          position_check(1, 2, BYTES(""), BYTES("c"), BYTES("")));
}
