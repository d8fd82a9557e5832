/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket_address.c: an address to listen on has few ways to be written, a peer one text. */
#include "io/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/un.h>

#include "mcp_auth/error.h"
#include "unit.h"

static struct socket_address parsed[SOCKET_ADDRESSES_MAX];

static int parse(const char *text)
{
    memset(parsed, 0xaa, sizeof parsed);
    return socket_parse(bytes_of(text), parsed);
}

TEST(one_address_is_parsed_and_written_back)
{
    static const char *const texts[] = {
        "127.0.0.1:8000", "0.0.0.0:80",        "255.255.255.255:65535",   "127.0.0.1:0",
        "[::1]:80",       "[2001:db8::1]:443", "unix:/run/mcp-auth.sock", "unix:/x",
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        CHECK_EQ(parse(texts[i]), 1);
        assert_string_equal(parsed[0].text, texts[i]);
    }
}

TEST(localhost_and_an_empty_host_are_two_addresses)
{
    CHECK_EQ(parse("localhost:8000"), 2);
    assert_string_equal(parsed[0].text, "127.0.0.1:8000");
    assert_string_equal(parsed[1].text, "[::1]:8000");
    CHECK_EQ(parse("LocalHost:0"), 2);
    CHECK_EQ(parse(":8000"), 2);
    assert_string_equal(parsed[0].text, "0.0.0.0:8000");
    assert_string_equal(parsed[1].text, "[::]:8000");
}

TEST(what_is_no_address_is_refused)
{
    static const char *const bad[] = {
        "",
        ":",
        "8000",
        "localhost",
        "localhost:",
        "example.com:80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:-1",
        "127.0.0.1:+1",
        "127.0.0.1:65536",
        "127.0.0.1:99999",
        "127.0.0.1:080",
        "127.0.0.1:00",
        "127.0.0.1:8 ",
        "127.0.0.1:100000",
        "127.1:80",
        "0x7f.0.0.1:80",
        "127.0.0.01:80",
        " 127.0.0.1:80",
        "::1:80",
        "[::1]",
        "[::1:80",
        "::1]:80",
        "[]:80",
        "[127.0.0.1]:80",
        "[::ffff:127.0.0.1]:80",
        "[fe80::1%lo]:80",
        "[::1]x:80",
        "x[::1]:80",
        "unix:",
        "unix:/",
        "unix:relative",
        "unix:/a\nb",
        "localhost.:80",
        "[1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22]:80",
    };

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        CHECK_EQ(parse(bad[i]), MCP_AUTH_E_INVALID);
    CHECK_EQ(socket_parse((struct bytes){NULL, 0}, parsed), MCP_AUTH_E_INVALID);
    CHECK_EQ(socket_parse((struct bytes){"1.2.3.4\0:80", 11}, parsed), MCP_AUTH_E_INVALID);
    CHECK_EQ(socket_parse((struct bytes){"unix:/a\0b", 9}, parsed), MCP_AUTH_E_INVALID);
}

TEST(a_unix_path_may_be_as_long_as_the_kernel_takes)
{
    char text[200] = "unix:/";

    memset(text + 6, 'p', 106); /* 107 with the slash, and the NUL makes 108 */
    CHECK_EQ(parse(text), 1);
    assert_string_equal(parsed[0].text, text);
    CHECK_EQ(parsed[0].size, sizeof(struct sockaddr_un));
    CHECK(socket_address_is_unix(&parsed[0]));
    text[112] = 'p';
    CHECK_EQ(parse(text), MCP_AUTH_E_INVALID);
}

TEST(a_port_is_read_and_set)
{
    CHECK_EQ(parse("localhost:0"), 2);
    CHECK_EQ(socket_address_port(&parsed[1]), 0);
    socket_address_set_port(&parsed[0], 65535);
    socket_address_set_port(&parsed[1], 4321);
    assert_string_equal(parsed[0].text, "127.0.0.1:65535");
    assert_string_equal(parsed[1].text, "[::1]:4321");
    CHECK_EQ(socket_address_port(&parsed[1]), 4321);
    CHECK_EQ(parse("unix:/x"), 1);
    CHECK_EQ(socket_address_port(&parsed[0]), 0);
    CHECK(!socket_address_is_unix(&(struct socket_address){0}));
}

static struct sockaddr_storage peer;

static socklen_t peer_v4(const char *host, unsigned port)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    CHECK_EQ(inet_pton(AF_INET, host, &v4.sin_addr), 1);
    memcpy(&peer, &v4, sizeof v4);
    return sizeof v4;
}

