/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream_tls.c: only the host that was meant is talked to, and nothing ever waits. */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/stream_tls.h"
#include "mcp_auth/error.h"
#include "tls_peer.h"
#include "unit.h"

static struct tls_context *context;
static struct stream_tls tls;
static SSL *peer;
static int peer_fd;
static char ca_path[64];

/* Our end trusts the peer's certificate, unless `stranger`. */
static void pair_open(const char *names, int days, int version_max, const char *host, bool stranger)
{
    EVP_PKEY *other_key;
    X509 *certificate, *other;
    const char *why;
    int fds[2];
    FILE *file;

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    peer_fd = fds[1];
    peer = tls_peer(names, days, version_max, peer_fd, &certificate);
    tls_certificate("DNS:other", 1, &other_key, &other);
    snprintf(ca_path, sizeof ca_path, "/tmp/mcp-auth-ca-%d.pem", (int)getpid());
    file = fopen(ca_path, "w");
    CHECK(file && PEM_write_X509(file, stranger ? other : certificate) == 1 && fclose(file) == 0);
    CHECK_EQ(tls_context_client(&context, ca_path, &why), 0);
    unlink(ca_path);
    CHECK_EQ(stream_tls_connect(&tls, context, fds[0], host), 0);
    X509_free(certificate);
    X509_free(other);
    EVP_PKEY_free(other_key);
}

static void pair_close(void)
{
    stream_close(&tls.stream);
    stream_close(&tls.stream); /* twice is fine */
    SSL_free(peer);
    close(peer_fd);
    tls_context_free(context);
}

/* Both ends in turns; our end's result. */
static int shake(void)
{
    int r = STREAM_WOULD_BLOCK;

    for (int i = 0; i < 20; i++) {
        r = stream_tls_handshake(&tls);
        if (r < 0 && r != STREAM_WOULD_BLOCK)
            break;
        if (r == STREAM_WOULD_BLOCK)
            CHECK(tls.stream.blocked_on == EPOLLIN || tls.stream.blocked_on == EPOLLOUT);
        ERR_clear_error();
        (void)SSL_do_handshake(peer);
        if (r != STREAM_WOULD_BLOCK && SSL_is_init_finished(peer))
            break;
    }
    ERR_clear_error();
    return r;
}

TEST(bytes_travel_both_ways_and_holds_tells_what_waits_inside)
{
    char got[16];

    pair_open("DNS:redis.example", 1, TLS1_3_VERSION, "redis.example", false);
    CHECK_EQ(stream_tls_handshake(&tls), STREAM_WOULD_BLOCK);
    CHECK_EQ(tls.stream.blocked_on, EPOLLIN);
    CHECK_EQ(shake(), 0);
    CHECK_EQ(stream_tls_handshake(&tls), 0);
    assert_string_equal(SSL_get_servername(peer, TLSEXT_NAMETYPE_host_name), "redis.example");
    CHECK_EQ(stream_read(&tls.stream, got, sizeof got), STREAM_WOULD_BLOCK);
    CHECK_EQ(tls.stream.blocked_on, EPOLLIN);
    CHECK(!stream_holds(&tls.stream));
    CHECK_EQ(SSL_write(peer, "hello", 5), 5);
    CHECK_EQ(stream_read(&tls.stream, got, 2), 2);
    CHECK(stream_holds(&tls.stream));
    CHECK_EQ(stream_read(&tls.stream, got + 2, sizeof got - 2), 3);
    assert_memory_equal(got, "hello", 5);
    CHECK(!stream_holds(&tls.stream));
    CHECK_EQ(stream_write(&tls.stream, "there", 5), 5);
    CHECK_EQ(SSL_read(peer, got, sizeof got), 5);
    pair_close();
}

