/* SPDX-License-Identifier: Apache-2.0 */
/* ws_message.c: frames to messages, one byte of state at a time where it must (RFC 6455). */
#include "codec/ws_message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "mcp_auth/error.h"

#define CLOSE_NO_STATUS 1005
#define CLOSE_PROTOCOL_ERROR 1002
#define CLOSE_NOT_UTF8 1007
#define CLOSE_TOO_BIG 1009
#define CLOSE_INTERNAL_ERROR 1011

/* What a reader remembers while something is in pieces. It is made when a call ends inside a
 * header, frame or message, and goes when none is left, so it costs idle connections nothing. */
struct ws_pieces {
    struct ws_frame_header frame; /* while in_frame */
    uint64_t frame_done;          /* frame_done <= frame.payload_size */
    uint8_t header[WS_HEADER_MAX];
    uint8_t header_size; /* bytes of a header that is not whole; 0 while in_frame */
    uint8_t control[WS_CONTROL_PAYLOAD_MAX];
    uint8_t message_opcode; /* while in_message */
    struct utf8 utf8;
    struct strbuf message;
};

/* The part of the input not yet read. */
struct input {
    uint8_t *data;
    size_t size;
};

void ws_reader_init(struct ws_reader *reader, enum ws_role role, size_t message_size_max)
{
    *reader = (struct ws_reader){.role = role, .message_size_max = message_size_max};
}

static void let_go(struct ws_reader *reader)
{
    if (!reader->pieces)
        return;
    strbuf_done(&reader->pieces->message);
    free(reader->pieces);
    reader->pieces = NULL;
}

void ws_reader_done(struct ws_reader *reader)
{
    let_go(reader);
}

/* Ends the reader: after a violation the stream has no meaning any more (section 7.1.7). */
static enum ws_result fail(struct ws_reader *reader, struct ws_output *ret, uint16_t code,
                           const char *why)
{
    let_go(reader);
    reader->in_frame = reader->in_message = false;
    reader->ended = true;
    *ret = (struct ws_output){.opcode = WS_CLOSE, .close_code = code, .why = why};
    return WS_GOT_ERROR;
}

/* The pieces, made when there are none yet; NULL without memory. */
static struct ws_pieces *need_pieces(struct ws_reader *reader)
{
    if (reader->pieces)
        return reader->pieces;
    reader->pieces = calloc(1, sizeof *reader->pieces);
    if (reader->pieces)
        strbuf_init_secret(&reader->pieces->message, reader->message_size_max);
    return reader->pieces;
}

static bool is_control(uint8_t opcode)
{
    return opcode & 0x8;
}

/* What is wrong with the first byte of a header, or NULL. Section 5.2, 5.4 and 5.5. */
static const char *first_byte_wrong(const struct ws_reader *reader, uint8_t byte)
{
    const bool fin = byte & 0x80, rsv1 = byte & 0x40;
    const uint8_t opcode = byte & 0x0f;

    if (byte & 0x30)
        return "a reserved bit is set";
    /* Only the first frame of a compressed message says so (RFC 7692 section 6). */
    if (rsv1 && (!reader->rsv1_allowed || (opcode != WS_TEXT && opcode != WS_BINARY)))
        return "a reserved bit is set";

    switch (opcode) {
    case WS_CONTINUATION:
        return reader->in_message ? NULL : "a continuation without a message";
    case WS_TEXT:
    case WS_BINARY:
        return reader->in_message ? "a message inside a message" : NULL;
    case WS_CLOSE:
    case WS_PING:
    case WS_PONG:
        return fin ? NULL : "a control frame in fragments";
    default:
        return "a reserved opcode";
    }
}

/* The same for the second byte, when the first is known. Section 5.1 and 5.5. */
static const char *second_byte_wrong(const struct ws_reader *reader, const uint8_t *header)
{
    const bool masked = header[1] & 0x80;

    if (masked != (reader->role == WS_SERVER))
        return masked ? "a server's frame is masked" : "a client's frame is not masked";
    if (is_control(header[0] & 0x0f) && (header[1] & 0x7f) > WS_CONTROL_PAYLOAD_MAX)
        return "a control frame over 125 bytes";
    return NULL;
}

