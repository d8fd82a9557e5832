/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_inflate.c: messages inflated: any split, limits, windows, what is refused. */
#include "codec/ws_deflate.h"

#include <zlib.h>

#include "mcp_auth/error.h"
#include "ws_text.h"

static const struct ws_inflate_limits generous = {.size_max = 16 * MIB};

/* In two parts, each in a block of its own so that ASan sees every step outside of it. */
static int inflate_in_two(struct ws_inflater *inflater, const struct ws_inflate_limits *limits,
                          struct strbuf *window, bool is_text, struct bytes payload, size_t cut,
                          struct bytes *ret)
{
    const char *why = NULL;
    char *first = malloc(cut + 1), *second = malloc(payload.size - cut + 1);
    int r;

    assert_true(first && second && cut <= payload.size);
    memcpy(first + 1, payload.data, cut);
    memcpy(second + 1, payload.data + cut, payload.size - cut);
    r = ws_inflate_begin(inflater, limits, window, is_text, payload.size, &why);
    if (r == 0)
        r = ws_inflate_feed(inflater, (struct bytes){first + 1, cut}, &why);
    if (r == 0)
        r = ws_inflate_feed(inflater, (struct bytes){second + 1, payload.size - cut}, &why);
    if (r == 0)
        r = ws_inflate_end(inflater, ret, &why);
    CHECK((r < 0) == (why != NULL));
    free(first);
    free(second);
    return r;
}

/* This payload must mean this, whole and in every two parts. */
static void means(struct bytes payload, struct bytes want)
{
    struct ws_inflater *inflater;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (size_t cut = 0; cut <= payload.size; cut++) {
        struct bytes text = {0};

        CHECK_EQ(inflate_in_two(inflater, &generous, NULL, true, payload, cut, &text), 0);
        CHECK(bytes_equal(text, want));
    }
    ws_inflater_free(inflater);
}

/* And this one must be refused with this error, however it arrives. */
static void refused(struct bytes payload, bool is_text, int error)
{
    struct ws_inflater *inflater;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (size_t cut = 0; cut <= payload.size; cut++) {
        struct bytes text = {0};

        CHECK_EQ(inflate_in_two(inflater, &generous, NULL, is_text, payload, cut, &text), error);
        CHECK(!bytes_present(text));
    }
    ws_inflater_free(inflater);
}

TEST(the_examples_of_rfc_7692_section_7_2_3_mean_hello)
{
    /* .1: one block; .3: a stored block; .4: a block with BFINAL; .5: two blocks */
    means(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), BYTES("Hello"));
    means(BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), BYTES("Hello"));
    means(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), BYTES("Hello"));
    means(BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), BYTES("Hello"));
    /* .6: an empty message */
    means(BYTES("\x00"), BYTES(""));
}

/* RFC 7692 section 7.2.3.2: the second message refers to the first. */
TEST(the_second_hello_of_the_rfc_needs_the_window_of_the_first)
{
    const struct bytes first = BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00");
    const struct bytes second = BYTES("\xf2\x00\x11\x00\x00");
    struct ws_inflater *inflater;
    struct strbuf window;
    struct bytes text;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (size_t cut = 0; cut <= second.size; cut++) {
        strbuf_init(&window, 1u << 15);
        CHECK_EQ(inflate_in_two(inflater, &generous, &window, true, first, 3, &text), 0);
        CHECK_TEXT(text, "Hello");
        CHECK_EQ(inflate_in_two(inflater, &generous, &window, true, second, cut, &text), 0);
        CHECK_TEXT(text, "Hello");
        CHECK_TEXT(strbuf_bytes(&window), "HelloHello");
        strbuf_done(&window);
        CHECK_EQ(inflate_in_two(inflater, &generous, NULL, true, second, cut, &text),
                 MCP_AUTH_E_INVALID);
    }
    ws_inflater_free(inflater);
}

TEST(an_empty_payload_is_an_empty_message)
{
    means(BYTES(""), BYTES(""));
}

/* Sections 7.2.1 and 7.2.3.5: what follows a final block begins at the next byte, and may refer
 * to what was before it. */
