/* SPDX-License-Identifier: Apache-2.0 */
/* stream_tls.h: a stream over TLS. */
#ifndef IO_STREAM_TLS_H
#define IO_STREAM_TLS_H

#include "io/stream.h"
#include "io/tls_context.h"

/* Larger than a plain stream, which may be put into the same place: stream_plain_init(&tls.stream). */
struct stream_tls {
    struct stream stream;
    struct ssl_st *ssl; /* OpenSSL's */
    const char *why;    /* static; after a failure */
    bool open;          /* the handshake is done */
    bool broken;        /* OpenSSL must not be asked for last words */
};

/* Takes over a connected, non-blocking descriptor (also when it fails: then it is closed). The peer's
 * certificate must be for `host`, a name or an address. MCP_AUTH_E_NOMEM; MCP_AUTH_E_INVALID: no name
 * can be so. */
MUST_CHECK int stream_tls_connect(struct stream_tls *tls, struct tls_context *context, int fd,
                                  const char *host);

/* To be called until it gives 0, before anything is read or written. STREAM_WOULD_BLOCK: wait for
 * stream.blocked_on; MCP_AUTH_E_REFUSED: the certificate is not good; MCP_AUTH_E_IO: any other
 * failure. stream_tls_why says more. */
MUST_CHECK int stream_tls_handshake(struct stream_tls *tls);

/* Why the last call failed: a static text, never NULL. */
const char *stream_tls_why(const struct stream_tls *tls);

#endif
