/* SPDX-License-Identifier: Apache-2.0 */
/* tls_peer.h: certificates made on the spot, and the server's side of a TLS connection. */
#ifndef TESTS_TLS_PEER_H
#define TESTS_TLS_PEER_H

#include <openssl/ssl.h>

/* A key and a certificate that signs itself, for these names ("DNS:localhost,IP:127.0.0.1"), valid from
 * now - 1 day for `days`; freed by the caller. */
void tls_certificate(const char *names, int days, EVP_PKEY **ret_key, X509 **ret_certificate);
/* As files that end on .pem in a new folder of /tmp; ret gets the folder. */
void tls_files(const char *names, char ret[64]);
void tls_files_remove(const char *folder);
/* The server's end of a connection, non-blocking; SSL_free frees all of it but fd. */
SSL *tls_peer(const char *names, int days, int version_max, int fd, X509 **ret_certificate);

#endif
