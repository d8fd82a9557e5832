/* SPDX-License-Identifier: Apache-2.0 */
/* ws_frame.h: one WebSocket frame header (RFC 6455 section 5.2): read, write; and the mask. */
#ifndef CODEC_WS_FRAME_H
#define CODEC_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ws_opcode {
    WS_CONTINUATION = 0x0,
    WS_TEXT = 0x1,
    WS_BINARY = 0x2,
    WS_CLOSE = 0x8,
    WS_PING = 0x9,
    WS_PONG = 0xa,
};

#define WS_HEADER_MAX 14        /* 2 + 8 of length + 4 of mask */
#define WS_SERVER_HEADER_MAX 10 /* a server never masks (section 5.1) */
#define WS_CONTROL_PAYLOAD_MAX 125

struct ws_frame_header {
    uint8_t opcode;
    bool fin, rsv1, rsv2, rsv3, masked;
    uint8_t mask[4];
    uint64_t payload_size;
    uint8_t header_size; /* bytes on the wire */
};

/* Reads a header from the front of data. Its size when whole, 0 when more bytes are needed,
 * MCP_AUTH_E_INVALID when the length is not in its shortest form or has the top bit set. */
int ws_frame_read_header(const void *data, size_t size, struct ws_frame_header *ret);

/* Writes an unmasked, final header and returns its size (2, 4 or 10). rsv1 marks a compressed
 * message (RFC 7692 section 7.2.3.1). */
size_t ws_frame_write_header(uint8_t ret[WS_SERVER_HEADER_MAX], enum ws_opcode opcode, bool rsv1,
                             size_t payload_size);

/* Same for a client: masked with `mask`. */
size_t ws_frame_write_client_header(uint8_t ret[WS_HEADER_MAX], enum ws_opcode opcode,
                                    size_t payload_size, const uint8_t mask[4]);

/* XORs in place; `offset` is the place of data[0] within the payload. */
void ws_frame_unmask(void *data, size_t size, const uint8_t mask[4], uint64_t offset);

#endif