static socklen_t peer_v6(const char *host, unsigned port)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};

    CHECK_EQ(inet_pton(AF_INET6, host, &v6.sin6_addr), 1);
    memcpy(&peer, &v6, sizeof v6);
    return sizeof v6;
}

static socklen_t peer_unix(const char *path, size_t size)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    memcpy(un.sun_path, path, size);
    memcpy(&peer, &un, sizeof un);
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
}

static struct bytes peer_text(socklen_t size)
{
    static char text[SOCKET_TEXT_SIZE];

    socket_peer_text(&peer, size, text);
    return bytes_of(text);
}

TEST(a_peer_is_written_for_people)
{
    char long_path[108];

    CHECK_TEXT(peer_text(peer_v4("192.0.2.1", 443)), "192.0.2.1:443");
    CHECK_TEXT(peer_text(peer_v6("2001:db8::1", 443)), "[2001:db8::1]:443");
    CHECK_TEXT(peer_text(peer_v6("::ffff:192.0.2.1", 443)), "192.0.2.1:443");
    CHECK_TEXT(peer_text(peer_unix("", 0)), "unix:");
    CHECK_TEXT(peer_text(peer_unix("/a\nb", 5)), "unix:/a?b");
    memset(long_path, 'p', sizeof long_path); /* not terminated */
    CHECK_EQ(peer_text(peer_unix(long_path, sizeof long_path)).size, 5 + 107);
    CHECK_TEXT(peer_text(0), "unknown");
    memset(&peer, 0, sizeof peer);
    CHECK_TEXT(peer_text(sizeof peer), "unknown");
    peer_v6("::1", 1);
    CHECK_TEXT(peer_text(sizeof(struct sockaddr_in6) - 1), "unknown");
}

TEST(loopback_is_told_from_everything_else)
{
    CHECK(socket_is_loopback(&peer, peer_v4("127.0.0.1", 1)));
    CHECK(socket_is_loopback(&peer, peer_v4("127.255.255.254", 1)));
    CHECK(socket_is_loopback(&peer, peer_v6("::1", 1)));
    CHECK(socket_is_loopback(&peer, peer_v6("::ffff:127.0.0.1", 1)));
    CHECK(socket_is_loopback(&peer, peer_unix("", 0)));

    CHECK(!socket_is_loopback(&peer, peer_v4("128.0.0.1", 1)));
    CHECK(!socket_is_loopback(&peer, peer_v4("0.0.0.0", 1)));
    CHECK(!socket_is_loopback(&peer, peer_v6("::", 1)));
    CHECK(!socket_is_loopback(&peer, peer_v6("::2", 1)));
    CHECK(!socket_is_loopback(&peer, peer_v6("::127.0.0.1", 1)));
    CHECK(!socket_is_loopback(&peer, peer_v6("::ffff:10.0.0.1", 1)));
    CHECK(!socket_is_loopback(&peer, 0));
}

static bool same_key(const char *a, const char *b)
{
    uint8_t keys[2][16];
    const char *texts[2] = {a, b};

    for (int i = 0; i < 2; i++) {
        socklen_t size =
            strchr(texts[i], ':') ? peer_v6(texts[i], (unsigned)i) : peer_v4(texts[i], (unsigned)i);

        CHECK(socket_address_key(&peer, size, keys[i]));
    }
    return memcmp(keys[0], keys[1], 16) == 0;
}

TEST(one_host_has_one_key_whatever_its_port_and_form)
{
    uint8_t key[16];

    CHECK(same_key("192.0.2.1", "192.0.2.1"));
    CHECK(same_key("192.0.2.1", "::ffff:192.0.2.1"));
    CHECK(same_key("2001:db8::1", "2001:db8::ffff:2"));
    CHECK(!same_key("192.0.2.1", "192.0.2.2"));
    CHECK(!same_key("2001:db8::1", "2001:db8:0:1::1"));
    CHECK(!same_key("::1", "::2"));
    CHECK(!same_key("::1", "127.0.0.1"));
    CHECK(!socket_address_key(&peer, peer_unix("", 0), key));
    CHECK(!socket_address_key(&peer, 0, key));
}

TEST(an_address_of_another_family_is_not_taken)
{
    struct socket_address address;

    memset(&peer, 0, sizeof peer);
    peer.ss_family = AF_NETLINK;
    CHECK_EQ(socket_address_set(&address, &peer, sizeof peer), MCP_AUTH_E_UNSUPPORTED);
    CHECK_EQ(socket_address_set(&address, &peer, peer_v4("10.0.0.1", 5)), 0);
    assert_string_equal(address.text, "10.0.0.1:5");
}
