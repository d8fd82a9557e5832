/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_message_refusals.c: every violation of RFC 6455 is refused with its code, in every split
 * and as early as it can be seen. */
#include "codec/ws_script.h"

#include "unit.h"

TEST(a_control_frame_may_have_125_bytes_and_no_more)
{
    static const char payload[126];
    struct strbuf log;

    strbuf_init(&log, 1000);
    strbuf_puts(&log, "ping(");
    strbuf_put(&log, payload, 125);
    strbuf_putc(&log, ')');
    script_expect_frame(FIN | WS_PING, (struct bytes){payload, 125}, strbuf_bytes(&log));
    strbuf_done(&log);
    script_expect_frame(FIN | WS_PING, (struct bytes){payload, 126},
                        BYTES("error 1002 a control frame over 125 bytes()"));
}

TEST(a_control_frame_in_fragments_is_refused)
{
    script_expect_frame(WS_PING, BYTES("a"), BYTES("error 1002 a control frame in fragments()"));
    script_expect_frame(WS_PONG, BYTES("a"), BYTES("error 1002 a control frame in fragments()"));
    script_expect_frame(WS_CLOSE, BYTES(""), BYTES("error 1002 a control frame in fragments()"));
}

TEST(reserved_opcodes_are_refused)
{
    static const unsigned reserved[] = {3, 4, 5, 6, 7, 11, 12, 13, 14, 15};

    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
        script_expect_frame(FIN | reserved[i], BYTES("a"), BYTES("error 1002 a reserved opcode()"));
}

TEST(reserved_bits_are_refused_on_every_frame)
{
    static const unsigned opcodes[] = {WS_TEXT, WS_BINARY, WS_CLOSE, WS_PING, WS_PONG};

    for (unsigned bits = 0x10; bits <= 0x70; bits += 0x10)
        for (size_t i = 0; i < sizeof opcodes / sizeof opcodes[0]; i++)
            script_expect_frame(FIN | bits | opcodes[i], BYTES(""),
                                BYTES("error 1002 a reserved bit is set()"));
}

TEST(rsv1_marks_a_message_where_it_was_negotiated)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script.rsv1_allowed = true;
    script_put_frame(&script, FIN | RSV1 | WS_TEXT, BYTES("\xff")); /* deflated: not text yet */
    script_put_frame(&script, FIN | WS_TEXT, BYTES("plain"));
    script_put_frame(&script, RSV1 | WS_TEXT, BYTES("\xfe"));
    script_put_frame(&script, FIN | WS_PING, BYTES(""));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("\xfd"));
    script_put_frame(&script, FIN | WS_TEXT, BYTES("\xff"));
    script_expect(&script, BYTES("deflated text(\xff)text(plain)ping()deflated text(\xfe\xfd)"
                                 "error 1007 text that is not UTF-8()"));
}

TEST(negotiated_rsv1_is_still_refused_on_other_frames_and_rsv2_always)
{
    static const unsigned wrong[] = {RSV1 | WS_PING, RSV1 | WS_PONG,   RSV1 | WS_CLOSE,
                                     0x20 | WS_TEXT, 0x60 | WS_BINARY, 0x10 | WS_TEXT};
    struct script script;

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        script_init(&script, WS_SERVER);
        script.rsv1_allowed = true;
        script_put_frame(&script, FIN | wrong[i], BYTES(""));
        script_expect(&script, BYTES("error 1002 a reserved bit is set()"));
    }
    script_init(&script, WS_SERVER);
    script.rsv1_allowed = true;
    script_put_frame(&script, RSV1 | WS_TEXT, BYTES("a"));
    script_put_frame(&script, FIN | RSV1 | WS_CONTINUATION, BYTES("b"));
    script_expect(&script, BYTES("error 1002 a reserved bit is set()"));
}

TEST(a_server_refuses_a_frame_without_a_mask_and_a_client_one_with_it)
{
    script_expect_wire(WS_SERVER, BYTES("\x81\x05Hello"),
                       BYTES("error 1002 a client's frame is not masked()"));
    script_expect_wire(WS_SERVER, BYTES("\x88\x00"),
                       BYTES("error 1002 a client's frame is not masked()"));
    script_expect_wire(WS_CLIENT, BYTES("\x81\x81\0\0\0\0a"),
                       BYTES("error 1002 a server's frame is masked()"));
}

