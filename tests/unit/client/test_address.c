/* SPDX-License-Identifier: Apache-2.0 */
/* test_address.c: a server's URL says where to connect and what to ask for, or is refused. */
#include "client/address.h"
#include "mcp_auth/error.h"
#include "unit.h"

static void check(const char *url, const char *connect, const char *authority, const char *path)
{
    struct client_address address;

    CHECK_EQ(client_address_read(url, &address), 0);
    assert_string_equal(address.connect, connect);
    assert_string_equal(address.authority, authority);
    assert_string_equal(address.path, path);
}

TEST(an_http_url_is_the_servers_and_a_ws_url_the_endpoints)
{
    check("http://localhost:8000", "localhost:8000", "localhost:8000", "/ws");
    check("http://localhost:8000/", "localhost:8000", "localhost:8000", "/ws");
    check("http://proxy.example/live/", "proxy.example:80", "proxy.example", "/live/ws");
    check("ws://proxy.example/live", "proxy.example:80", "proxy.example", "/live");
    check("WS://Example:81", "Example:81", "Example:81", "/ws");
    check("ws://[::1]:8000/ws", "[::1]:8000", "[::1]:8000", "/ws");
    check("http://[::1]", "[::1]:80", "[::1]", "/ws");
    check("unix:/run/a b.sock", "unix:/run/a b.sock", "localhost", "/ws");
}

TEST(a_url_that_is_none_or_could_break_out_of_the_request_is_refused)
{
    static const char *const bad[] = {"",
                                      "localhost:8000",
                                      "http://",
                                      "http:///ws",
                                      "ftp://a",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://a:",
                                      "http://a:8x",
                                      "http://a:123456",
                                      "http://[::1",
                                      "http://[::1]x",
                                      "http://[]",
                                      "http://user@a",
                                      "http://a/?q",
                                      "http://a/#f",
                                      "ws://a/x y",
                                      "ws://a/x\r\nHost: b",
                                      "ws://a/\x7f",
                                      "unix:",
                                      "http://a\"b"};
    struct client_address address;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_EQ(client_address_read(bad[i], &address), MCP_AUTH_E_INVALID);
}

TEST(a_url_with_tls_is_told_apart_from_a_wrong_one)
{
    struct client_address address;

    CHECK_EQ(client_address_read("wss://a/ws", &address), MCP_AUTH_E_UNSUPPORTED);
    CHECK_EQ(client_address_read("HTTPS://a", &address), MCP_AUTH_E_UNSUPPORTED);
}

TEST(a_url_longer_than_its_limit_is_refused)
{
    char url[CLIENT_URL_SIZE_MAX + 16] = "http://a/";
    struct client_address address;

    memset(url + 9, 'x', sizeof url - 10);
    CHECK_EQ(client_address_read(url, &address), MCP_AUTH_E_INVALID);
    memset(url + 7, 'h', 300); /* a host longer than DNS has */
    url[400] = '\0';
    CHECK_EQ(client_address_read(url, &address), MCP_AUTH_E_INVALID);
}