/* Checks as much of a header as is there: a wrong one is refused at its first wrong byte, so
 * that a peer cannot hold a connection with a header that is already hopeless. */
static const char *header_wrong(const struct ws_reader *reader, const uint8_t *header, size_t size)
{
    const char *why = size > 0 ? first_byte_wrong(reader, header[0]) : NULL;

    if (!why && size > 1)
        why = second_byte_wrong(reader, header);
    return why;
}

/* Is this data frame too much for the message it belongs to? The limit may have been lowered
 * below what is already here. */
static bool is_too_big(const struct ws_reader *reader, const struct ws_frame_header *frame)
{
    const size_t before = reader->in_message ? reader->pieces->message.size : 0;

    return before > reader->message_size_max ||
           frame->payload_size > reader->message_size_max - before;
}

/* Takes a header off the input: 1 when it is whole and allowed, 0 when more is needed. */
static int take_header(struct ws_reader *reader, struct input *in, struct ws_frame_header *frame,
                       const char **ret_why)
{
    const size_t had = reader->pieces ? reader->pieces->header_size : 0;
    const size_t room = WS_HEADER_MAX - had;
    const size_t added = in->size < room ? in->size : room;
    struct ws_pieces *pieces = reader->pieces;
    uint8_t wire[WS_HEADER_MAX];
    size_t used;
    int size;

    if (added == 0)
        return 0;
    if (had > 0)
        memcpy(wire, pieces->header, had);
    memcpy(wire + had, in->data, added);

    *ret_why = header_wrong(reader, wire, had + added);
    if (*ret_why)
        return MCP_AUTH_E_INVALID;
    size = ws_frame_read_header(wire, had + added, frame);
    if (size < 0) {
        *ret_why = "a length not in its shortest form";
        return size;
    }

    if (size == 0) {
        assert(had + added < WS_HEADER_MAX);
        pieces = need_pieces(reader);
        if (!pieces) {
            *ret_why = "out of memory";
            return MCP_AUTH_E_NOMEM;
        }
        memcpy(pieces->header + had, in->data, added);
        pieces->header_size = (uint8_t)(had + added);
        used = added;
    } else {
        assert((size_t)size > had); /* else it had been whole before */
        if (pieces)
            pieces->header_size = 0;
        used = (size_t)size - had;
    }
    in->data += used;
    in->size -= used;

    if (size > 0 && !is_control(frame->opcode) && is_too_big(reader, frame)) {
        *ret_why = "the message is over its limit";
        return MCP_AUTH_E_TOO_BIG;
    }
    return size > 0;
}

/* Hands out a whole control frame. Section 5.5 and 7.4. */
static enum ws_result give_control(struct ws_reader *reader, uint8_t opcode, struct bytes payload,
                                   struct ws_output *ret)
{
    struct ws_output out = {.opcode = opcode, .payload = payload};

    if (opcode == WS_CLOSE) {
        out.close_code = CLOSE_NO_STATUS;
        if (payload.size == 1)
            return fail(reader, ret, CLOSE_PROTOCOL_ERROR, "a close code of one byte");
        if (payload.size >= 2) {
            out.close_code = (uint16_t)((uint8_t)payload.data[0] << 8 | (uint8_t)payload.data[1]);
            out.payload = (struct bytes){payload.data + 2, payload.size - 2};
            if (!ws_close_code_valid(out.close_code))
                return fail(reader, ret, CLOSE_PROTOCOL_ERROR, "a close code that is not allowed");
            if (!utf8_valid(out.payload.data, out.payload.size))
                return fail(reader, ret, CLOSE_NOT_UTF8, "a close reason that is not UTF-8");
        }
        reader->in_message = false; /* nothing will finish it */
        reader->ended = true;
    }

    *ret = out;
    return opcode == WS_PING ? WS_GOT_PING : opcode == WS_PONG ? WS_GOT_PONG : WS_GOT_CLOSE;
}

