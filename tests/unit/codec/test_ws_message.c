/* SPDX-License-Identifier: Apache-2.0 */
/* test_ws_message.c: the same messages come out however the bytes are cut, within their limit,
 * and no memory is held that is not needed. */
#include "codec/ws_script.h"

#include "unit.h"

TEST(the_examples_of_section_5_7_are_read)
{
    script_expect_wire(WS_CLIENT, BYTES("\x81\x05Hello"), BYTES("text(Hello)"));
    script_expect_wire(WS_SERVER, BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                       BYTES("text(Hello)"));
    script_expect_wire(WS_CLIENT, BYTES("\x01\x03Hel\x80\x02lo"), BYTES("text(Hello)"));
    script_expect_wire(WS_CLIENT, BYTES("\x89\x05Hello"), BYTES("ping(Hello)"));
    script_expect_wire(WS_SERVER, BYTES("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
                       BYTES("pong(Hello)"));
}

/* The last two examples: 256 bytes with a 16 bit length, 65536 with a 64 bit one. */
TEST(the_long_examples_of_section_5_7_are_read)
{
    static const size_t sizes[] = {256, 65536};

    for (size_t i = 0; i < 2; i++)
        for (size_t step = 1; step <= sizes[i] + 10; step = step * 3 + 1) {
            struct script script;
            struct ws_reader reader;
            struct strbuf log, want;
            char *payload = calloc(1, sizes[i]);

            assert_non_null(payload);
            script_init(&script, WS_CLIENT);
            script.limit = sizes[i];
            script_put_frame(&script, FIN | WS_BINARY, (struct bytes){payload, sizes[i]});
            CHECK_EQ(script.wire.size, sizes[i] + (i ? 10 : 4));
            strbuf_init(&want, 1u << 20);
            strbuf_puts(&want, "binary(");
            strbuf_put(&want, payload, sizes[i]);
            strbuf_putc(&want, ')');

            script_begin(&script, &reader, &log);
            for (size_t at = 0; at < script.wire.size; at += step)
                script_feed(&reader, script.wire.data + at,
                            script.wire.size - at < step ? script.wire.size - at : step, &log);
            script_end(&reader, &log, strbuf_bytes(&want));
            strbuf_done(&want);
            strbuf_done(&script.wire);
            free(payload);
        }
}

TEST(a_script_of_many_frames_reads_the_same_in_every_split)
{
    for (int role = WS_SERVER; role <= WS_CLIENT; role++) {
        struct script script;

        script_init(&script, (enum ws_role)role);
        script_put_frame(&script, FIN | WS_TEXT, BYTES("one"));
        script_put_frame(&script, FIN | WS_BINARY, BYTES(""));
        script_put_frame(&script, FIN | WS_TEXT, BYTES(""));
        script_put_frame(&script, WS_TEXT, BYTES("t\xc3"));
        script_put_frame(&script, FIN | WS_PING, BYTES("a"));
        script_put_frame(&script, WS_CONTINUATION, BYTES(""));
        script_put_frame(&script, FIN | WS_PONG, BYTES(""));
        script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("\xa9!"));
        script_put_frame(&script, WS_BINARY, BYTES(""));
        script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("\xff"));
        script_put_frame(&script, FIN | WS_CLOSE,
                         BYTES("\x03\xe8"
                               "bye"));
        script_put_frame(&script, FIN | WS_TEXT, BYTES("too late"));
        script_expect(&script,
                      BYTES("text(one)binary()text()ping(a)pong()text(t\xc3\xa9!)binary(\xff)"
                            "close 1000(bye)"));
    }
}

TEST(a_short_script_reads_the_same_in_every_three_pieces)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script_put_frame(&script, WS_TEXT, BYTES("\xe2"));
    script_put_frame(&script, FIN | WS_PING, BYTES("ping"));
    script_put_frame(&script, WS_CONTINUATION, BYTES("\x82"));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("\xac."));
    script_put_frame(&script, FIN | WS_TEXT, BYTES("end"));
    CHECK(script.wire.size <= 64);
    script_expect(&script, BYTES("ping(ping)text(\xe2\x82\xac.)text(end)"));
}

TEST(a_message_over_its_limit_is_refused_by_its_header_alone)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script.limit = 3;
    script_put_frame(&script, FIN | WS_TEXT, BYTES("abc"));
    script_put_frame(&script, FIN | WS_PING,
                     BYTES("abcd")); /* control frames have their own limit */
    script_put_frame(&script, FIN | WS_TEXT, BYTES("abcd"));
    script.wire.size -= 4; /* no payload arrives */
    script_expect(&script, BYTES("text(abc)ping(abcd)error 1009 the message is over its limit()"));

    script_expect_wire(WS_CLIENT, BYTES("\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff"),
                       BYTES("error 1009 the message is over its limit()"));
}