TEST(a_length_not_in_its_shortest_form_is_refused)
{
    script_expect_wire(WS_CLIENT, BYTES("\x82\x7e\x00\x01x"),
                       BYTES("error 1002 a length not in its shortest form()"));
    script_expect_wire(WS_CLIENT, BYTES("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00x"),
                       BYTES("error 1002 a length not in its shortest form()"));
}

TEST(a_continuation_without_a_message_is_refused)
{
    struct script script;

    script_expect_frame(FIN | WS_CONTINUATION, BYTES("a"),
                        BYTES("error 1002 a continuation without a message()"));
    script_init(&script, WS_SERVER);
    script_put_frame(&script, WS_TEXT, BYTES("a"));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("b"));
    script_put_frame(&script, WS_CONTINUATION, BYTES("c"));
    script_expect(&script, BYTES("text(ab)error 1002 a continuation without a message()"));
}

TEST(a_message_inside_a_message_is_refused)
{
    struct script script;

    for (unsigned opcode = WS_TEXT; opcode <= WS_BINARY; opcode++) {
        script_init(&script, WS_SERVER);
        script_put_frame(&script, WS_TEXT, BYTES("a"));
        script_put_frame(&script, FIN | WS_PING, BYTES("between"));
        script_put_frame(&script, FIN | opcode, BYTES("b"));
        script_expect(&script, BYTES("ping(between)error 1002 a message inside a message()"));
    }
}

TEST(text_that_is_not_utf8_is_refused_and_binary_is_not_asked)
{
    static const char *const wrong[] = {"\xff",         "a\xc0\xaf",        "\xed\xa0\x80",
                                        "\xf4\x90\x80", "\xe2\x82",         "\x80",
                                        "\xf5",         "\xf0\x80\x80\x80", "\xce\xba\xe1"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct script script;

        script_expect_frame(FIN | WS_TEXT, bytes_of(wrong[i]),
                            BYTES("error 1007 text that is not UTF-8()"));
        /* The same in two frames. */
        script_init(&script, WS_SERVER);
        script_put_frame(&script, WS_TEXT, (struct bytes){wrong[i], 1});
        script_put_frame(&script, FIN | WS_CONTINUATION, bytes_of(wrong[i] + 1));
        script_expect(&script, BYTES("error 1007 text that is not UTF-8()"));
    }
    script_expect_frame(FIN | WS_BINARY, BYTES("\xff\xc0"), BYTES("binary(\xff\xc0)"));
}

/* Section 8.1 allows to fail at the end; we fail at the byte, frames and megabytes earlier. */
TEST(text_that_is_not_utf8_is_refused_before_the_frame_ends)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script_put_frame(&script, WS_TEXT, BYTES("\xce\xba\xed"));
    script_put_frame(&script, WS_CONTINUATION, BYTES("\xa0 and much more to come"));
    script.wire.size -= 22; /* the connection stalls here, after the bad byte */
    script_expect(&script, BYTES("error 1007 text that is not UTF-8()"));
}

/* The first byte tells most of it; a header that is hopeless is not waited for. */
TEST(a_wrong_header_is_refused_at_its_first_wrong_byte)
{
    script_expect_wire(WS_SERVER, BYTES("\xf1"), BYTES("error 1002 a reserved bit is set()"));
    script_expect_wire(WS_SERVER, BYTES("\x83"), BYTES("error 1002 a reserved opcode()"));
    script_expect_wire(WS_SERVER, BYTES("\x80"),
                       BYTES("error 1002 a continuation without a message()"));
    script_expect_wire(WS_SERVER, BYTES("\x89\xfe"),
                       BYTES("error 1002 a control frame over 125 bytes()"));
    script_expect_wire(WS_SERVER, BYTES("\x81\x01"),
                       BYTES("error 1002 a client's frame is not masked()"));
}
