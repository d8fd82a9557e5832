/* SPDX-License-Identifier: Apache-2.0 */
/* ws_message.h: frames to messages: fragments, control frames between, UTF-8, close (RFC 6455). */
#ifndef CODEC_WS_MESSAGE_H
#define CODEC_WS_MESSAGE_H

#include "base/bytes.h"
#include "base/strbuf.h"
#include "base/utf8.h"
#include "codec/ws_frame.h"

enum ws_role { WS_SERVER, WS_CLIENT }; /* whom the reader reads for: a server demands masks */

enum ws_result {
    WS_NEED_MORE,   /* all input used; nothing to hand out yet */
    WS_GOT_MESSAGE, /* out->opcode is WS_TEXT or WS_BINARY; payload whole, text valid UTF-8 */
    WS_GOT_PING,
    WS_GOT_PONG,
    WS_GOT_CLOSE, /* out->close_code (1005 when none was sent), payload is the reason */
    WS_GOT_ERROR, /* out->close_code is the code to close with: 1002, 1007, 1009, or 1011 when
                       there is no memory; out->why says what was wrong */
};

struct ws_output {
    enum ws_opcode opcode;
    struct bytes payload; /* borrowed: from the input where the message came in one piece
                             (unmasked in place), else from the reader; valid until the next call */
    uint16_t close_code;
    const char *why; /* for the log, static */
};

/* Reads a stream of frames. Holds memory only while a frame or message is in pieces, and then
 * in proportion to what has arrived, never to what a header promises. */
struct ws_reader {
    size_t message_size_max; /* may be changed between calls; checked as soon as a header tells */
    enum ws_role role;
    bool rsv1_allowed : 1; /* permessage-deflate negotiated: hands out `compressed` messages */
    bool compressed : 1;   /* the message just handed out, or in progress, had RSV1; its text is
                              not yet checked for UTF-8: that is for whoever inflates it */
    /* the rest is private */
    bool in_frame : 1, in_message : 1, ended : 1;
    struct ws_pieces *pieces; /* NULL while nothing is in pieces */
};

void ws_reader_init(struct ws_reader *reader, enum ws_role role, size_t message_size_max);
void ws_reader_done(struct ws_reader *reader);

/* Nothing is in pieces, and more may come: a new reader could read on, so that whoever has many
 * connections need not keep theirs. */
static inline bool ws_reader_is_idle(const struct ws_reader *reader)
{
    return !reader->pieces && !reader->ended;
}

/* Reads from data (which it may unmask in place) until something can be handed out or all is
 * used; *ret_used says how far it got. Call again with the rest, even an empty rest, until it
 * says WS_NEED_MORE: that call also lets go of the memory of a message handed out. Text is
 * checked for UTF-8 as it arrives, so a bad byte is told before the message ends (RFC 6455
 * section 8.1). After WS_GOT_CLOSE or WS_GOT_ERROR whatever comes is thrown away (section 1.4).
 * *ret is written unless the result is WS_NEED_MORE. */
enum ws_result ws_reader_feed(struct ws_reader *reader, void *data, size_t size, size_t *ret_used,
                              struct ws_output *ret);

/* May this code stand in a close frame on the wire? (section 7.4) */
bool ws_close_code_valid(uint16_t code);

/* Writes a whole server close frame; the reason is cut at a character boundary to fit 123
 * bytes, and left out if it is not UTF-8. Code 1005 writes an empty payload. Returns its size. */
#define WS_CLOSE_FRAME_MAX (2 + WS_CONTROL_PAYLOAD_MAX)
size_t ws_close_frame(uint8_t ret[WS_CLOSE_FRAME_MAX], uint16_t code, struct bytes reason);

#endif
