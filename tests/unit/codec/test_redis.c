/* SPDX-License-Identifier: Apache-2.0 */
/* test_redis.c: replies are the same in any pieces, and a server cannot make us grow with them. */
#include <stdio.h>

#include "codec/redis.h"
#include "mcp_auth/error.h"
#include "unit.h"

static const struct redis_limits limits = {.bytes_max = 4096,
                                           .piece_max = 1024,
                                           .elements_max = 64};

static struct redis_reader *reader_of(const struct redis_limits *of)
{
    struct redis_reader *reader;

    CHECK_EQ(redis_reader_new(&reader, of), 0);
    return reader;
}

/* A reply as text, so that two can be compared. */
static void describe(const struct redis_reply *reply, struct strbuf *out)
{
    strbuf_printf(out, "%d", (int)reply->type);
    if (reply->type == REDIS_INTEGER)
        strbuf_printf(out, ":%lld", (long long)reply->integer);
    else if (reply->type == REDIS_ARRAY) {
        strbuf_putc(out, '[');
        for (size_t i = 0; i < reply->count; i++)
            describe(&reply->elements[i], out);
        strbuf_putc(out, ']');
    } else if (reply->type != REDIS_NIL) {
        CHECK(bytes_present(reply->text)); /* empty is not absent */
        strbuf_printf(out, "(%.*s)", (int)reply->text.size, reply->text.data);
    }
}

/* Feeds two pieces; what comes out of both, or the first failure. */
static int read_pieces(struct bytes wire, size_t cut, struct strbuf *out)
{
    struct redis_reader *reader = reader_of(&limits);
    struct bytes pieces[] = {{wire.data, cut}, {wire.data + cut, wire.size - cut}};
    const struct redis_reply *reply;
    int r = 0;

    strbuf_reset(out);
    for (int i = 0; i < 2 && r >= 0; i++) {
        r = redis_reader_feed(reader, pieces[i].data, pieces[i].size);
        while (r >= 0 && (r = redis_reader_next(reader, &reply)) == 1)
            describe(reply, out);
    }
    if (r < 0) /* for ever */
        CHECK_EQ(redis_reader_next(reader, &reply), r);
    redis_reader_free(reader);
    return r;
}

TEST(replies_are_the_same_in_any_two_pieces)
{
    static const char wire[] =
        "+OK\r\n-ERR no\r\n:-42\r\n$5\r\na\r\nb\n\r\n$0\r\n\r\n$-1\r\n*-1\r\n*0\r\n"
        "*2\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nv\r\n$1\r\n1\r\n:7\r\n+END\r\n";
    static const char expected[] =
        "0(OK)1(ERR no)2:-424(a\r\nb\n)4()335[]5[5[5[4(1-0)5[4(v)4(1)]]]2:7]"
        "0(END)";
    struct strbuf out;

    strbuf_init(&out, 4096);
    for (size_t cut = 0; cut <= sizeof wire - 1; cut++) {
        CHECK_EQ(read_pieces(bytes_of(wire), cut, &out), 0);
        CHECK_TEXT(strbuf_bytes(&out), expected);
    }
    strbuf_done(&out);
}

TEST(a_reply_fed_byte_by_byte_is_whole_at_its_last_byte)
{
    static const char wire[] = "*2\r\n$3\r\nabc\r\n:1\r\n";
    struct redis_reader *reader = reader_of(&limits);
    const struct redis_reply *reply;

    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof wire - 2; i++) {
            CHECK_EQ(redis_reader_feed(reader, wire + i, 1), 0);
            CHECK_EQ(redis_reader_next(reader, &reply), 0);
        }
        CHECK_EQ(redis_reader_feed(reader, wire + sizeof wire - 2, 1), 0);
        CHECK_EQ(redis_reader_next(reader, &reply), 1);
        CHECK_EQ(reply->count, 2);
        CHECK_TEXT(reply->elements[0].text, "abc");
    }
    redis_reader_free(reader);
    redis_reader_free(NULL);
}

TEST(what_is_no_resp2_is_refused_at_any_cut)
{
    static const char *const wires[] = {
        "HTTP/1.1 400 Bad Request\r\n", /* another server */
        ":12a\r\n",
        "*x\r\n",
        "$-2\r\n",
        "*-2\r\n",
        "$99999999999999999999\r\n",
        "%1\r\n+a\r\n+b\r\n",
        "_\r\n",
        "#t\r\n",
        ",1.5\r\n",
        ">1\r\n+a\r\n",
        "(1\r\n",
        "~1\r\n+a\r\n",
        "=5\r\ntxt:a\r\n",
    };
    struct strbuf out;

    strbuf_init(&out, 4096);
    for (size_t i = 0; i < sizeof wires / sizeof *wires; i++)
        for (size_t cut = 0; cut <= strlen(wires[i]); cut++)
            CHECK_EQ(read_pieces(bytes_of(wires[i]), cut, &out), MCP_AUTH_E_INVALID);
    strbuf_done(&out);
}

