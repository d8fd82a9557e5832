/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_deflate.c: messages deflated: they come back, within their window, the same for all. */
#include "codec/ws_deflate.h"

#include <zlib.h>

#include "mcp_auth/error.h"
#include "ws_text.h"

TEST(every_size_and_window_comes_back_as_it_was)
{
    static const size_t sizes[] = {0,     1,      2,      125,    126,    310,    255,
                                   256,   511,    512,    1023,   8192,   65535,  65536,
                                   65537, 131071, 131072, 131073, 200000, 3 * MIB};
    struct ws_inflater *inflater;
    struct ws_deflater *deflater;

    CHECK_EQ(ws_inflater_new(&inflater), 0);
    CHECK_EQ(ws_deflater_new(&deflater, 6), 0);
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        for (unsigned bits = WS_DEFLATE_BITS_MIN; bits <= WS_WINDOW_BITS_MAX; bits += 2) {
            for (int noise = 0; noise < 2; noise++) {
                const struct ws_inflate_limits limits = {.size_max = sizes[i]};
                struct ws_output message = {.opcode = noise ? WS_BINARY : WS_TEXT};
                struct strbuf plain, payload;

                strbuf_init(&plain, 8 * MIB);
                strbuf_init(&payload, 8 * MIB);
                if (noise)
                    put_noise(&plain, sizes[i], bits);
                else
                    put_text(&plain, sizes[i]);
                CHECK_EQ(ws_deflate_message(deflater, bits, strbuf_bytes(&plain), &payload), 0);
                message.payload = strbuf_bytes(&payload);
                CHECK_EQ(ws_inflate_message(inflater, &limits, NULL, &message), WS_GOT_MESSAGE);
                CHECK(bytes_equal(message.payload, strbuf_bytes(&plain)));
                strbuf_done(&plain);
                strbuf_done(&payload);
            }
        }
    }
    ws_inflater_free(inflater);
    ws_deflater_free(deflater);
}

/* The promise of server_max_window_bits, judged by a reader with no larger window. */
TEST(a_message_deflated_with_a_small_window_is_read_with_a_small_window)
{
    struct ws_deflater *deflater;

    CHECK_EQ(ws_deflater_new(&deflater, 9), 0);
    for (unsigned bits = WS_DEFLATE_BITS_MIN; bits <= WS_WINDOW_BITS_MAX; bits++) {
        struct strbuf plain, payload;
        unsigned char piece[100];
        size_t size = 0;
        z_stream z = {0};

        strbuf_init(&plain, MIB);
        strbuf_init(&payload, MIB);
        put_text(&plain, 200000);
        CHECK_EQ(ws_deflate_message(deflater, bits, strbuf_bytes(&plain), &payload), 0);
        CHECK_EQ(inflateInit2(&z, -(int)bits), Z_OK);
        z.next_in = (Bytef *)payload.data;
        z.avail_in = (uInt)payload.size;
        do { /* in small pieces: zlib would else look back into the output itself */
            int r;

            z.next_out = piece;
            z.avail_out = sizeof piece;
            r = inflate(&z, Z_SYNC_FLUSH);
            CHECK(r == Z_OK || r == Z_BUF_ERROR);
            assert_memory_equal(piece, plain.data + size, sizeof piece - z.avail_out);
            size += sizeof piece - z.avail_out;
        } while (z.avail_out == 0);
        CHECK_EQ(size, plain.size);
        inflateEnd(&z);
        strbuf_done(&plain);
        strbuf_done(&payload);
    }
    ws_deflater_free(deflater);
}

/* That is what makes one frame good for all. */
TEST(the_same_message_is_deflated_to_the_same_bytes_whatever_came_before)
{
    struct ws_deflater *deflater;
    struct strbuf first, second, noise;

    strbuf_init(&first, MIB);
    strbuf_init(&second, MIB);
    strbuf_init(&noise, MIB);
    put_noise(&noise, 100000, 7);
    CHECK_EQ(ws_deflater_new(&deflater, 6), 0);
    CHECK_EQ(ws_deflate_message(deflater, 12, BYTES("Hello, Hello, Hello"), &first), 0);
    CHECK_EQ(ws_deflate_message(deflater, 12, strbuf_bytes(&noise), &second), 0);
    strbuf_reset(&second);
    CHECK_EQ(ws_deflate_message(deflater, 12, BYTES("Hello, Hello, Hello"), &second), 0);
    CHECK(bytes_equal(strbuf_bytes(&first), strbuf_bytes(&second)));
    ws_deflater_free(deflater);
    strbuf_done(&first);
    strbuf_done(&second);
    strbuf_done(&noise);
}

TEST(hello_and_nothing_are_deflated_as_in_the_rfc)
{
    struct ws_deflater *deflater;
    struct strbuf out;

    strbuf_init(&out, 1024);
    CHECK_EQ(ws_deflater_new(&deflater, 6), 0);
    strbuf_puts(&out, "before ");
    CHECK_EQ(ws_deflate_message(deflater, 15, BYTES("Hello"), &out), 0);
    CHECK_TEXT(strbuf_bytes(&out), "before \xf2\x48\xcd\xc9\xc9\x07\x00");
    strbuf_reset(&out);
    CHECK_EQ(ws_deflate_message(deflater, 15, BYTES(""), &out), 0);
    CHECK_TEXT(strbuf_bytes(&out), "\x00");
    ws_deflater_free(deflater);
    strbuf_done(&out);
}

/* Every ceiling either holds the whole result or leaves what was there. */
TEST(a_result_over_its_ceiling_leaves_what_was_there)
{
    struct ws_deflater *deflater;
    struct strbuf plain, whole;

    strbuf_init(&plain, MIB);
    strbuf_init(&whole, MIB);
    put_noise(&plain, 300, 1);
    CHECK_EQ(ws_deflater_new(&deflater, 6), 0);
    CHECK_EQ(ws_deflate_message(deflater, 15, strbuf_bytes(&plain), &whole), 0);
    for (size_t ceiling = 4; ceiling < whole.size + 40; ceiling++) {
        struct strbuf out;
        int r;

        strbuf_init(&out, ceiling);
        strbuf_puts(&out, "kept");
        r = ws_deflate_message(deflater, 15, strbuf_bytes(&plain), &out);
        CHECK_EQ(r, out.error);
        if (ceiling >= 4 + whole.size + WS_DEFLATE_SPARE)
            CHECK_EQ(r, 0);
        if (r == 0) {
            CHECK(out.size >= 4 + whole.size);
        } else {
            CHECK_EQ(r, MCP_AUTH_E_TOO_BIG);
            CHECK_TEXT(strbuf_bytes(&out), "kept");
        }
        strbuf_done(&out);
    }
    ws_deflater_free(deflater);
    strbuf_done(&plain);
    strbuf_done(&whole);
}

TEST(no_deflater_is_freed_without_harm)
{
    ws_deflater_free(NULL);
}