TEST(final_blocks_may_stand_anywhere_in_a_message)
{
    means(BYTES("\x03\x00\x03\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x03\x00\x00"), BYTES("Hello"));
    means(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
          BYTES("HelloHello"));
    means(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"), BYTES("HelloHello"));
    /* The empty stored block at the end may itself be final. */
    means(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x04"), BYTES("Hello"));
    means(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x01"), BYTES("Hello"));
}

TEST(a_message_of_many_final_blocks_takes_no_longer_than_its_size)
{
    struct ws_inflater *inflater;
    struct strbuf payload;
    struct bytes text;

    strbuf_init(&payload, 4 * MIB);
    strbuf_puts(&payload, "\xf3\x48\xcd\xc9\xc9\x07");
    strbuf_putc(&payload, '\0');
    for (unsigned i = 0; i < MIB; i++)
        strbuf_put(&payload, "\x03\x00", 2);
    strbuf_putc(&payload, '\0');
    CHECK_EQ(ws_inflater_new(&inflater), 0);
    CHECK_EQ(inflate_in_two(inflater, &generous, NULL, true, strbuf_bytes(&payload), 5, &text), 0);
    CHECK_TEXT(text, "Hello");
    ws_inflater_free(inflater);
    strbuf_done(&payload);
}

TEST(what_is_not_deflate_data_is_refused)
{
    refused(BYTES("\xff"), false, MCP_AUTH_E_INVALID);                          /* block type 3 */
    refused(BYTES("Hello"), false, MCP_AUTH_E_INVALID);                         /* not compressed */
    refused(BYTES("\x00\x05\x00\xfb\xffHello\x00"), false, MCP_AUTH_E_INVALID); /* length, check */
    refused(BYTES("\x78\x9c\xf3\x48\xcd\xc9\xc9\x07\x00"), false, MCP_AUTH_E_INVALID); /* zlib's */
    refused(BYTES("\xf2\x00\x11\x00\x00"), false, MCP_AUTH_E_INVALID); /* refers to nothing */
}

TEST(data_that_does_not_end_with_its_message_is_refused)
{
    const struct bytes hello = BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00");

    /* Cut short at any byte. */
    for (size_t size = 1; size < hello.size; size++)
        refused((struct bytes){hello.data, size}, false, MCP_AUTH_E_INVALID);
    /* The tail left in, final blocks without the empty one, bytes of no block. */
    refused(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), false, MCP_AUTH_E_INVALID);
    refused(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"), false, MCP_AUTH_E_INVALID);
    refused(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00garbage"), false, MCP_AUTH_E_INVALID);
    refused(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00\x01"), false, MCP_AUTH_E_INVALID);
}

static void put_deflated(struct strbuf *out, struct bytes text)
{
    struct ws_deflater *deflater;

    CHECK_EQ(ws_deflater_new(&deflater, 9), 0);
    CHECK_EQ(ws_deflate_message(deflater, 15, text, out), 0);
    ws_deflater_free(deflater);
}

TEST(inflated_text_must_be_utf_8_and_binary_need_not)
{
    static const char *const wrong[] = {"\xc0\xaf", "abc\xff", "abc\xe2\x82", "\xed\xa0\x80"};

    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
        struct ws_inflater *inflater;
        struct strbuf payload;
        struct bytes text;

        strbuf_init(&payload, 1024);
        put_deflated(&payload, bytes_of(wrong[i]));
        refused(strbuf_bytes(&payload), true, MCP_AUTH_E_INVALID);
        CHECK_EQ(ws_inflater_new(&inflater), 0);
        CHECK_EQ(inflate_in_two(inflater, &generous, NULL, false, strbuf_bytes(&payload), 1, &text),
                 0);
        CHECK(bytes_equal(text, bytes_of(wrong[i])));
        ws_inflater_free(inflater);
        strbuf_done(&payload);
    }
}

TEST(a_message_may_be_as_large_as_its_limit_and_not_a_byte_larger)
{
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 131072, 300000};
    struct ws_inflater *inflater;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct ws_inflate_limits limits = {.size_max = sizes[i]};
        struct strbuf plain, payload;
        struct bytes text;

        strbuf_init(&plain, MIB);
        strbuf_init(&payload, MIB);
        put_text(&plain, sizes[i]);
        put_deflated(&payload, strbuf_bytes(&plain));
        CHECK_EQ(inflate_in_two(inflater, &limits, NULL, true, strbuf_bytes(&payload), 1, &text),
                 0);
        CHECK_EQ(text.size, sizes[i]);
        if (sizes[i] > 0) {
            limits.size_max--;
            CHECK_EQ(inflate_in_two(inflater, &limits, NULL, true, strbuf_bytes(&payload), 1,
                                    &text),
                     MCP_AUTH_E_TOO_BIG);
        }
        strbuf_done(&plain);
        strbuf_done(&payload);
    }
    ws_inflater_free(inflater);
}

/* 1,000 zeros a byte: 64 KiB of them are free, more are not, whatever the limit; and any split
 * says the same, because the ratio is of the whole message. */
TEST(a_bomb_is_refused_by_its_ratio)
{
    const struct ws_inflate_limits limits = {.size_max = 64 * MIB,
                                             .ratio_max = WS_INFLATE_RATIO_MAX};
    static const size_t sizes[] = {WS_INFLATE_FREE_SIZE, WS_INFLATE_FREE_SIZE + 1, 10 * MIB};
    struct ws_inflater *inflater;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        const int want = i == 0 ? 0 : MCP_AUTH_E_TOO_BIG;
        struct strbuf zeros, payload;
        struct bytes text;

        strbuf_init(&zeros, 16 * MIB);
        strbuf_init(&payload, MIB);
        memset(strbuf_reserve(&zeros, sizes[i]), 0, sizes[i]);
        strbuf_added(&zeros, sizes[i]);
        put_deflated(&payload, strbuf_bytes(&zeros));
        CHECK(payload.size < sizes[i] / 500);
        for (size_t cut = 0; cut <= payload.size; cut += 1 + payload.size / 16)
            CHECK_EQ(inflate_in_two(inflater, &limits, NULL, true, strbuf_bytes(&payload), cut,
                                    &text),
                     want);
        strbuf_done(&zeros);
        strbuf_done(&payload);
    }
    ws_inflater_free(inflater);
}

TEST(an_honest_message_is_under_the_ratio)
{
    const struct ws_inflate_limits limits = {.size_max = 64 * MIB,
                                             .ratio_max = WS_INFLATE_RATIO_MAX};
    struct ws_inflater *inflater;
    struct strbuf plain, payload;
    struct bytes text;

    strbuf_init(&plain, 4 * MIB);
    strbuf_init(&payload, 4 * MIB);
    put_text(&plain, 3 * MIB);
    put_deflated(&payload, strbuf_bytes(&plain));
    CHECK_EQ(ws_inflater_new(&inflater), 0);
    CHECK_EQ(inflate_in_two(inflater, &limits, NULL, true, strbuf_bytes(&payload), 9, &text), 0);
    CHECK_EQ(text.size, 3 * MIB);
    ws_inflater_free(inflater);
    strbuf_done(&plain);
    strbuf_done(&payload);
}

/* A client of zlib's that takes over its context, beside another: one inflater for both. */
TEST(windows_of_connections_stay_apart_and_within_their_size)
{
    enum { CLIENTS = 3, ROUNDS = 40 };
    static const int bits[CLIENTS] = {9, 12, 15};
    struct ws_inflater *inflater;
    struct strbuf windows[CLIENTS];
    z_stream z[CLIENTS] = {0};

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ(deflateInit2(&z[i], 9, Z_DEFLATED, -bits[i], 8, Z_DEFAULT_STRATEGY), Z_OK);
        strbuf_init(&windows[i], (size_t)1 << bits[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            struct strbuf plain;
            unsigned char payload[65536];
            struct bytes text;
            size_t size;

            strbuf_init(&plain, 65536);
            strbuf_printf(&plain, "client %d says %d; ", i, round);
            put_text(&plain, (size_t)(20 + round * round * 7));
            z[i].next_in = (Bytef *)plain.data;
            z[i].avail_in = (uInt)plain.size;
            z[i].next_out = payload;
            z[i].avail_out = sizeof payload;
            CHECK_EQ(deflate(&z[i], Z_SYNC_FLUSH), Z_OK);
            size = sizeof payload - z[i].avail_out - 4;
            CHECK_EQ(inflate_in_two(inflater, &generous, &windows[i], true,
                                    (struct bytes){(char *)payload, size}, size / 2, &text),
                     0);
            CHECK(bytes_equal(text, strbuf_bytes(&plain)));
            CHECK(windows[i].room <= (size_t)1 << bits[i]);
            strbuf_done(&plain);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        CHECK_EQ(windows[i].size, (size_t)1 << bits[i]);
        strbuf_done(&windows[i]);
        (void)deflateEnd(&z[i]);
    }
    ws_inflater_free(inflater);
}

TEST(a_message_of_the_reader_becomes_what_it_says_or_the_close_it_deserves)
{
    const struct ws_inflate_limits limits = {.size_max = 5};
    struct ws_inflater *inflater;
    struct ws_output output = {.opcode = WS_TEXT, .payload = BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00")};

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &output), WS_GOT_MESSAGE);
    CHECK_EQ(output.opcode, WS_TEXT);
    CHECK_TEXT(output.payload, "Hello");

    output = (struct ws_output){.opcode = WS_BINARY, .payload = BYTES("\xff\xff")};
    CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &output), WS_GOT_ERROR);
    CHECK_EQ(output.opcode, WS_CLOSE);
    CHECK_EQ(output.close_code, 1007);
    CHECK(output.why != NULL);

    output = (struct ws_output){
        .opcode = WS_TEXT,
        .payload = BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00"), /* HelloHello */
    };
    CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &output), WS_GOT_ERROR);
    CHECK_EQ(output.close_code, 1009);

    /* The failures left nothing behind. */
    output =
        (struct ws_output){.opcode = WS_TEXT, .payload = BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00")};
    CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &output), WS_GOT_MESSAGE);
    CHECK_TEXT(output.payload, "Hello");
    ws_inflater_free(inflater);
}

TEST(no_inflater_is_freed_without_harm)
{
    ws_inflater_free(NULL);
}