TEST(fragments_count_together_against_the_limit)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script.limit = 4;
    script_put_frame(&script, WS_TEXT, BYTES("ab"));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("cd"));
    script_put_frame(&script, WS_TEXT, BYTES("ab"));
    script_put_frame(&script, WS_CONTINUATION, BYTES("c"));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("de"));
    script.wire.size -= 2;
    script_expect(&script, BYTES("text(abcd)error 1009 the message is over its limit()"));
}

/* The limit grows when a client has signed in, whatever is in pieces at that moment. */
TEST(the_limit_may_change_at_any_byte)
{
    struct script script;
    struct bytes wire;

    script_init(&script, WS_SERVER);
    script.limit = 4;
    script_put_frame(&script, WS_TEXT, BYTES("abcd"));
    script_put_frame(&script, FIN | WS_CONTINUATION, BYTES("efgh"));
    wire = strbuf_bytes(&script.wire);
    for (size_t raised = 0; raised <= wire.size; raised++) {
        struct ws_reader reader;
        struct strbuf log;

        script_begin(&script, &reader, &log);
        script_feed(&reader, wire.data, raised, &log);
        reader.message_size_max = 8;
        script_feed(&reader, wire.data + raised, wire.size - raised, &log);
        script_end(&reader, &log,
                   raised < 16 ? BYTES("text(abcdefgh)")
                               : BYTES("error 1009 the message is over its limit()"));

        script_begin(&script, &reader, &log);
        reader.message_size_max = 8;
        script_feed(&reader, wire.data, raised, &log);
        reader.message_size_max = 2; /* counts from the next header on */
        script_feed(&reader, wire.data + raised, wire.size - raised, &log);
        script_end(&reader, &log,
                   raised >= 16 ? BYTES("text(abcdefgh)")
                                : BYTES("error 1009 the message is over its limit()"));
    }
    strbuf_done(&script.wire);
}

TEST(an_idle_reader_holds_no_memory)
{
    struct script script;
    struct ws_reader reader;
    struct strbuf log;
    struct bytes wire;

    script_init(&script, WS_SERVER);
    script_put_frame(&script, FIN | WS_TEXT, BYTES("abc"));
    script_put_frame(&script, FIN | WS_PING, BYTES("abc"));
    wire = strbuf_bytes(&script.wire);

    for (size_t cut = 0; cut <= wire.size; cut++) {
        script_begin(&script, &reader, &log);
        CHECK(reader.pieces == NULL);
        script_feed(&reader, wire.data, cut, &log);
        CHECK_EQ(reader.pieces != NULL, cut != 0 && cut != 9 && cut != wire.size);
        script_feed(&reader, wire.data + cut, wire.size - cut, &log);
        CHECK(reader.pieces == NULL);
        script_end(&reader, &log, BYTES("text(abc)ping(abc)"));
    }
    strbuf_done(&script.wire);
}

TEST(a_message_in_one_piece_is_lent_from_the_input)
{
    char wire[] = "\x81\x83\x01\x01\x01\x01"
                  "abc"
                  "\x81";
    struct ws_reader reader;
    struct ws_output out;
    size_t used;

    ws_reader_init(&reader, WS_SERVER, LIMIT);
    CHECK_EQ(ws_reader_feed(&reader, wire, 10, &used, &out), WS_GOT_MESSAGE);
    CHECK_EQ(used, 9);
    CHECK(out.payload.data == wire + 6);
    CHECK_TEXT(out.payload, "`cb");
    CHECK(reader.pieces == NULL);
    ws_reader_done(&reader);
}

TEST(memory_follows_what_arrived_not_what_was_promised)
{
    static const char header[] = "\x82\xff\x3f\xff\xff\xff\xff\xff\xff\xff"
                                 "mask"
                                 "abc";
    struct script script;
    struct ws_reader reader;
    struct strbuf log;

    script_init(&script, WS_SERVER);
    script.limit = SIZE_MAX;
    script_begin(&script, &reader, &log);
    script_feed(&reader, header, sizeof header - 1, &log);
    CHECK(reader.pieces != NULL);
    script_end(&reader, &log, BYTES("")); /* not 1011: nobody asked malloc for 4 EiB */
    strbuf_done(&script.wire);
}
