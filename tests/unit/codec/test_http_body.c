/* SPDX-License-Identifier: Apache-2.0 */
/* test_http_body.c: a body ends where its framing says, however it is cut, and nowhere else. */
#include "codec/http_request.h"

#include "unit.h"

struct outcome {
    int result;
    const char *why;
    size_t used;
    char data[256];
    size_t size;
};

/* Feeds pieces of the wire until the answer is not "more". */
static struct outcome feed(const struct http_request *request, struct bytes wire, size_t first,
                           size_t step, size_t size_max)
{
    struct outcome o = {0};
    struct http_body body;
    struct strbuf out;
    size_t at = 0, piece = first;

    http_body_init(&body, request);
    strbuf_init(&out, size_max);
    for (;;) {
        size_t size = piece < wire.size - at ? piece : wire.size - at, used = SIZE_MAX;
        char *copy = malloc(size ? size : 1);

        assert_non_null(copy);
        memcpy(copy, wire.data + at, size);
        o.result = http_body_feed(&body, (struct bytes){copy, size}, &out, &used, &o.why);
        free(copy);
        if (o.result < 0)
            break;
        CHECK(used <= size);
        o.used += used;
        if (o.result > 0)
            break;
        CHECK_EQ(used, size); /* "more" has taken all there was */
        at += size;
        if (at == wire.size)
            break;
        piece = step;
    }
    if (o.result >= 0) {
        o.size = out.size;
        CHECK(out.size <= sizeof o.data);
        CHECK_EQ(body.total, out.size);
        memcpy(o.data, strbuf_bytes(&out).data, out.size);
    }
    strbuf_done(&out);
    return o;
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
    CHECK_EQ(a->result, b->result);
    if (a->result < 0) {
        assert_string_equal(a->why, b->why);
        return;
    }
    CHECK_EQ(a->used, b->used);
    CHECK_EQ(a->size, b->size);
    assert_memory_equal(a->data, b->data, sizeof a->data);
}

static struct outcome feed_every_way(const struct http_request *request, struct bytes wire,
                                     size_t size_max)
{
    struct outcome whole = feed(request, wire, wire.size, wire.size, size_max), split;

    for (size_t cut = 0; cut <= wire.size; cut++) {
        split = feed(request, wire, cut, wire.size, size_max);
        check_same(&whole, &split);
    }
    split = feed(request, wire, 1, 1, size_max);
    check_same(&whole, &split);
    return whole;
}

static const struct http_request chunked = {.chunked = true};

#define CHECK_BODY(wire, body_literal, left_size)                       \
    do {                                                                \
        struct outcome o_ = feed_every_way(&chunked, BYTES(wire), 200); \
        CHECK_EQ(o_.result, 1);                                         \
        CHECK_EQ(o_.used, sizeof(wire) - 1 - (left_size));              \
        CHECK_TEXT(((struct bytes){o_.data, o_.size}), body_literal);   \
    } while (0)
#define CHECK_REFUSED(words, wire)                                      \
    do {                                                                \
        struct outcome o_ = feed_every_way(&chunked, BYTES(wire), 200); \
        CHECK_EQ(o_.result, -400);                                      \
        assert_string_equal(o_.why, words);                             \
    } while (0)

TEST(a_body_by_length_ends_at_its_length)
{
    struct http_request request = {.has_content_length = true, .content_length = 5};
    struct outcome o = feed_every_way(&request, BYTES("helloGET "), 200);

    CHECK_EQ(o.result, 1);
    CHECK_EQ(o.used, 5);
    CHECK_TEXT(((struct bytes){o.data, o.size}), "hello");
    CHECK_EQ(feed_every_way(&request, BYTES("hell"), 200).result, 0);
}

TEST(a_request_without_framing_has_no_body)
{
    struct http_request request = {0};
    struct outcome o = feed_every_way(&request, BYTES("GET / HTTP/1.1\r\n"), 200);

    CHECK_EQ(o.result, 1);
    CHECK_EQ(o.used, 0);
    CHECK_EQ(o.size, 0);
}

TEST(a_body_over_the_ceiling_is_refused_and_one_at_it_is_not)
{
    struct http_request request = {.has_content_length = true, .content_length = 10};

    CHECK_EQ(feed_every_way(&request, BYTES("0123456789"), 10).result, 1);
    CHECK_EQ(feed_every_way(&request, BYTES("0123456789"), 9).result, -413);
    CHECK_EQ(feed_every_way(&chunked, BYTES("a\r\n0123456789\r\n0\r\n\r\n"), 10).result, 1);
    CHECK_EQ(feed_every_way(&chunked, BYTES("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n"), 9).result,
             -413);
}

TEST(a_body_of_a_huge_length_waits_without_taking_memory)
{
    struct http_request request = {.has_content_length = true, .content_length = UINT64_MAX};

    CHECK_EQ(feed_every_way(&request, BYTES("0123"), 10).result, 0);
    CHECK_EQ(feed_every_way(&chunked, BYTES("ffffffffffffffff\r\n0123"), 10).result, 0);
}