TEST(the_end_is_told_and_heard)
{
    char got[16];

    pair_open("DNS:h", 1, TLS1_2_VERSION, "h", false);
    CHECK_EQ(shake(), 0);
    stream_finish(&tls.stream);
    CHECK_EQ(SSL_read(peer, got, sizeof got), 0);
    CHECK_EQ(SSL_get_shutdown(peer) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    CHECK_EQ(SSL_shutdown(peer), 1);
    CHECK_EQ(stream_read(&tls.stream, got, sizeof got), 0);
    pair_close();
}

TEST(an_end_without_a_word_is_trouble_and_no_signal)
{
    char got[16];

    pair_open("DNS:h", 1, TLS1_3_VERSION, "h", false);
    CHECK_EQ(shake(), 0);
    shutdown(peer_fd, SHUT_RDWR);
    CHECK_EQ(stream_write(&tls.stream, "x", 1), MCP_AUTH_E_IO);
    CHECK_EQ(stream_read(&tls.stream, got, sizeof got), MCP_AUTH_E_IO);
    stream_finish(&tls.stream);
    pair_close();
}

TEST(a_full_peer_means_wait_for_room_and_then_nothing_is_lost)
{
    static char block[65536], got[65536];
    size_t sent = 0, received = 0, at = 0;
    ssize_t r = 0;
    int n;

    pair_open("DNS:h", 1, TLS1_3_VERSION, "h", false);
    CHECK_EQ(shake(), 0);
    for (size_t i = 0; i < sizeof block; i++)
        block[i] = (char)(i * 7 + i / 251);
    for (int i = 0; i < 1000; i++) {
        char *moved = malloc(sizeof block - at); /* from another place each time */

        CHECK(moved != NULL);
        memcpy(moved, block + at, sizeof block - at);
        r = stream_write(&tls.stream, moved, sizeof block - at);
        free(moved);
        if (r == STREAM_WOULD_BLOCK) {
            CHECK_EQ(tls.stream.blocked_on, EPOLLOUT);
            if (received >= 2 * sizeof block)
                break;
            while ((n = SSL_read(peer, got, sizeof got)) > 0)
                for (int j = 0; j < n; j++, received++)
                    CHECK_EQ(got[j], block[received % sizeof block]);
            ERR_clear_error();
            continue;
        }
        CHECK(r > 0);
        sent += (size_t)r;
        at = sent % sizeof block;
    }
    CHECK(received >= 2 * sizeof block);
    pair_close();
}

static void refused(const char *names, int days, const char *host, bool stranger, const char *word)
{
    pair_open(names, days, TLS1_3_VERSION, host, stranger);
    CHECK_EQ(shake(), MCP_AUTH_E_REFUSED);
    if (!strstr(stream_tls_why(&tls), word))
        fail_msg("%s, not %s", stream_tls_why(&tls), word);
    CHECK_EQ(stream_tls_handshake(&tls), MCP_AUTH_E_IO); /* for ever */
    CHECK_EQ(stream_write(&tls.stream, "secret", 6), MCP_AUTH_E_IO);
    pair_close();
}

TEST(a_certificate_that_is_not_good_ends_the_handshake)
{
    refused("DNS:other.example", 1, "redis.example", false, "hostname mismatch");
    refused("DNS:redis.example", 1, "127.0.0.1", false, "IP address mismatch");
    refused("IP:127.0.0.2", 1, "127.0.0.1", false, "IP address mismatch");
    refused("DNS:127.0.0.1", 1, "127.0.0.1", false, "IP address mismatch");
    refused("DNS:r*.an.example", 1, "redis.an.example", false, "hostname mismatch");
    refused("DNS:h", 1, "h", true, "self-signed");
    refused("DNS:h", -1, "h", false, "expired");
}

TEST(addresses_and_wildcards_are_verified)
{
    static const char *const hosts[] = {"127.0.0.1", "::1", "a.redis.example"};

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        pair_open("IP:127.0.0.1,IP:::1,DNS:*.redis.example", 1, TLS1_3_VERSION, hosts[i], false);
        CHECK_EQ(shake(), 0);
        CHECK_EQ(SSL_get_servername(peer, TLSEXT_NAMETYPE_host_name) != NULL, i == 2);
        pair_close();
    }
}

TEST(versions_before_1_2_and_other_protocols_are_refused)
{
    pair_open("DNS:h", 1, TLS1_1_VERSION, "h", false);
    CHECK_EQ(shake(), MCP_AUTH_E_IO);
    pair_close();
    pair_open("DNS:h", 1, TLS1_3_VERSION, "h", false);
    CHECK_EQ(write(peer_fd, "-ERR no TLS here\r\n", 18), 18); /* a plain Redis */
    CHECK_EQ(stream_tls_handshake(&tls), MCP_AUTH_E_IO);
    CHECK(strlen(stream_tls_why(&tls)) > 0);
    pair_close();
}

TEST(a_ca_file_that_is_none_is_refused)
{
    struct tls_context *none = NULL;
    const char *why = NULL;

    CHECK_EQ(tls_context_client(&none, "/dev/null", &why), MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "CA file"));
    CHECK_EQ(tls_context_client(&none, "/nowhere/ca.pem", &why), MCP_AUTH_E_INVALID);
    CHECK_EQ(tls_context_client(&none, NULL, &why), 0); /* the system's */
    tls_context_free(none);
    tls_context_free(NULL);
}
