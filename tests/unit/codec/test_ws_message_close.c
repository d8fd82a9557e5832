/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_message_close.c: close frames in and out: codes, reasons, and what follows them. */
#include "codec/ws_script.h"

#include "unit.h"

TEST(a_close_without_a_code_is_1005)
{
    script_expect_frame(FIN | WS_CLOSE, BYTES(""), BYTES("close 1005()"));
    script_expect_frame(FIN | WS_CLOSE, BYTES("\x0f\xa1"), BYTES("close 4001()"));
}

TEST(a_close_of_one_byte_is_refused)
{
    script_expect_frame(FIN | WS_CLOSE, BYTES("\x03"),
                        BYTES("error 1002 a close code of one byte()"));
}

TEST(a_close_reason_that_is_not_utf8_is_refused)
{
    script_expect_frame(FIN | WS_CLOSE,
                        BYTES("\x03\xe8"
                              "a\xff"),
                        BYTES("error 1007 a close reason that is not UTF-8()"));
    script_expect_frame(FIN | WS_CLOSE, BYTES("\x03\xe8\xc3"),
                        BYTES("error 1007 a close reason that is not UTF-8()"));
}

TEST(close_codes_are_allowed_as_section_7_4_and_the_registry_say)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool allowed = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                       (code >= 3000 && code <= 4999);

        CHECK_EQ(ws_close_code_valid((uint16_t)code), allowed);
    }
    script_expect_frame(FIN | WS_CLOSE, BYTES("\x03\xed"),
                        BYTES("error 1002 a close code that is not allowed()"));
    script_expect_frame(FIN | WS_CLOSE, BYTES("\x00\x00"),
                        BYTES("error 1002 a close code that is not allowed()"));
}

TEST(a_close_ends_even_a_message_in_fragments_and_what_follows_is_thrown_away)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script_put_frame(&script, WS_TEXT, BYTES("never to be"));
    script_put_frame(&script, FIN | WS_CLOSE, BYTES("\x03\xe9"));
    script_put_frame(&script, 0x7f, BYTES("nonsense"));
    script_expect(&script, BYTES("close 1001()"));
}

TEST(a_close_frame_reads_back)
{
    uint8_t frame[WS_CLOSE_FRAME_MAX];
    size_t size = ws_close_frame(frame, 4101, BYTES("Token expired"));

    script_expect_wire(WS_CLIENT, (struct bytes){(char *)frame, size},
                       BYTES("close 4101(Token expired)"));
    size = ws_close_frame(frame, 1000, (struct bytes){0});
    CHECK_EQ(size, 4);
    script_expect_wire(WS_CLIENT, (struct bytes){(char *)frame, size}, BYTES("close 1000()"));
    size = ws_close_frame(frame, 1005, BYTES("never sent"));
    CHECK_EQ(size, 2);
    script_expect_wire(WS_CLIENT, (struct bytes){(char *)frame, size}, BYTES("close 1005()"));
}

TEST(a_close_reason_is_cut_between_characters)
{
    for (size_t lead = 0; lead < 8; lead++) {
        uint8_t frame[WS_CLOSE_FRAME_MAX];
        char reason[200];
        size_t size = lead;

        memset(reason, 'a', lead);
        for (; size + 4 <= sizeof reason; size += 4)
            memcpy(reason + size, "\xf0\x9f\x98\x80", 4);
        size = ws_close_frame(frame, 4000, (struct bytes){reason, size});
        CHECK_EQ(size, 4 + lead + (123 - lead) / 4 * 4);
        CHECK_EQ(frame[1], size - 2);
        assert_memory_equal(frame + 4, reason, size - 4);
    }
}

TEST(a_close_reason_that_is_not_utf8_is_left_out)
{
    uint8_t frame[WS_CLOSE_FRAME_MAX];
    char all_continuations[200];

    memset(all_continuations, 0x80, sizeof all_continuations);
    CHECK_EQ(ws_close_frame(frame, 4000, BYTES("a\xff")), 4);
    CHECK_EQ(ws_close_frame(frame, 4000,
                            (struct bytes){all_continuations, sizeof all_continuations}),
             4);
}
