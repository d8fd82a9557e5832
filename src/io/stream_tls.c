/* SPDX-License-Identifier: Apache-2.0 */
/* stream_tls.c: a stream over TLS, by OpenSSL without blocking. */
#include "io/stream_tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mcp_auth/error.h"

static struct stream_tls *tls_of(struct stream *stream)
{
    return container_of(stream, struct stream_tls, stream);
}

static int tls_fail(struct stream_tls *tls, const char *why)
{
    tls->broken = true;
    tls->why = why;
    ERR_clear_error();
    return MCP_AUTH_E_IO;
}

/* What a call of OpenSSL that returned r <= 0 means; its error queue was empty before. */
static int tls_result(struct stream_tls *tls, int r)
{
    unsigned long error;
    const char *reason;

    switch (SSL_get_error(tls->ssl, r)) {
    case SSL_ERROR_WANT_READ:
        tls->stream.blocked_on = EPOLLIN;
        return STREAM_WOULD_BLOCK;
    case SSL_ERROR_WANT_WRITE:
        tls->stream.blocked_on = EPOLLOUT;
        return STREAM_WOULD_BLOCK;
    case SSL_ERROR_ZERO_RETURN: /* close_notify */
        return 0;
    default:
        error = ERR_peek_last_error();
        reason = error ? ERR_reason_error_string(error) : NULL;
        return tls_fail(tls, reason ? reason : "the connection broke");
    }
}

static ssize_t tls_read(struct stream *stream, void *buffer, size_t size)
{
    struct stream_tls *tls = tls_of(stream);
    size_t got;
    int r;

    if (tls->broken)
        return MCP_AUTH_E_IO;
    ERR_clear_error();
    r = SSL_read_ex(tls->ssl, buffer, size, &got);
    return r == 1 ? (ssize_t)got : tls_result(tls, r);
}

static ssize_t tls_write(struct stream *stream, const void *data, size_t size)
{
    struct stream_tls *tls = tls_of(stream);
    size_t written;
    int r;

    if (tls->broken)
        return MCP_AUTH_E_IO;
    ERR_clear_error();
    r = SSL_write_ex(tls->ssl, data, size, &written);
    if (r == 1)
        return (ssize_t)written;
    r = tls_result(tls, r);
    return r == 0 ? MCP_AUTH_E_IO : r; /* who has said the end takes no more */
}

static bool tls_holds(const struct stream *stream)
{
    const char *place = (const char *)stream - offsetof(struct stream_tls, stream);

    return SSL_pending(((const struct stream_tls *)(const void *)place)->ssl) > 0;
}

/* RFC 8446 section 6.1: a close_notify before the end, which tells it from an end by an attacker. */
static void tls_finish(struct stream *stream)
{
    struct stream_tls *tls = tls_of(stream);

    if (tls->open && !tls->broken) {
        ERR_clear_error();
        (void)SSL_shutdown(
            tls->ssl); /* when there is no room for it: the peer sees an end without */
        ERR_clear_error();
    }
    (void)shutdown(stream->fd, SHUT_WR);
}

static void tls_close(struct stream *stream)
{
    struct stream_tls *tls = tls_of(stream);

    SSL_free(tls->ssl);
    tls->ssl = NULL;
    close(stream->fd);
    stream->fd = -1;
}

const struct stream_kind stream_tls = {
    .read = tls_read,
    .write = tls_write,
    .holds = tls_holds,
    .finish = tls_finish,
    .close = tls_close,
};

/* Which name the certificate must have, and for a name also which one is asked for (SNI, RFC 6066
 * section 3: no addresses). */
static int expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    char name[256]; /* a copy, for OpenSSL asks for one that is not const */
    X509_VERIFY_PARAM *rules = SSL_get0_param(ssl);

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1 ? 0 : MCP_AUTH_E_NOMEM;
    if (host[0] == '\0' || strlen(host) >= sizeof name)
        return MCP_AUTH_E_INVALID;
    memcpy(name, host, strlen(host) + 1);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return X509_VERIFY_PARAM_set1_host(rules, name, 0) == 1 &&
                   SSL_set_tlsext_host_name(ssl, name) == 1
               ? 0
               : MCP_AUTH_E_NOMEM;
}

int stream_tls_connect(struct stream_tls *tls, struct tls_context *context, int fd,
                       const char *host)
{
    SSL *ssl = SSL_new(tls_context_ssl(context));
    BIO *bio = BIO_new(tls_context_bio(context));
    int r = ssl && bio ? expect_host(ssl, host) : MCP_AUTH_E_NOMEM;

    assert(fd >= 0);
    ERR_clear_error();
    if (r < 0) {
        BIO_free(bio);
        SSL_free(ssl);
        close(fd);
        return r;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* owns it now */
    SSL_set_connect_state(ssl);
    *tls = (struct stream_tls){.stream = {.kind = STREAM_TLS, .fd = fd}, .ssl = ssl};
    return 0;
}

int stream_tls_handshake(struct stream_tls *tls)
{
    long verdict;
    int r;

    if (tls->open)
        return 0;
    if (tls->broken)
        return MCP_AUTH_E_IO;
    ERR_clear_error();
    r = SSL_do_handshake(tls->ssl);
    if (r == 1) {
        tls->open = true;
        return 0;
    }
    r = tls_result(tls, r);
    if (r == STREAM_WOULD_BLOCK)
        return r;
    verdict = SSL_get_verify_result(tls->ssl);
    if (verdict != X509_V_OK) {
        (void)tls_fail(tls, X509_verify_cert_error_string(verdict));
        return MCP_AUTH_E_REFUSED;
    }
    return r == 0 ? tls_fail(tls, "the peer ended the handshake") : r;
}

const char *stream_tls_why(const struct stream_tls *tls)
{
    return tls->why ? tls->why : "the connection broke";
}
