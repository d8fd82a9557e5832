/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ws_message.c: a stream of frames read whole and in pieces must say the same things. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/ws_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input begins with: bit 0 the role, bit 1 whether RSV1 was negotiated, bit 2 whether we lay
 * the frames ourselves; the limit by 16; the seed of the split. */
#define CHOICES_SIZE 3
#define LOG_MAX (1u << 20)

struct choices {
    enum ws_role role;
    bool rsv1_allowed, lay_frames;
    size_t limit;
    uint32_t split;
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' generator: repeatable */
    return *state >> 16;
}

static void fail(const char *what)
{
    fprintf(stderr, "fuzz_ws_message: %s\n", what);
    abort();
}

/* What the promises of ws_message.h are, whatever the input. */
static void check_output(const struct choices *choices, const struct ws_reader *reader,
                         enum ws_result result, const struct ws_output *out)
{
    if (result == WS_GOT_MESSAGE) {
        if (out->opcode != WS_TEXT && out->opcode != WS_BINARY)
            fail("a message that is neither text nor binary");
        if (out->payload.size > choices->limit)
            fail("a message over its limit");
        if (out->opcode == WS_TEXT && !reader->compressed &&
            !utf8_valid(out->payload.data, out->payload.size))
            fail("text that is not UTF-8");
        if (reader->compressed && !choices->rsv1_allowed)
            fail("compressed, though not negotiated");
    } else if (result == WS_GOT_ERROR) {
        if (out->close_code != 1002 && out->close_code != 1007 && out->close_code != 1009)
            fail("an error with a code that is not a peer's mistake");
        if (!out->why)
            fail("an error that does not say why");
    } else if (out->payload.size > WS_CONTROL_PAYLOAD_MAX) {
        fail("a control frame that is too large");
    }
    if (result == WS_GOT_CLOSE && out->close_code != 1005 && !ws_close_code_valid(out->close_code))
        fail("a close with a code that may not be sent");
}

static void log_output(struct strbuf *log, const struct ws_reader *reader, enum ws_result result,
                       const struct ws_output *out)
{
    strbuf_printf(log, "%d %d %d %u %zu %s:", (int)result, (int)out->opcode, reader->compressed,
                  out->close_code, out->payload.size, out->why ? out->why : "");
    strbuf_put_bytes(log, out->payload);
}

static void feed_piece(const struct choices *choices, struct ws_reader *reader, const uint8_t *data,
                       size_t size, struct strbuf *log)
{
    uint8_t *piece = malloc(size + 1); /* of its own, for ASan */
    size_t at = 0;

    if (!piece)
        abort();
    memcpy(piece + 1, data, size);
    for (;;) {
        struct ws_output out;
        size_t used = SIZE_MAX;
        enum ws_result result = ws_reader_feed(reader, piece + 1 + at, size - at, &used, &out);

        if (used > size - at)
            fail("used more than there was");
        at += used;
        if (result == WS_NEED_MORE)
            break;
        check_output(choices, reader, result, &out);
        log_output(log, reader, result, &out);
    }
    if (at != size)
        fail("needs more, but left some");
    free(piece);
}

static void play(const struct choices *choices, const uint8_t *data, size_t size, bool in_pieces,
                 struct strbuf *log)
{
    struct ws_reader reader;
    uint32_t random = choices->split;
    /* Odd seeds make single bytes, where most of the state is. */
    const uint32_t piece_max = choices->split % 2 ? 1 : 1 + choices->split;

    strbuf_init(log, LOG_MAX);
    ws_reader_init(&reader, choices->role, choices->limit);
    reader.rsv1_allowed = choices->rsv1_allowed;
    while (size > 0) {
        size_t piece = in_pieces ? 1 + next_random(&random) % piece_max : size;

        if (piece > size)
            piece = size;
        feed_piece(choices, &reader, data, piece, log);
        data += piece;
        size -= piece;
    }
    ws_reader_done(&reader);
}

/* Takes the input as first byte, size, payload, first byte, ... and masks it as the role demands:
 * past the header the fuzzer then finds its way much faster. */
static void lay_frames(const struct choices *choices, const uint8_t *data, size_t size,
                       struct strbuf *wire)
{
    while (size >= 2) {
        const uint8_t mask[4] = {data[0], data[1], 0x55, 0xaa};
        const size_t payload_size = data[1] < size - 2 ? data[1] : size - 2;
        uint8_t header[WS_HEADER_MAX];
        size_t header_size;

        if (choices->role == WS_SERVER)
            header_size = ws_frame_write_client_header(header, WS_BINARY, payload_size, mask);
        else
            header_size = ws_frame_write_header(header, WS_BINARY, false, payload_size);
        header[0] = data[0];
        strbuf_put(wire, header, header_size);
        strbuf_put(wire, data + 2, payload_size);
        if (choices->role == WS_SERVER && payload_size > 0)
            ws_frame_unmask(wire->data + wire->size - payload_size, payload_size, mask, 0);
        data += 2 + payload_size;
        size -= 2 + payload_size;
    }
    if (wire->error)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strbuf wire, whole, pieces;
    struct choices choices;

    if (size < CHOICES_SIZE || size > LOG_MAX / 16)
        return 0;
    choices = (struct choices){
        .role = data[0] & 1 ? WS_CLIENT : WS_SERVER,
        .rsv1_allowed = data[0] & 2,
        .lay_frames = data[0] & 4,
        .limit = (size_t)data[1] * 16,
        .split = data[2],
    };
    data += CHOICES_SIZE;
    size -= CHOICES_SIZE;

    strbuf_init(&wire, LOG_MAX);
    if (choices.lay_frames)
        lay_frames(&choices, data, size, &wire);
    else
        strbuf_put(&wire, data, size);

    play(&choices, (const uint8_t *)strbuf_bytes(&wire).data, wire.size, false, &whole);
    play(&choices, (const uint8_t *)strbuf_bytes(&wire).data, wire.size, true, &pieces);
    if (whole.error || pieces.error || !bytes_equal(strbuf_bytes(&whole), strbuf_bytes(&pieces)))
        fail("whole and in pieces, the same bytes say different things");

    strbuf_done(&wire);
    strbuf_done(&whole);
    strbuf_done(&pieces);
    return 0;
}
