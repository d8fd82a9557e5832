/* SPDX-License-Identifier: Apache-2.0 */
/* http_body.c: unwraps the body of a request as it arrives, by length or chunked. */
#include <assert.h>

#include "codec/http_grammar.h"
#include "codec/http_request.h"
#include "mcp_auth/error.h"

/* Chunk extensions and trailers of a whole body: nobody uses them, and a byte of body that brings
 * a kilobyte of extension is an attack on our time. */
#define BODY_EXTRA_SIZE_MAX 4096u
/* A uint64_t in hexadecimal; more digits are an overflow or zeros that waste our time. */
#define CHUNK_DIGITS_MAX 16

/* What comes next. RFC 9112 section 7.1. */
enum body_state {
    BODY_LENGTH, /* `left` bytes and nothing else */
    BODY_SIZE,   /* digits of a chunk's size */
    BODY_EXTENSION,
    BODY_SIZE_LF,
    BODY_DATA,
    BODY_DATA_CR,
    BODY_DATA_LF,
    BODY_TRAILER_START, /* a trailer's name, or the CR of the last empty line */
    BODY_TRAILER_NAME,
    BODY_TRAILER_VALUE,
    BODY_TRAILER_LF,
    BODY_END_LF,
    BODY_WHOLE,
};

static int refuse(const char **ret_why, int status, const char *why)
{
    *ret_why = why;
    return -status;
}

void http_body_init(struct http_body *body, const struct http_request *request)
{
    *body = (struct http_body){
        .chunked = request->chunked,
        .left = request->chunked ? 0 : request->content_length,
        .state = request->chunked ? BODY_SIZE : BODY_LENGTH,
    };
}

static int hex_value(char c)
{
    if (http_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* chunk-size = 1*HEXDIG, then at once ";" or CRLF. The white space that section 7.1.1 tolerates
 * before ";" is not: it is "bad" white space, and readers differ over it. */
static int size_feed(struct http_body *body, char c, const char **ret_why)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (body->digits == CHUNK_DIGITS_MAX)
            return refuse(ret_why, 400, "a chunk's size has too many digits");
        body->digits++;
        body->left = body->left << 4 | (unsigned)digit; /* 16 digits: no overflow */
        return 0;
    }
    if (body->digits == 0)
        return refuse(ret_why, 400, "a chunk does not begin with its size");
    if (c == '\r')
        body->state = BODY_SIZE_LF;
    else if (c == ';')
        body->state = BODY_EXTENSION;
    else
        return refuse(ret_why, 400, "a chunk's size is not a hexadecimal number");
    return 0;
}

/* One byte of an extension or a trailer's value, both thrown away; CR begins their end. */
static int text_feed(struct http_body *body, char c, uint8_t after_cr, const char **ret_why)
{
    if (c == '\r')
        body->state = after_cr;
    else if (http_is_control(c) && c != '\t')
        return refuse(ret_why, 400, "a control character beside the chunks");
    return 0;
}

/* field-line or the empty line that ends it all. Names are held to the grammar, as in the head. */
static int trailer_feed(struct http_body *body, char c, const char **ret_why)
{
    if (body->state == BODY_TRAILER_START && c == '\r')
        body->state = BODY_END_LF;
    else if (body->state == BODY_TRAILER_NAME && c == ':')
        body->state = BODY_TRAILER_VALUE;
    else if (http_is_token_char(c))
        body->state = BODY_TRAILER_NAME;
    else
        return refuse(ret_why, 400, "a trailer's name is not a token");
    return 0;
}

/* The one byte that must come now, for the states that know it. */
static int mark_feed(struct http_body *body, char c, const char **ret_why)
{
    if (c != (body->state == BODY_DATA_CR ? '\r' : '\n'))
        return refuse(ret_why, 400,
                      body->state == BODY_DATA_CR || body->state == BODY_DATA_LF
                          ? "a chunk is longer than its size says"
                          : "a CR beside the chunks is not followed by LF");
    switch ((enum body_state)body->state) {
    case BODY_SIZE_LF:
        body->state = body->left ? BODY_DATA : BODY_TRAILER_START; /* size 0: the last chunk */
        body->digits = 0;
        break;
    case BODY_DATA_CR:
        body->state = BODY_DATA_LF;
        break;
    case BODY_DATA_LF:
        body->state = BODY_SIZE;
        break;
    case BODY_TRAILER_LF:
        body->state = BODY_TRAILER_START;
        break;
    default:
        assert(body->state == BODY_END_LF);
        body->state = BODY_WHOLE;
    }
    return 0;
}

/* One byte of what is not body. */
static int frame_feed(struct http_body *body, char c, const char **ret_why)
{
    switch ((enum body_state)body->state) {
    case BODY_SIZE:
        return size_feed(body, c, ret_why);
    case BODY_EXTENSION:
    case BODY_TRAILER_START:
    case BODY_TRAILER_NAME:
    case BODY_TRAILER_VALUE:
        if (body->extra_size == BODY_EXTRA_SIZE_MAX)
            return refuse(ret_why, 400, "too many chunk extensions or trailers");
        body->extra_size++;
        if (body->state == BODY_EXTENSION)
            return text_feed(body, c, BODY_SIZE_LF, ret_why);
        if (body->state == BODY_TRAILER_VALUE)
            return text_feed(body, c, BODY_TRAILER_LF, ret_why);
        return trailer_feed(body, c, ret_why);
    default:
        return mark_feed(body, c, ret_why);
    }
}

/* As much body as the input holds of the length or the chunk. */
static int data_feed(struct http_body *body, struct bytes input, struct strbuf *out,
                     const char **ret_why)
{
    size_t size = body->left < input.size ? (size_t)body->left : input.size;

    strbuf_put(out, input.data, size);
    if (out->error)
        return out->error == MCP_AUTH_E_TOO_BIG ? refuse(ret_why, 413, "the body is too large")
                                                : refuse(ret_why, 503, "out of memory");
    body->left -= size;
    body->total += size;
    return (int)size;
}

int http_body_feed(struct http_body *body, struct bytes input, struct strbuf *out, size_t *ret_used,
                   const char **ret_why)
{
    size_t used = 0;

    assert(body->state <= BODY_WHOLE);
    while (body->state != BODY_WHOLE) {
        int r;

        if (body->state == BODY_LENGTH && body->left == 0) {
            body->state = BODY_WHOLE;
            break;
        }
        if (used == input.size)
            break;
        if (body->state == BODY_LENGTH || body->state == BODY_DATA) {
            struct bytes piece = {input.data + used, input.size - used};

            if (piece.size > INT32_MAX)
                piece.size = INT32_MAX; /* the loop comes back for the rest */
            r = data_feed(body, piece, out, ret_why);
            if (r > 0)
                used += (size_t)r;
            if (body->state == BODY_DATA && body->left == 0)
                body->state = BODY_DATA_CR;
        } else {
            r = frame_feed(body, input.data[used], ret_why);
            used++;
        }
        if (r < 0)
            return r;
    }
    assert(used <= input.size);
    *ret_used = used;
    return body->state == BODY_WHOLE;
}
