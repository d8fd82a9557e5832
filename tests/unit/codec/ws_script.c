/* SPDX-License-Identifier: Apache-2.0 */
/* ws_script.c: plays a peer's frames to a reader in every split and compares what it says. */
#include "codec/ws_script.h"

#include "unit.h"

void script_init(struct script *script, enum ws_role role)
{
    *script = (struct script){.role = role, .limit = LIMIT};
    strbuf_init(&script->wire, 1u << 20);
}

void script_put_frame(struct script *script, unsigned first, struct bytes payload)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t header[WS_HEADER_MAX];
    size_t size, at;

    if (script->role == WS_SERVER)
        size = ws_frame_write_client_header(header, WS_BINARY, payload.size, mask);
    else
        size = ws_frame_write_header(header, WS_BINARY, false, payload.size);
    header[0] = (uint8_t)first;
    strbuf_put(&script->wire, header, size);
    at = script->wire.size;
    strbuf_put_bytes(&script->wire, payload);
    if (script->role == WS_SERVER)
        ws_frame_unmask(script->wire.data + at, payload.size, mask, 0);
}

static void log_result(struct strbuf *log, enum ws_result result, const struct ws_output *out,
                       const struct ws_reader *reader)
{
    switch (result) {
    case WS_NEED_MORE:
        return;
    case WS_GOT_MESSAGE:
        strbuf_puts(log, reader->compressed ? "deflated " : "");
        strbuf_puts(log, out->opcode == WS_TEXT ? "text(" : "binary(");
        break;
    case WS_GOT_PING:
    case WS_GOT_PONG:
        CHECK_EQ(out->opcode, result == WS_GOT_PING ? WS_PING : WS_PONG);
        strbuf_puts(log, result == WS_GOT_PING ? "ping(" : "pong(");
        break;
    case WS_GOT_CLOSE:
        strbuf_printf(log, "close %u(", out->close_code);
        break;
    case WS_GOT_ERROR:
        CHECK(out->why != NULL);
        strbuf_printf(log, "error %u %s(", out->close_code, out->why);
        break;
    }
    CHECK(bytes_present(out->payload) || result == WS_GOT_ERROR);
    strbuf_put_bytes(log, out->payload);
    strbuf_putc(log, ')');
}

void script_feed(struct ws_reader *reader, const char *data, size_t size, struct strbuf *log)
{
    uint8_t *piece = malloc(size + 1);
    size_t at = 0;

    assert_non_null(piece);
    memcpy(piece + 1, data, size);
    for (;;) {
        struct ws_output out;
        size_t used = SIZE_MAX;
        enum ws_result result = ws_reader_feed(reader, piece + 1 + at, size - at, &used, &out);

        CHECK(used <= size - at);
        at += used;
        if (result == WS_NEED_MORE)
            break;
        log_result(log, result, &out, reader);
    }
    CHECK_EQ(at, size);
    free(piece);
}

void script_begin(const struct script *script, struct ws_reader *reader, struct strbuf *log)
{
    ws_reader_init(reader, script->role, script->limit);
    reader->rsv1_allowed = script->rsv1_allowed;
    strbuf_init(log, 1u << 20);
}

void script_end(struct ws_reader *reader, struct strbuf *log, struct bytes want)
{
    if (!bytes_equal(strbuf_bytes(log), want))
        fail_msg("got  %.*s\nwant %.*s", (int)log->size, log->data, (int)want.size, want.data);
    strbuf_done(log);
    ws_reader_done(reader);
}

void script_expect(struct script *script, struct bytes want)
{
    const char *data = script->wire.data;
    const size_t size = script->wire.size;
    struct ws_reader reader;
    struct strbuf log;

    CHECK_EQ(script->wire.error, 0);
    script_begin(script, &reader, &log);
    for (size_t i = 0; i < size; i++)
        script_feed(&reader, data + i, 1, &log);
    script_end(&reader, &log, want);

    for (size_t first = 0; first <= size; first++)
        for (size_t second = size <= 64 ? first : size; second <= size; second++) {
            script_begin(script, &reader, &log);
            script_feed(&reader, data, first, &log);
            script_feed(&reader, data + first, second - first, &log);
            script_feed(&reader, data + second, size - second, &log);
            script_end(&reader, &log, want);
        }
    strbuf_done(&script->wire);
}

void script_expect_frame(unsigned first, struct bytes payload, struct bytes want)
{
    struct script script;

    script_init(&script, WS_SERVER);
    script_put_frame(&script, first, payload);
    script_expect(&script, want);
}

void script_expect_wire(enum ws_role role, struct bytes wire, struct bytes want)
{
    struct script script;

    script_init(&script, role);
    script.limit = 70000;
    strbuf_put_bytes(&script.wire, wire);
    script_expect(&script, want);
}
