/* SPDX-License-Identifier: Apache-2.0 */
/* http_request.h: a strict, incremental HTTP/1.1 request parser (RFC 9112): line, headers, body. */
#ifndef CODEC_HTTP_REQUEST_H
#define CODEC_HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"

#define HTTP_HEAD_SIZE_MAX (16u * 1024u + 8u * 1024u) /* a 16 KiB token and 8 KiB of the rest */
#define HTTP_TARGET_SIZE_MAX 4096u
#define HTTP_HEADERS_MAX 64u

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_PATCH,
    HTTP_OTHER
};

struct http_header {
    struct bytes name, value; /* value without surrounding white space */
};

/* A parsed head. All bytes are borrowed from the head that was parsed. */
struct http_request {
    enum http_method method;
    struct bytes target, path, query; /* origin-form; path is raw, query without '?' or absent */
    bool http_1_0;
    bool keep_alive; /* by version and Connection */
    bool expect_continue;
    bool chunked;
    bool has_content_length;
    uint64_t content_length;
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned headers_count;
};

/* Looks for the end of the head and parses it. The size of the head (with its empty line) when
 * whole; 0 when more bytes are needed; else a negated HTTP status to answer with before closing:
 * -400, -414 (target too long), -431 (head too large or too many headers), -501 (unknown
 * transfer coding), -505 (not HTTP/1.x). *ret_why is then a static sentence.
 * `seen` (start with 0) remembers how far the search for the end has come, so that a head that
 * arrives byte by byte is scanned once.
 *
 * Refuses: obs-fold, bare CR, bare LF, NUL and other controls, white space before the colon,
 * empty or non-token names, a first line that is not exactly "METHOD SP target SP HTTP/1.x",
 * leading white space before the first header, more than one Content-Length (even if equal),
 * a Content-Length that is not 1*DIGIT or overflows, Transfer-Encoding together with
 * Content-Length, Transfer-Encoding other than exactly "chunked" or in HTTP/1.0, missing or
 * repeated Host in HTTP/1.1, absolute-form whose authority differs from Host (accepts origin-form,
 * "*" for OPTIONS). One empty line (CRLF) before the request line is skipped (section 2.2). */
int http_request_parse(struct bytes input, size_t *seen, struct http_request *ret,
                       const char **ret_why);

/* First header of this name (any case), or absent. */
struct bytes http_request_header(const struct http_request *request, struct bytes name);
unsigned http_request_header_count(const struct http_request *request, struct bytes name);
/* Is `token` one of the comma separated members of any header of this name? (no case) */
bool http_request_header_has_token(const struct http_request *request, struct bytes name,
                                   struct bytes token);
/* The token of "Authorization: Bearer TOKEN" (scheme in any case); absent if none, or several.
 * Not checked further: any text after the scheme is a token, good or bad. */
struct bytes http_request_bearer(const struct http_request *request);

struct bytes http_bearer(struct bytes authorization); /* the same, of the header's value */

/* The body: by length or chunked, unwrapped as it arrives. */
struct http_body {
    bool chunked;
    uint64_t left;       /* of the length, or of the current chunk */
    uint64_t total;      /* bytes of body so far */
    uint32_t extra_size; /* private: chunk extensions and trailers so far, bounded */
    uint8_t state;       /* private */
    uint8_t digits;      /* private: of the chunk's size, bounded */
};

void http_body_init(struct http_body *body, const struct http_request *request);

/* Appends what is body in input to `out` (whose ceiling bounds it) and sets *ret_used.
 * 1 when the body is whole, 0 when more is needed, -400 for a bad chunk, -413 when `out` is full,
 * -503 without memory; after a negative answer body and `out` are spent. Bytes after the body are
 * left alone. Chunk extensions and trailers are bounded and thrown away. */
int http_body_feed(struct http_body *body, struct bytes input, struct strbuf *out, size_t *ret_used,
                   const char **ret_why);

#endif
