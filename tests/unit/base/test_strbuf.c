/* SPDX-License-Identifier: Apache-2.0 */
/* test_strbuf.c: the builder grows up to its ceiling, and one failure stays until reset. */
#include "base/strbuf.h"

#include <stdio.h>

#include "mcp_auth/error.h"
#include "unit.h"

TEST(strbuf_puts_every_kind_in_order)
{
    struct strbuf sb;

    strbuf_init(&sb, 1000);
    CHECK_TEXT(strbuf_bytes(&sb), "");
    strbuf_puts(&sb, "one");
    strbuf_putc(&sb, ',');
    strbuf_put_bytes(&sb, BYTES("two"));
    strbuf_put_bytes(&sb, (struct bytes){NULL, 0});
    strbuf_put(&sb, ",three", 6);
    strbuf_printf(&sb, ",%d,%s", 4, "five");
    CHECK_TEXT(strbuf_bytes(&sb), "one,two,three,4,five");
    CHECK_EQ(strbuf_terminate(&sb), 0);
    CHECK_EQ(sb.data[sb.size], 0);
    strbuf_done(&sb);
}

TEST(strbuf_takes_exactly_its_ceiling_and_not_a_byte_more)
{
    struct strbuf sb;

    strbuf_init(&sb, 8);
    strbuf_puts(&sb, "12345678");
    CHECK_EQ(strbuf_terminate(&sb), 0); /* the NUL does not count */
    strbuf_putc(&sb, '9');
    CHECK_EQ(sb.error, MCP_AUTH_E_TOO_BIG);
    CHECK_TEXT(strbuf_bytes(&sb), "12345678");
    CHECK_EQ(strbuf_terminate(&sb), MCP_AUTH_E_TOO_BIG);
    strbuf_done(&sb);
}

TEST(strbuf_failure_is_sticky_until_reset)
{
    struct strbuf sb;

    strbuf_init(&sb, 4);
    strbuf_puts(&sb, "12345");
    strbuf_puts(&sb, "1"); /* would fit, but comes after a failure */
    strbuf_printf(&sb, "%d", 1);
    CHECK(strbuf_reserve(&sb, 1) == NULL);
    CHECK_EQ(sb.size, 0);
    CHECK_EQ(strbuf_terminate(&sb), MCP_AUTH_E_TOO_BIG);
    strbuf_reset(&sb);
    strbuf_puts(&sb, "1234");
    CHECK_EQ(strbuf_terminate(&sb), 0);
    strbuf_done(&sb);
}

TEST(strbuf_printf_grows_for_what_does_not_fit_at_first)
{
    for (int width = 1; width < 1100; width += 7) {
        struct strbuf sb;

        strbuf_init(&sb, 1000);
        strbuf_printf(&sb, "%0*d", width, 7);
        if (width <= 1000) {
            CHECK_EQ(strbuf_terminate(&sb), 0);
            CHECK_EQ(sb.size, width);
            CHECK_EQ(sb.data[width - 1], '7');
        } else {
            CHECK_EQ(strbuf_terminate(&sb), MCP_AUTH_E_TOO_BIG);
            CHECK_EQ(sb.size, 0);
        }
        strbuf_done(&sb);
    }
}

TEST(strbuf_reserved_room_is_written_by_the_caller)
{
    struct strbuf sb;
    char *room;

    strbuf_init(&sb, 100000);
    strbuf_puts(&sb, "ab");
    room = strbuf_reserve(&sb, 50000);
    assert_non_null(room);
    memset(room, 'x', 50000);
    strbuf_added(&sb, 3);
    CHECK_TEXT(strbuf_bytes(&sb), "abxxx");
    strbuf_drop_front(&sb, 1);
    CHECK_TEXT(strbuf_bytes(&sb), "bxxx");
    strbuf_drop_front(&sb, 4);
    strbuf_drop_front(&sb, 0);
    CHECK_TEXT(strbuf_bytes(&sb), "");
    strbuf_done(&sb);
}

TEST(strbuf_steal_gives_terminated_bytes_and_an_empty_builder)
{
    struct strbuf sb;
    size_t size = 99;
    char *data;

    strbuf_init(&sb, 10);
    data = strbuf_steal(&sb, &size); /* nothing put is an empty text */
    assert_non_null(data);
    CHECK_EQ(size, 0);
    CHECK_EQ(data[0], 0);
    free(data);

    strbuf_puts(&sb, "mine");
    data = strbuf_steal(&sb, NULL);
    CHECK_TEXT(bytes_of(data), "mine");
    free(data);

    strbuf_puts(&sb, "more than ten bytes");
    CHECK(strbuf_steal(&sb, &size) == NULL);
    strbuf_done(&sb);
}

TEST(strbuf_without_a_ceiling_does_not_wrap)
{
    struct strbuf sb;

    strbuf_init(&sb, SIZE_MAX);
    strbuf_putc(&sb, 'a');
    CHECK(strbuf_reserve(&sb, SIZE_MAX) == NULL);
    CHECK_EQ(sb.error, MCP_AUTH_E_TOO_BIG);
    strbuf_done(&sb);
    strbuf_done(NULL);
}

TEST(a_secret_one_keeps_its_text_while_it_grows)
{
    struct strbuf sb;

    strbuf_init_secret(&sb, 5000);
    for (int i = 0; i < 1000; i++)
        strbuf_puts(&sb, "12345");
    CHECK_EQ(sb.size, 5000);
    for (size_t i = 0; i < sb.size; i++)
        CHECK_EQ(sb.data[i], '1' + (char)(i % 5));
    strbuf_puts(&sb, "6");
    CHECK_EQ(sb.error, MCP_AUTH_E_TOO_BIG);
    strbuf_done(&sb);
    CHECK(sb.data == NULL);
}
