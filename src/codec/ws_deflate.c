/* SPDX-License-Identifier: Apache-2.0 */
/* ws_deflate.c: messages deflated, each for itself (RFC 7692 section 7.2.1). */
#include "codec/ws_deflate.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "mcp_auth/error.h"

#define OUTPUT_STEP_MAX (64u * 1024u)
#define MEMORY_LEVEL 8 /* zlib's own default */

/* The end of an empty stored block, which a sender leaves out (section 7.2.1). */
static const char tail[4] = {0x00, 0x00, (char)0xff, (char)0xff};

struct ws_deflater {
    int level;
    z_stream *streams[WS_WINDOW_BITS_MAX + 1]; /* by window bits; NULL: not yet asked for */
};

int ws_deflater_new(struct ws_deflater **ret, int level)
{
    struct ws_deflater *deflater = calloc(1, sizeof *deflater);

    assert(level >= 1 && level <= 9);
    if (!deflater)
        return MCP_AUTH_E_NOMEM;
    deflater->level = level;
    *ret = deflater;
    return 0;
}

void ws_deflater_free(struct ws_deflater *deflater)
{
    if (!deflater)
        return;
    for (size_t i = 0; i < ARRAY_COUNT(deflater->streams); i++) {
        if (!deflater->streams[i])
            continue;
        (void)deflateEnd(deflater->streams[i]); /* "freed prematurely": between messages it is */
        free(deflater->streams[i]);
    }
    free(deflater);
}

/* Ready for a new message; NULL without memory. */
static z_stream *stream_for(struct ws_deflater *deflater, unsigned window_bits)
{
    z_stream *z = deflater->streams[window_bits];
    int r;

    if (z) {
        r = deflateReset(z); /* no context is taken over */
        assert(r == Z_OK);
        return z;
    }
    z = calloc(1, sizeof *z);
    if (!z)
        return NULL;
    r = deflateInit2(z, deflater->level, Z_DEFLATED, -(int)window_bits, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY);
    if (r != Z_OK) {
        free(z);
        return NULL;
    }
    deflater->streams[window_bits] = z;
    return z;
}

/* Room for the next piece of output, more than the six bytes below which zlib would write its
 * flush mark twice. 0 when the ceiling is too near. */
static size_t output_step(const struct strbuf *out, size_t wanted)
{
    const size_t left = out->size_max - out->size;
    size_t step = wanted < OUTPUT_STEP_MAX ? wanted : OUTPUT_STEP_MAX;

    if (left < step)
        step = left;
    return step >= WS_DEFLATE_SPARE - sizeof tail ? step : 0;
}

int ws_deflate_message(struct ws_deflater *deflater, unsigned window_bits, struct bytes message,
                       struct strbuf *out)
{
    const size_t before = out->size;
    z_stream *z;
    int r;

    assert(window_bits >= WS_DEFLATE_BITS_MIN && window_bits <= WS_WINDOW_BITS_MAX);
    if (out->error)
        return out->error;
    if (message.size > UINT_MAX)
        return out->error = MCP_AUTH_E_TOO_BIG;
    z = stream_for(deflater, window_bits);
    if (!z)
        return out->error = MCP_AUTH_E_NOMEM;

    z->next_in = (Bytef *)(uintptr_t)message.data;
    z->avail_in = (uInt)message.size;
    do {
        size_t step = output_step(out, deflateBound(z, z->avail_in) + WS_DEFLATE_SPARE);
        char *to;

        if (step == 0)
            out->error = MCP_AUTH_E_TOO_BIG;
        to = strbuf_reserve(out, step);
        if (!to) {
            out->size = before;
            return out->error;
        }
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)step;
        r = deflate(z, Z_SYNC_FLUSH);
        assert(r == Z_OK);
        strbuf_added(out, step - z->avail_out);
    } while (z->avail_out == 0);

    assert(z->avail_in == 0 && out->size - before > sizeof tail);
    assert(memcmp(out->data + out->size - sizeof tail, tail, sizeof tail) == 0);
    out->size -= sizeof tail;
    return 0;
}