TEST(a_chunked_body_may_arrive_in_any_pieces)
{
    CHECK_BODY("0\r\n\r\n", "", 0);
    CHECK_BODY("5\r\nhello\r\n0\r\n\r\n", "hello", 0);
    CHECK_BODY("5\r\nhello\r\n06\r\n world\r\n0\r\n\r\nGET /", "hello world", 5);
    CHECK_BODY("A\r\n0123456789\r\na\r\n0123456789\r\n00\r\n\r\n", "01234567890123456789", 0);
    CHECK_BODY("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0);
}

TEST(extensions_and_trailers_are_thrown_away)
{
    CHECK_BODY("5;a=b\r\nhello\r\n0;x;y=\"z\"\r\nT: v\r\nU:\r\n\r\n", "hello", 0);
    CHECK_BODY("5; a = b\t\r\nhello\r\n0\r\nT: v\xff\r\n\r\n", "hello", 0);
}

TEST(a_chunk_size_is_hexadecimal_digits_only)
{
    static const char not_hex[] = "a chunk's size is not a hexadecimal number";
    static const char none[] = "a chunk does not begin with its size";

    CHECK_REFUSED(not_hex, "0x5\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5 \r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5 ;a\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5\t\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5g\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(not_hex, "5\0\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(none, " 5\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(none, "+5\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(none, "-5\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(none, "\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(none, ";a\r\nhello\r\n0\r\n\r\n");
}

TEST(a_chunk_size_cannot_overflow)
{
    static const char words[] = "a chunk's size has too many digits";

    CHECK_REFUSED(words, "10000000000000005\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "fffffffffffffffff\r\n");
    CHECK_REFUSED(words, "00000000000000005\r\nhello\r\n0\r\n\r\n");
    CHECK_BODY("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0);
}

TEST(a_chunk_ends_with_cr_and_lf)
{
    static const char words[] = "a chunk is longer than its size says";

    CHECK_REFUSED(words, "5\r\nhello!\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "5\r\nhello\n0\r\n\r\n");
    CHECK_REFUSED(words, "5\r\nhello\r0\r\n\r\n");
    CHECK_REFUSED(words, "5\r\nhello0\r\n\r\n");
}

TEST(a_bare_cr_beside_the_chunks_is_refused)
{
    static const char words[] = "a CR beside the chunks is not followed by LF";

    CHECK_REFUSED(words, "5\rhello\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "5;a\rb\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "0\r\nT: a\rb\r\n\r\n");
    CHECK_REFUSED(words, "0\r\n\rX");
}

TEST(a_bare_lf_or_control_beside_the_chunks_is_refused)
{
    static const char words[] = "a control character beside the chunks";

    CHECK_REFUSED(words, "5;a\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "5;\0\r\nhello\r\n0\r\n\r\n");
    CHECK_REFUSED(words, "0\r\nT: v\n\r\n");
    CHECK_REFUSED("a trailer's name is not a token", "0\r\n\n");
}

TEST(a_trailer_is_held_to_the_grammar_of_headers)
{
    static const char words[] = "a trailer's name is not a token";

    CHECK_REFUSED(words, "0\r\nT : v\r\n\r\n");
    CHECK_REFUSED(words, "0\r\n: v\r\n\r\n");
    CHECK_REFUSED(words, "0\r\nT\r\n\r\n");
    CHECK_REFUSED(words, "0\r\nT: v\r\n folded\r\n\r\n");
    CHECK_REFUSED(words, "0\r\nGET / HTTP/1.1\r\n\r\n");
}

/* A wire of `before`, so many 'x', and `after`, fed in pieces of 100. */
static int feed_long(const char *before, size_t count, const char *after)
{
    struct bytes wire = {NULL, strlen(before) + count + strlen(after)};
    char *data = malloc(wire.size);
    struct outcome o;

    assert_non_null(data);
    memcpy(data, before, strlen(before));
    memset(data + strlen(before), 'x', count);
    memcpy(data + strlen(before) + count, after, strlen(after));
    wire.data = data;
    o = feed(&chunked, wire, 100, 100, 200);
    free(data);
    return o.result;
}

TEST(extensions_and_trailers_have_a_ceiling_for_the_whole_body)
{
    CHECK_EQ(feed_long("0;", 4000, "\r\n\r\n"), 1);
    CHECK_EQ(feed_long("0;", 5000, "\r\n\r\n"), -400);
    CHECK_EQ(feed_long("0\r\nT:", 4000, "\r\n\r\n"), 1);
    CHECK_EQ(feed_long("0\r\nT:", 5000, "\r\n\r\n"), -400);
    CHECK_EQ(feed_long("0\r\n", 5000, ":\r\n\r\n"), -400);
    CHECK_EQ(feed_long("1;", 3000, "\r\na\r\n0\r\n\r\n"), 1);
}

TEST(many_small_chunks_with_extensions_share_the_ceiling)
{
    struct http_body body;
    struct strbuf out;
    const char *why = NULL;
    size_t used;
    int r = 0;

    http_body_init(&body, &chunked);
    strbuf_init(&out, 10000);
    for (int i = 0; i < 1000 && r == 0; i++)
        r = http_body_feed(&body, BYTES("1;0123456789\r\na\r\n"), &out, &used, &why);
    CHECK_EQ(r, -400);
    assert_string_equal(why, "too many chunk extensions or trailers");
    strbuf_done(&out);
}
