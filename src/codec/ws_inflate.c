/* SPDX-License-Identifier: Apache-2.0 */
/* ws_inflate.c: messages inflated, within their limits (RFC 7692 section 7.2.2). */
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec/ws_deflate.h"
#include "mcp_auth/error.h"

#define OUTPUT_KEPT_MAX (64u * 1024u) /* between messages */
#define OUTPUT_STEP_MIN 1024u         /* an output grows with what is there, */
#define OUTPUT_STEP_MAX (64u * 1024u) /* never by what a peer promises */

/* The end of an empty stored block, which a sender leaves out (section 7.2.1). */
static const char tail[4] = {0x00, 0x00, (char)0xff, (char)0xff};

struct ws_inflater {
    z_stream z;
    struct strbuf out;
    struct strbuf *window; /* borrowed for the message; NULL: it refers to nothing before it */
    size_t out_max;        /* out.size <= out_max */
    struct utf8 utf8;
    bool is_text, is_empty;
    bool at_block_end; /* what was fed last ended a block, at a byte boundary */
};

int ws_inflater_new(struct ws_inflater **ret)
{
    struct ws_inflater *inflater = calloc(1, sizeof *inflater);

    if (!inflater)
        return MCP_AUTH_E_NOMEM;
    /* Always the largest window: it reads whatever smaller one was agreed on. */
    if (inflateInit2(&inflater->z, -WS_WINDOW_BITS_MAX) != Z_OK) {
        free(inflater);
        return MCP_AUTH_E_NOMEM;
    }
    strbuf_init(&inflater->out, 0);
    *ret = inflater;
    return 0;
}

void ws_inflater_free(struct ws_inflater *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->z);
    strbuf_done(&inflater->out);
    free(inflater);
}

static size_t output_max(const struct ws_inflate_limits *limits, size_t payload_size)
{
    size_t by_ratio = SIZE_MAX;

    if (limits->ratio_max > 0 && payload_size <= SIZE_MAX / limits->ratio_max)
        by_ratio = payload_size * limits->ratio_max;
    if (by_ratio < WS_INFLATE_FREE_SIZE)
        by_ratio = WS_INFLATE_FREE_SIZE;
    return limits->size_max < by_ratio ? limits->size_max : by_ratio;
}

/* Empties the output. One byte more than the limit may be written, to see that there is more. */
static void renew_output(struct ws_inflater *inflater)
{
    const size_t room_max = inflater->out_max < SIZE_MAX ? inflater->out_max + 1 : SIZE_MAX;

    if (inflater->out.room > OUTPUT_KEPT_MAX || inflater->out.room > room_max) {
        strbuf_done(&inflater->out);
        strbuf_init(&inflater->out, room_max);
        return;
    }
    strbuf_reset(&inflater->out);
    inflater->out.size_max = room_max < PTRDIFF_MAX - 1 ? room_max : PTRDIFF_MAX - 1;
}

int ws_inflate_begin(struct ws_inflater *inflater, const struct ws_inflate_limits *limits,
                     struct strbuf *window, bool is_text, size_t payload_size, const char **ret_why)
{
    int r;

    inflater->window = window;
    inflater->out_max = output_max(limits, payload_size);
    inflater->utf8 = (struct utf8){0};
    inflater->is_text = is_text;
    inflater->is_empty = payload_size == 0;
    inflater->at_block_end = false;
    renew_output(inflater);

    r = inflateReset(&inflater->z);
    assert(r == Z_OK);
    if (window && window->size > 0) {
        assert(window->size <= 1u << WS_WINDOW_BITS_MAX);
        r = inflateSetDictionary(&inflater->z, (const Bytef *)window->data, (uInt)window->size);
        if (r != Z_OK) {
            *ret_why = "out of memory";
            return MCP_AUTH_E_NOMEM;
        }
    }
    return 0;
}

/* Takes in what zlib wrote behind the output. */
static int take_output(struct ws_inflater *inflater, const char *at, size_t size,
                       const char **ret_why)
{
    strbuf_added(&inflater->out, size);
    if (inflater->out.size > inflater->out_max) {
        *ret_why = "the inflated message is over its limit";
        return MCP_AUTH_E_TOO_BIG;
    }
    if (inflater->is_text && !utf8_feed(&inflater->utf8, at, size)) {
        *ret_why = "text that is not UTF-8";
        return MCP_AUTH_E_INVALID;
    }
    return 0;
}

static int failed(int zlib_result, const char **ret_why)
{
    *ret_why = zlib_result == Z_MEM_ERROR ? "out of memory" : "not deflate data";
    return zlib_result == Z_MEM_ERROR ? MCP_AUTH_E_NOMEM : MCP_AUTH_E_INVALID;
}

