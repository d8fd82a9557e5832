/* SPDX-License-Identifier: Apache-2.0 */
/* tls_context.c: what many TLS connections share: versions, and whom to trust. */
#include "io/tls_context.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "mcp_auth/error.h"

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
};

/* OpenSSL's own socket BIO writes with write(2), which kills a program that has not turned SIGPIPE off
 * when the peer has gone; and a library may not turn it off. The descriptor is the BIO's data. */
static int socket_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_write(BIO *bio, const char *data, int size)
{
    ssize_t r;

    do
        r = send(socket_of(bio), data, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (r < 0 && errno == EAGAIN)
        BIO_set_retry_write(bio);
    return (int)r;
}

static int bio_read(BIO *bio, char *buffer, int size)
{
    ssize_t r;

    do
        r = recv(socket_of(bio), buffer, (size_t)size, MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    BIO_clear_retry_flags(bio);
    if (r < 0 && errno == EAGAIN)
        BIO_set_retry_read(bio);
    if (r == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)r;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH: /* the kernel has it already */
        return 1;
    case BIO_CTRL_EOF:
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default:
        return 0;
    }
}

static BIO_METHOD *bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "mcp-auth");

    if (method && BIO_meth_set_write(method, bio_write) == 1 &&
        BIO_meth_set_read(method, bio_read) == 1 && BIO_meth_set_ctrl(method, bio_control) == 1)
        return method;
    BIO_meth_free(method);
    return NULL;
}

static int context_new(struct tls_context **ret, const SSL_METHOD *method)
{
    struct tls_context *context = calloc(1, sizeof *context);

    if (!context)
        return MCP_AUTH_E_NOMEM;
    context->bio = bio_method();
    context->ssl = SSL_CTX_new(method);
    if (!context->bio || !context->ssl ||
        SSL_CTX_set_min_proto_version(context->ssl, TLS1_2_VERSION) != 1) {
        tls_context_free(context);
        return MCP_AUTH_E_NOMEM;
    }
    /* Streams may write a part, and from another place when they come again; what idles keeps no
     * buffers. A renegotiation of TLS 1.2 would make a write wait for a read. */
    SSL_CTX_set_mode(context->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                       SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(context->ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    *ret = context;
    return 0;
}

int tls_context_client(struct tls_context **ret, const char *ca_file, const char **ret_why)
{
    struct tls_context *context;
    int r = context_new(&context, TLS_client_method());

    if (r < 0) {
        *ret_why = mcp_auth_strerror(r);
        return r;
    }
    SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
    ERR_clear_error();
    if (ca_file ? SSL_CTX_load_verify_file(context->ssl, ca_file) != 1
                : SSL_CTX_set_default_verify_paths(context->ssl) != 1) {
        *ret_why = ca_file ? "the CA file cannot be read or holds no certificate in PEM"
                           : "the system's CAs cannot be read";
        ERR_clear_error(); /* another caller of OpenSSL in this thread would take it for his */
        tls_context_free(context);
        return MCP_AUTH_E_INVALID;
    }
    *ret = context;
    return 0;
}

void tls_context_free(struct tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    BIO_meth_free(context->bio);
    free(context);
}

struct ssl_ctx_st *tls_context_ssl(const struct tls_context *context)
{
    return context->ssl;
}

const struct bio_method_st *tls_context_bio(const struct tls_context *context)
{
    return context->bio;
}
