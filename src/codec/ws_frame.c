/* SPDX-License-Identifier: Apache-2.0 */
/* ws_frame.c: one WebSocket frame header (RFC 6455 section 5.2), and the mask (section 5.3). */
#include "codec/ws_frame.h"

#include <assert.h>
#include <string.h>

#include "mcp_auth/error.h"

#define FIN 0x80
#define RSV1 0x40
#define RSV2 0x20
#define RSV3 0x10
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126 /* the length follows in two bytes */
#define LENGTH_64 127 /* the length follows in eight bytes */

_Static_assert(WS_HEADER_MAX == 2 + 8 + 4, "a header is two bytes, a length and a mask");
_Static_assert(WS_CONTROL_PAYLOAD_MAX < LENGTH_16, "a control frame has a short length");

static uint64_t read_big_endian(const uint8_t *from, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | from[i];
    return value;
}

static void write_big_endian(uint8_t *to, size_t size, uint64_t value)
{
    for (size_t i = size; i > 0; i--, value >>= 8)
        to[i - 1] = (uint8_t)value;
}

int ws_frame_read_header(const void *data, size_t size, struct ws_frame_header *ret)
{
    const uint8_t *wire = data;
    struct ws_frame_header header = {0};
    size_t length_size = 0, header_size;

    if (size < 2)
        return 0;

    header.fin = wire[0] & FIN;
    header.rsv1 = wire[0] & RSV1;
    header.rsv2 = wire[0] & RSV2;
    header.rsv3 = wire[0] & RSV3;
    header.opcode = wire[0] & OPCODE;
    header.masked = wire[1] & MASKED;
    header.payload_size = wire[1] & LENGTH;

    if (header.payload_size == LENGTH_16)
        length_size = 2;
    else if (header.payload_size == LENGTH_64)
        length_size = 8;

    if (length_size > 0) {
        if (size < 2 + length_size)
            return 0;
        header.payload_size = read_big_endian(wire + 2, length_size);
        /* "the minimal number of bytes MUST be used to encode the length" (section 5.2) */
        if (header.payload_size < LENGTH_16)
            return MCP_AUTH_E_INVALID;
        if (length_size == 8 && header.payload_size <= UINT16_MAX)
            return MCP_AUTH_E_INVALID;
        if (header.payload_size >> 63)
            return MCP_AUTH_E_INVALID;
    }

    header_size = 2 + length_size + (header.masked ? sizeof header.mask : 0);
    if (size < header_size)
        return 0;
    if (header.masked)
        memcpy(header.mask, wire + 2 + length_size, sizeof header.mask);
    header.header_size = (uint8_t)header_size;

    assert(header_size <= WS_HEADER_MAX);
    *ret = header;
    return (int)header_size;
}

size_t ws_frame_write_header(uint8_t ret[WS_SERVER_HEADER_MAX], enum ws_opcode opcode, bool rsv1,
                             size_t payload_size)
{
    assert(((unsigned)opcode & ~(unsigned)OPCODE) == 0);
    assert(opcode < WS_CLOSE || payload_size <= WS_CONTROL_PAYLOAD_MAX);
    assert(opcode < WS_CLOSE || !rsv1);

    ret[0] = (uint8_t)(FIN | (rsv1 ? RSV1 : 0) | opcode);
    if (payload_size < LENGTH_16) {
        ret[1] = (uint8_t)payload_size;
        return 2;
    }
    if (payload_size <= UINT16_MAX) {
        ret[1] = LENGTH_16;
        write_big_endian(ret + 2, 2, payload_size);
        return 4;
    }
    assert((uint64_t)payload_size >> 63 == 0);
    ret[1] = LENGTH_64;
    write_big_endian(ret + 2, 8, payload_size);
    return 10;
}

size_t ws_frame_write_client_header(uint8_t ret[WS_HEADER_MAX], enum ws_opcode opcode,
                                    size_t payload_size, const uint8_t mask[4])
{
    size_t size = ws_frame_write_header(ret, opcode, false, payload_size);

    ret[1] |= MASKED;
    memcpy(ret + size, mask, 4);
    return size + 4;
}

void ws_frame_unmask(void *data, size_t size, const uint8_t mask[4], uint64_t offset)
{
    uint8_t *at = data;
    uint8_t key[8]; /* the mask twice, turned so that key[0] belongs to data[0] */
    uint64_t wide_key;

    for (unsigned i = 0; i < sizeof key; i++)
        key[i] = mask[(offset + i) & 3];
    memcpy(&wide_key, key, sizeof wide_key);

    /* memcpy because data follows a header of any size and is rarely aligned; compilers make
     * one load and one store of each. Byte order does not matter to an XOR of equal layouts. */
    while (size >= sizeof wide_key) {
        uint64_t piece;

        memcpy(&piece, at, sizeof piece);
        piece ^= wide_key;
        memcpy(at, &piece, sizeof piece);
        at += sizeof piece;
        size -= sizeof piece;
    }
    for (size_t i = 0; i < size; i++)
        at[i] ^= key[i];
}