/* One call of inflate(). */
static int inflate_step(struct ws_inflater *inflater, int *ret_result, const char **ret_why)
{
    struct strbuf *out = &inflater->out;
    z_stream *z = &inflater->z;
    const size_t left = inflater->out_max - out->size;
    size_t step = out->room - out->size; /* the room there is, else as much again */
    char *to;

    if (step == 0)
        step = out->size < OUTPUT_STEP_MIN   ? OUTPUT_STEP_MIN
               : out->size < OUTPUT_STEP_MAX ? out->size
                                             : OUTPUT_STEP_MAX;
    if (step > left)
        step = left + 1; /* to see that there is more */
    to = strbuf_reserve(out, step);
    if (!to) {
        *ret_why = "out of memory";
        return MCP_AUTH_E_NOMEM;
    }
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)step;
    *ret_result = inflate(z, Z_SYNC_FLUSH);
    return take_output(inflater, to, step - z->avail_out, ret_why);
}

int ws_inflate_feed(struct ws_inflater *inflater, struct bytes part, const char **ret_why)
{
    z_stream *z = &inflater->z;
    int result, r;

    if (part.size > UINT_MAX) {
        *ret_why = "the message is over its limit";
        return MCP_AUTH_E_TOO_BIG;
    }
    z->next_in = (Bytef *)(uintptr_t)part.data; /* zlib's pointer may not be const; it only reads */
    z->avail_in = (uInt)part.size;
    do {
        r = inflate_step(inflater, &result, ret_why);
        if (r < 0)
            return r;
        switch (result) {
        case Z_STREAM_END:
            /* A block that calls itself the last is not: the next follows at the next byte, and
             * may refer to it (sections 7.2.1, 7.2.3.5). inflateResetKeep keeps the window in
             * its place; to copy it out and in again would cost 64 KiB for every two bytes of a
             * message of such blocks. */
            inflater->at_block_end = (z->data_type & 63) == 0;
            r = inflateResetKeep(z);
            assert(r == Z_OK);
            break;
        case Z_OK:
            /* 128: right behind a block; the rest: the bits of a byte not yet used. */
            inflater->at_block_end = z->data_type == 128;
            break;
        case Z_BUF_ERROR: /* nothing more could be done, which changes nothing */
            break;
        default:
            return failed(result, ret_why);
        }
    } while (result != Z_BUF_ERROR && (z->avail_in > 0 || z->avail_out == 0));
    return 0;
}

/* The last bytes of everything so far, for the next message to refer to. */
static int keep_window(struct strbuf *window, struct bytes text, const char **ret_why)
{
    if (text.size > window->size_max) {
        text.data += text.size - window->size_max;
        text.size = window->size_max;
    }
    if (text.size > window->size_max - window->size)
        strbuf_drop_front(window, text.size - (window->size_max - window->size));
    strbuf_put_bytes(window, text);
    if (window->error) {
        *ret_why = "out of memory";
        return window->error;
    }
    return 0;
}

int ws_inflate_end(struct ws_inflater *inflater, struct bytes *ret, const char **ret_why)
{
    int r = 0;

    /* An empty message is one byte (section 7.2.3.6); but behind a flush zlib writes nothing for
     * it, so that senders who do not know this send nothing. */
    if (!inflater->is_empty) {
        r = ws_inflate_feed(inflater, (struct bytes){tail, sizeof tail}, ret_why);
        if (r < 0)
            return r;
        if (!inflater->at_block_end) {
            *ret_why = "deflate data that does not end with its message";
            return MCP_AUTH_E_INVALID;
        }
    }
    if (inflater->is_text && !utf8_complete(&inflater->utf8)) {
        *ret_why = "text that is not UTF-8";
        return MCP_AUTH_E_INVALID;
    }
    assert(inflater->out.size <= inflater->out_max);
    if (inflater->window)
        r = keep_window(inflater->window, strbuf_bytes(&inflater->out), ret_why);
    if (r == 0)
        *ret = strbuf_bytes(&inflater->out);
    return r;
}

enum ws_result ws_inflate_message(struct ws_inflater *inflater,
                                  const struct ws_inflate_limits *limits, struct strbuf *window,
                                  struct ws_output *message)
{
    const char *why = NULL;
    struct bytes text;
    int r;

    r = ws_inflate_begin(inflater, limits, window, message->opcode == WS_TEXT,
                         message->payload.size, &why);
    if (r == 0)
        r = ws_inflate_feed(inflater, message->payload, &why);
    if (r == 0)
        r = ws_inflate_end(inflater, &text, &why);
    if (r == 0) {
        message->payload = text;
        return WS_GOT_MESSAGE;
    }
    *message = (struct ws_output){
        .opcode = WS_CLOSE,
        .close_code = r == MCP_AUTH_E_INVALID   ? 1007
                      : r == MCP_AUTH_E_TOO_BIG ? 1009
                                                : 1011,
        .why = why,
    };
    return WS_GOT_ERROR;
}
