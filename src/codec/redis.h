/* SPDX-License-Identifier: Apache-2.0 */
/* redis.h: Redis' protocol (RESP2): replies in any pieces, read with hiredis, and commands. */
#ifndef CODEC_REDIS_H
#define CODEC_REDIS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"

enum redis_reply_type {
    REDIS_STATUS,
    REDIS_ERROR,
    REDIS_INTEGER,
    REDIS_NIL,
    REDIS_STRING,
    REDIS_ARRAY,
};

struct redis_reply {
    enum redis_reply_type type;
    int64_t integer;                    /* of INTEGER */
    struct bytes text;                  /* of STATUS, ERROR and STRING: any bytes, perhaps none */
    const struct redis_reply *elements; /* of ARRAY: `count` of them */
    size_t count;
};

/* What one reply may cost; beyond it the reader fails for good, for a peer that answers more than it
 * was asked for is broken or none. */
struct redis_limits {
    size_t bytes_max;    /* of all texts of a reply */
    size_t piece_max;    /* one text, or what of it has come; above 16 */
    size_t elements_max; /* in all its arrays together */
};

/* Arrays in arrays; XREAD's answer has five. hiredis 0.14 ends at seven. */
#define REDIS_DEPTH_MAX 7

struct redis_reader;

/* MCP_AUTH_E_NOMEM. */
MUST_CHECK int redis_reader_new(struct redis_reader **ret, const struct redis_limits *limits);
void redis_reader_free(struct redis_reader *reader); /* NULL is fine */

/* Takes bytes as they came; then ask redis_reader_next until it gives no more. MCP_AUTH_E_NOMEM, or
 * what redis_reader_next has failed with. */
MUST_CHECK int redis_reader_feed(struct redis_reader *reader, const void *data, size_t size);

/* 1: *ret is the next reply, valid until the next call or the reader's end; 0: more bytes are
 * needed; MCP_AUTH_E_INVALID (no RESP2), MCP_AUTH_E_TOO_BIG, MCP_AUTH_E_NOMEM, and then the same
 * for ever. */
MUST_CHECK int redis_reader_next(struct redis_reader *reader, const struct redis_reply **ret);

/* Bytes that the reader has in hand, for who counts memory. */
size_t redis_reader_bytes(const struct redis_reader *reader);

/* Appends one command, all of it or nothing: the failure of `out`. count > 0. */
MUST_CHECK int redis_command_put(struct strbuf *out, const struct bytes *args, unsigned count);

/* Its size by the same rule. */
size_t redis_command_size(const struct bytes *args, unsigned count);

#endif