/* Takes what is there of a frame's payload off the input and unmasks it. */
static struct bytes take_payload(struct input *in, const struct ws_frame_header *frame,
                                 uint64_t done)
{
    const uint64_t left = frame->payload_size - done;
    const size_t size = in->size < left ? in->size : (size_t)left;
    const struct bytes part = {size > 0 ? (char *)in->data : "", size};

    if (size > 0) {
        if (frame->masked)
            ws_frame_unmask(in->data, size, frame->mask, done);
        in->data += size;
        in->size -= size;
    }
    return part;
}

/* Remembers a frame that the input ended in. */
static enum ws_result keep_frame(struct ws_reader *reader, const struct ws_frame_header *frame,
                                 uint64_t done)
{
    assert(done < frame->payload_size);
    reader->pieces->frame = *frame;
    reader->pieces->frame_done = done;
    reader->in_frame = true;
    return WS_NEED_MORE;
}

static enum ws_result take_control(struct ws_reader *reader, struct input *in,
                                   const struct ws_frame_header *frame, struct ws_output *ret)
{
    const uint64_t done = reader->in_frame ? reader->pieces->frame_done : 0;
    const struct bytes part = take_payload(in, frame, done);
    struct ws_pieces *pieces;

    assert(done + part.size <= WS_CONTROL_PAYLOAD_MAX);
    if (part.size == frame->payload_size && done == 0) {
        reader->in_frame = false;
        return give_control(reader, frame->opcode, part, ret);
    }

    pieces = need_pieces(reader);
    if (!pieces)
        return fail(reader, ret, CLOSE_INTERNAL_ERROR, "out of memory");
    memcpy(pieces->control + done, part.data, part.size);
    if (done + part.size < frame->payload_size)
        return keep_frame(reader, frame, done + part.size);
    reader->in_frame = false;
    return give_control(reader, frame->opcode,
                        (struct bytes){(char *)pieces->control, (size_t)frame->payload_size}, ret);
}

/* A message that lies whole in the input needs no memory of ours. */
static enum ws_result take_whole_message(struct ws_reader *reader, struct input *in,
                                         const struct ws_frame_header *frame, struct ws_output *ret)
{
    const struct bytes payload = take_payload(in, frame, 0);

    reader->compressed = frame->rsv1;
    if (frame->opcode == WS_TEXT && !reader->compressed && !utf8_valid(payload.data, payload.size))
        return fail(reader, ret, CLOSE_NOT_UTF8, "text that is not UTF-8");
    *ret = (struct ws_output){.opcode = frame->opcode, .payload = payload};
    return WS_GOT_MESSAGE;
}

/* The first piece of a message; false without memory. */
static bool begin_message(struct ws_reader *reader, const struct ws_frame_header *frame)
{
    struct ws_pieces *pieces = need_pieces(reader);

    assert(!reader->in_message && !reader->in_frame);
    if (!pieces)
        return false;
    assert(pieces->message.size == 0 && utf8_complete(&pieces->utf8));
    pieces->message_opcode = frame->opcode;
    reader->compressed = frame->rsv1;
    reader->in_message = true;
    return true;
}

static enum ws_result take_data(struct ws_reader *reader, struct input *in,
                                const struct ws_frame_header *frame, struct ws_output *ret)
{
    const uint64_t done = reader->in_frame ? reader->pieces->frame_done : 0;
    struct ws_pieces *pieces;
    struct bytes part;
    bool is_text, is_last;

    if (!reader->in_message) {
        if (frame->fin && frame->payload_size <= in->size)
            return take_whole_message(reader, in, frame, ret);
        if (!begin_message(reader, frame))
            return fail(reader, ret, CLOSE_INTERNAL_ERROR, "out of memory");
    }
    pieces = reader->pieces;
    part = take_payload(in, frame, done);
    is_last = frame->fin && done + part.size == frame->payload_size;
    is_text = pieces->message_opcode == WS_TEXT && !reader->compressed;

    if (is_text && (!utf8_feed(&pieces->utf8, part.data, part.size) ||
                    (is_last && !utf8_complete(&pieces->utf8))))
        return fail(reader, ret, CLOSE_NOT_UTF8, "text that is not UTF-8");

    /* The header was checked against the limit of its time. It may have been raised since the
     * first piece; one that was lowered counts from the next header on. */
    if (pieces->message.size_max < reader->message_size_max)
        pieces->message.size_max = reader->message_size_max;
    strbuf_put(&pieces->message, part.data, part.size);
    assert(pieces->message.error != MCP_AUTH_E_TOO_BIG);
    if (pieces->message.error)
        return fail(reader, ret, CLOSE_INTERNAL_ERROR, "out of memory");

    if (done + part.size < frame->payload_size)
        return keep_frame(reader, frame, done + part.size);
    reader->in_frame = false;
    if (!is_last)
        return WS_NEED_MORE;
    reader->in_message = false;
    *ret = (struct ws_output){.opcode = pieces->message_opcode,
                              .payload = strbuf_bytes(&pieces->message)};
    return WS_GOT_MESSAGE;
}

