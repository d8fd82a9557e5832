/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h: bytes in and out of a connected descriptor, plain or encrypted alike. */
#ifndef IO_STREAM_H
#define IO_STREAM_H

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/compiler.h"

/* Nothing can be done now: wait for stream->blocked_on. Far below every MCP_AUTH_E_*. */
#define STREAM_WOULD_BLOCK INT_MIN

struct stream;

/* What a kind of stream can do. The kind embeds struct stream and finds itself by
 * container_of. */
struct stream_kind {
    ssize_t (*read)(struct stream *stream, void *buffer, size_t size);
    ssize_t (*write)(struct stream *stream, const void *data, size_t size);
    bool (*holds)(const struct stream *stream);
    void (*finish)(struct stream *stream);
    void (*close)(struct stream *stream);
};

enum stream_kind_id { STREAM_NONE, STREAM_PLAIN, STREAM_TLS, STREAM_KINDS }; /* NONE: never begun */
extern const struct stream_kind stream_plain, stream_tls;
extern const struct stream_kind *const stream_kinds[]; /* stream.c, by stream_kind_id */

/* Every connection has one, so it names its kind in a byte. */
struct stream {
    int fd;             /* -1: closed */
    uint8_t kind;       /* enum stream_kind_id */
    uint8_t blocked_on; /* EPOLLIN or EPOLLOUT; means something after STREAM_WOULD_BLOCK */
};

_Static_assert(sizeof(struct stream) == 8, "part of what an idle connection costs");

/* Takes over a connected, non-blocking descriptor. */
void stream_plain_init(struct stream *stream, int fd);

/* Bytes read; 0 when the peer sends no more; STREAM_WOULD_BLOCK; MCP_AUTH_E_IO. size > 0. */
MUST_CHECK static inline ssize_t stream_read(struct stream *stream, void *buffer, size_t size)
{
    assert(stream->fd >= 0 && size > 0);
    return stream_kinds[stream->kind]->read(stream, buffer, size);
}

/* Bytes written, perhaps fewer than given; STREAM_WOULD_BLOCK; MCP_AUTH_E_IO. size > 0. After
 * STREAM_WOULD_BLOCK the next call must begin with the same bytes, all of them (they may have moved
 * in memory): an encrypted stream may have made a record of them. */
MUST_CHECK static inline ssize_t stream_write(struct stream *stream, const void *data, size_t size)
{
    assert(stream->fd >= 0 && size > 0);
    return stream_kinds[stream->kind]->write(stream, data, size);
}

/* Whether a read would give bytes that the stream already took from the descriptor, for which
 * the loop will therefore not wake anybody. */
static inline bool stream_holds(const struct stream *stream)
{
    return stream_kinds[stream->kind]->holds(stream);
}

/* Tells the peer that nothing more will come, and keeps reading possible: closing with unread
 * bytes would send a reset that can destroy our last words on their way. */
static inline void stream_finish(struct stream *stream)
{
    if (stream->fd >= 0)
        stream_kinds[stream->kind]->finish(stream);
}

/* Closes the descriptor, which nobody may watch any more. Closed: fine. */
static inline void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        stream_kinds[stream->kind]->close(stream);
    assert(stream->fd < 0);
}

#endif
