/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context.h: what many TLS connections share: versions, and whom to trust. */
#ifndef IO_TLS_CONTEXT_H
#define IO_TLS_CONTEXT_H

#include "base/compiler.h"

struct tls_context;

/* For connections that we begin: TLS 1.2 or newer, the peer's certificate verified against the CAs of
 * this PEM file, or of the system when ca_file is NULL. The file is read here; the system's folder of
 * CAs when a handshake needs one of them. Shared, and freed behind its last stream.
 * MCP_AUTH_E_INVALID with *ret_why (static): the file cannot be read, or holds no certificate;
 * MCP_AUTH_E_NOMEM. */
MUST_CHECK int tls_context_client(struct tls_context **ret, const char *ca_file,
                                  const char **ret_why);
void tls_context_free(struct tls_context *context); /* NULL is fine */

/* Of OpenSSL: SSL_CTX and BIO_METHOD; for stream_tls.c. */
struct ssl_ctx_st *tls_context_ssl(const struct tls_context *context);
const struct bio_method_st *tls_context_bio(const struct tls_context *context);

#endif