static uint16_t close_code_of(int error)
{
    switch (error) {
    case MCP_AUTH_E_INVALID:
        return CLOSE_PROTOCOL_ERROR;
    case MCP_AUTH_E_TOO_BIG:
        return CLOSE_TOO_BIG;
    default:
        return CLOSE_INTERNAL_ERROR;
    }
}

/* Reads on until there is something to say. */
static enum ws_result read_frames(struct ws_reader *reader, struct input *in, struct ws_output *ret)
{
    for (;;) {
        struct ws_frame_header frame;
        enum ws_result result;

        if (reader->in_frame) {
            frame = reader->pieces->frame;
        } else {
            const char *why;
            int r = take_header(reader, in, &frame, &why);

            if (r < 0)
                return fail(reader, ret, close_code_of(r), why);
            if (r == 0)
                return WS_NEED_MORE;
        }

        if (is_control(frame.opcode))
            result = take_control(reader, in, &frame, ret);
        else
            result = take_data(reader, in, &frame, ret);
        if (result != WS_NEED_MORE || reader->in_frame)
            return result;
        /* A fragment that does not end its message: the next frame. */
    }
}

/* Gives back what the last call lent, and everything when nothing is in pieces. */
static void end_loan(struct ws_reader *reader)
{
    if (reader->ended || (reader->pieces && !reader->in_message && !reader->in_frame &&
                          reader->pieces->header_size == 0))
        let_go(reader);
}

enum ws_result ws_reader_feed(struct ws_reader *reader, void *data, size_t size, size_t *ret_used,
                              struct ws_output *ret)
{
    struct input in = {data, size};
    enum ws_result result;

    assert(data || size == 0);
    end_loan(reader);
    if (reader->ended) {
        *ret_used = size;
        return WS_NEED_MORE;
    }

    result = read_frames(reader, &in, ret);
    *ret_used = size - in.size;
    assert(result != WS_NEED_MORE || in.size == 0);
    return result;
}

bool ws_close_code_valid(uint16_t code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    /* 1004 has no meaning; 1005, 1006 and 1015 tell of closes without a frame and must never be
     * in one; 1012 to 1014 are in IANA's registry since RFC 6455. */
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

size_t ws_close_frame(uint8_t ret[WS_CLOSE_FRAME_MAX], uint16_t code, struct bytes reason)
{
    size_t size = reason.size, header_size;

    if (code == CLOSE_NO_STATUS)
        return ws_frame_write_header(ret, WS_CLOSE, false, 0);

    assert(ws_close_code_valid(code));
    if (size > WS_CONTROL_PAYLOAD_MAX - 2) {
        size = WS_CONTROL_PAYLOAD_MAX - 2;
        while (size > 0 && ((uint8_t)reason.data[size] & 0xc0) == 0x80)
            size--; /* back to the start of a character */
    }
    if (size > 0 && !utf8_valid(reason.data, size))
        size = 0; /* the code alone is better than a frame the peer must refuse (section 5.5.1) */

    header_size = ws_frame_write_header(ret, WS_CLOSE, false, 2 + size);
    assert(header_size == 2);
    ret[header_size] = (uint8_t)(code >> 8);
    ret[header_size + 1] = (uint8_t)code;
    if (size > 0)
        memcpy(ret + header_size + 2, reason.data, size);
    return header_size + 2 + size;
}
