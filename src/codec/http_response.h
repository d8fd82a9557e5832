/* SPDX-License-Identifier: Apache-2.0 */
/* http_response.h: composes the head of a response (RFC 9112 section 4). */
#ifndef CODEC_HTTP_RESPONSE_H
#define CODEC_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/strbuf.h"

/* A body of a length not known yet (a stream): it ends with the connection (RFC 9112 section
 * 6.3), so keep_alive must be false. */
#define HTTP_LENGTH_UNKNOWN SIZE_MAX

const char *http_status_text(int status); /* "Other" for one we never send */

/* Appends "HTTP/1.1 STATUS text", Date, Content-Type (unless NULL), Content-Length (not
 * with 1xx, 204 and 304, which have no body), Connection: close (unless keep_alive),
 * Cache-Control: no-store (unless `headers` has its own), then `headers` (whole lines, each
 * ending in CRLF, or empty; our own text, never a peer's), and the empty line. */
void http_response_head(struct strbuf *out, int status, int64_t wall_ms, const char *content_type,
                        size_t content_length, bool keep_alive, struct bytes headers);

#endif