static int read_all(struct bytes wire, struct strbuf *out)
{
    return read_pieces(wire, 0, out);
}

TEST(an_announced_array_takes_no_memory_beyond_the_ceiling)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    CHECK_EQ(read_all(BYTES("*64\r\n"), &out), 0);
    CHECK_EQ(read_all(BYTES("*65\r\n"), &out), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(read_all(BYTES("*2147483647\r\n"), &out), MCP_AUTH_E_TOO_BIG);
    /* Not one array, but many. */
    CHECK_EQ(read_all(BYTES("*33\r\n*31\r\n"), &out), 0);
    CHECK_EQ(read_all(BYTES("*33\r\n*32\r\n"), &out), MCP_AUTH_E_TOO_BIG);
    /* The next reply has the whole ceiling again. */
    CHECK_EQ(read_all(BYTES("*1\r\n+a\r\n*64\r\n"), &out), 0);
    strbuf_done(&out);
}

TEST(arrays_nest_seven_deep_and_no_deeper)
{
    struct strbuf out;

    strbuf_init(&out, 4096);
    CHECK_EQ(read_all(BYTES("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+a\r\n"), &out), 0);
    CHECK_TEXT(strbuf_bytes(&out), "5[5[5[5[5[5[5[0(a)]]]]]]]");
    CHECK_EQ(read_all(BYTES("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n+a\r\n"), &out),
             MCP_AUTH_E_TOO_BIG);
    strbuf_done(&out);
}

/* `count` strings of `size` bytes in one array. */
static int read_strings(unsigned count, size_t size)
{
    struct strbuf wire, out;
    int r;

    strbuf_init(&wire, 1 << 20);
    strbuf_init(&out, 1 << 20);
    strbuf_printf(&wire, "*%u\r\n", count);
    for (unsigned i = 0; i < count; i++) {
        strbuf_printf(&wire, "$%zu\r\n", size);
        for (size_t at = 0; at < size; at++)
            strbuf_putc(&wire, 'x');
        strbuf_puts(&wire, "\r\n");
    }
    CHECK_EQ(wire.error, 0);
    r = read_all(strbuf_bytes(&wire), &out);
    strbuf_done(&wire);
    strbuf_done(&out);
    return r;
}

TEST(texts_have_a_ceiling_each_and_together)
{
    CHECK_EQ(read_strings(4, 1024), 0);
    CHECK_EQ(read_strings(1, 1025), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(read_strings(5, 820), MCP_AUTH_E_TOO_BIG);
}

TEST(a_text_or_a_line_that_never_ends_is_given_up)
{
    static const char *const openings[] = {"$512000000\r\n", "+", "-", ":1", "$1", "*1"};

    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        struct redis_reader *reader = reader_of(&limits);
        const struct redis_reply *reply;
        size_t fed = 0;
        int r = redis_reader_feed(reader, openings[i], strlen(openings[i]));

        for (; r >= 0 && fed < 1 << 20; fed += 16) {
            r = redis_reader_feed(reader, "1111111111111111", 16);
            if (r >= 0)
                r = redis_reader_next(reader, &reply);
        }
        CHECK_EQ(r, MCP_AUTH_E_TOO_BIG);
        CHECK(fed < 2048);
        CHECK_EQ(redis_reader_feed(reader, "+OK\r\n", 5), MCP_AUTH_E_TOO_BIG);
        redis_reader_free(reader);
    }
}

TEST(a_large_reply_is_not_kept_for_ever)
{
    static const struct redis_limits large = {64u << 20, 8u << 20, 64};
    struct redis_reader *reader = reader_of(&large);
    const struct redis_reply *reply;
    size_t size = 4u << 20;
    char *text = malloc(size);

    CHECK(text != NULL);
    memset(text, 'x', size);
    CHECK_EQ(redis_reader_feed(reader, "$4194304\r\n", 10), 0);
    CHECK_EQ(redis_reader_feed(reader, text, size), 0);
    CHECK_EQ(redis_reader_feed(reader, "\r\n", 2), 0);
    CHECK_EQ(redis_reader_next(reader, &reply), 1);
    CHECK_EQ(reply->text.size, size);
    CHECK(redis_reader_bytes(reader) >= size);
    CHECK_EQ(redis_reader_next(reader, &reply), 0);
    CHECK(redis_reader_bytes(reader) < 1u << 20);
    free(text);
    redis_reader_free(reader);
}

TEST(a_command_is_an_array_of_counted_texts)
{
    static const struct bytes args[] = {BYTES("SET"), BYTES(""), BYTES("a\r\nb")};
    static const char expected[] = "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n";
    struct strbuf out;

    strbuf_init(&out, sizeof expected - 1);
    CHECK_EQ(redis_command_size(args, 3), sizeof expected - 1);
    CHECK_EQ(redis_command_put(&out, args, 3), 0);
    CHECK_TEXT(strbuf_bytes(&out), expected);
    CHECK_EQ(redis_command_put(&out, args, 1), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(out.size, sizeof expected - 1); /* nothing of it */
    strbuf_done(&out);
}
