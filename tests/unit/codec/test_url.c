/* SPDX-License-Identifier: Apache-2.0 */
/* test_url.c: escapes decode to UTF-8 text or to nothing, and a query splits into its pairs. */
#include "codec/url.h"

#include "mcp_auth/error.h"
#include "unit.h"

#define CHECK_DECODED(encoded, plus, literal)                 \
    do {                                                      \
        struct strbuf out_;                                   \
        strbuf_init(&out_, 100);                              \
        CHECK_EQ(url_decode(BYTES(encoded), plus, &out_), 0); \
        CHECK_TEXT(strbuf_bytes(&out_), literal);             \
        strbuf_done(&out_);                                   \
    } while (0)
#define CHECK_REFUSED(encoded)                                                 \
    do {                                                                       \
        struct strbuf out_;                                                    \
        strbuf_init(&out_, 100);                                               \
        strbuf_puts(&out_, "kept");                                            \
        CHECK_EQ(url_decode(BYTES(encoded), true, &out_), MCP_AUTH_E_INVALID); \
        CHECK_TEXT(strbuf_bytes(&out_), "kept");                               \
        CHECK_EQ(out_.error, 0);                                               \
        strbuf_done(&out_);                                                    \
    } while (0)

TEST(escapes_are_decoded)
{
    CHECK_DECODED("", false, "");
    CHECK_DECODED("a%2fb%2FC", false, "a/b/C");
    CHECK_DECODED("%c3%a9%E2%82%ac", false, "\xc3\xa9\xe2\x82\xac");
    CHECK_DECODED("%2525", false, "%25");
}

TEST(plus_is_a_space_in_queries_only)
{
    CHECK_DECODED("a+b%2B", true, "a b+");
    CHECK_DECODED("a+b", false, "a+b");
}

TEST(a_bad_escape_is_refused)
{
    CHECK_REFUSED("%");
    CHECK_REFUSED("a%4");
    CHECK_REFUSED("%4g");
    CHECK_REFUSED("%g4");
    CHECK_REFUSED("%%41");
    CHECK_REFUSED("% 41");
}

TEST(nul_is_refused_escaped_or_not)
{
    CHECK_REFUSED("a%00");
    CHECK_REFUSED("a\0b");
}

TEST(text_that_is_not_utf8_is_refused)
{
    CHECK_REFUSED("%ff");
    CHECK_REFUSED("%c3");
    CHECK_REFUSED("%c0%80");
    CHECK_REFUSED("%ed%a0%80");
    CHECK_REFUSED("\xc3(");
}

TEST(the_ceiling_is_held_against_decoded_text)
{
    struct strbuf out;

    strbuf_init(&out, 2);
    CHECK_EQ(url_decode(BYTES("%41%42"), false, &out), 0);
    CHECK_EQ(url_decode(BYTES("C"), false, &out), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(url_decode(BYTES("C"), false, &out), MCP_AUTH_E_TOO_BIG);
    strbuf_done(&out);
}

TEST(a_query_splits_into_pairs)
{
    struct bytes query = BYTES("a=1&&b=2=3&c&=d&e="), name, value;

    CHECK(url_next_pair(&query, &name, &value));
    CHECK_TEXT(name, "a");
    CHECK_TEXT(value, "1");
    CHECK(url_next_pair(&query, &name, &value));
    CHECK_TEXT(name, "b");
    CHECK_TEXT(value, "2=3");
    CHECK(url_next_pair(&query, &name, &value));
    CHECK_TEXT(name, "c");
    CHECK(bytes_present(value));
    CHECK_EQ(value.size, 0);
    CHECK(url_next_pair(&query, &name, &value));
    CHECK_EQ(name.size, 0);
    CHECK_TEXT(value, "d");
    CHECK(url_next_pair(&query, &name, &value));
    CHECK_TEXT(name, "e");
    CHECK_EQ(value.size, 0);
    CHECK(!url_next_pair(&query, &name, &value));
}

TEST(an_absent_or_empty_query_has_no_pairs)
{
    struct bytes absent = {0}, empty = BYTES(""), marks = BYTES("&&&"), name, value;

    CHECK(!url_next_pair(&absent, &name, &value));
    CHECK(!url_next_pair(&empty, &name, &value));
    CHECK(!url_next_pair(&marks, &name, &value));
}
