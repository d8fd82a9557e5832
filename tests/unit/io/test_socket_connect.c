/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket_connect.c: an outgoing connection is begun at once, and its end is told apart. */
#include "io/socket_connect.h"

#include <poll.h>
#include <unistd.h>

#include "io/socket.h"
#include "mcp_auth/error.h"
#include "unit.h"

static int connect_and_wait(const struct socket_address *address)
{
    struct pollfd fd = {.events = POLLOUT};
    int r = socket_connect(address, &fd.fd);

    if (r < 0)
        return r;
    CHECK_EQ(poll(&fd, 1, 2000), 1);
    r = socket_connect_result(fd.fd);
    close(fd.fd);
    return r;
}

TEST(a_connection_to_a_listener_is_made_and_to_nobody_refused)
{
    struct socket_address addresses[SOCKET_ADDRESSES_MAX], bound;
    int fd;

    CHECK_EQ(socket_parse(BYTES("127.0.0.1:0"), addresses), 1);
    CHECK_EQ(socket_listen(&addresses[0], false, 4, &fd), 0);
    CHECK_EQ(socket_local(fd, &bound), 0);
    CHECK_EQ(connect_and_wait(&bound), 0);
    close(fd);
    CHECK_EQ(connect_and_wait(&bound), MCP_AUTH_E_REFUSED);
}

TEST(a_unix_socket_that_is_not_there_refuses)
{
    struct socket_address addresses[SOCKET_ADDRESSES_MAX];
    int fd;

    CHECK_EQ(socket_parse(BYTES("unix:/tmp/mcp-auth-unit-connect"), addresses), 1);
    CHECK_EQ(connect_and_wait(&addresses[0]), MCP_AUTH_E_REFUSED);
    CHECK_EQ(socket_listen(&addresses[0], false, 4, &fd), 0);
    CHECK_EQ(connect_and_wait(&addresses[0]), 0);
    close(fd);
    socket_remove_file(&addresses[0]);
}

TEST(a_connection_comes_from_the_source_that_was_asked_for)
{
    struct socket_address addresses[SOCKET_ADDRESSES_MAX], source[SOCKET_ADDRESSES_MAX], bound;
    struct socket_address seen;
    int fd, client;

    CHECK_EQ(socket_parse(BYTES("127.0.0.1:0"), addresses), 1);
    CHECK_EQ(socket_parse(BYTES("127.0.0.3:0"), source), 1);
    CHECK_EQ(socket_listen(&addresses[0], false, 4, &fd), 0);
    CHECK_EQ(socket_local(fd, &bound), 0);
    CHECK_EQ(socket_connect_from(&bound, &source[0], &client), 0);
    CHECK_EQ(socket_local(client, &seen), 0);
    CHECK_EQ(strncmp(seen.text, "127.0.0.3:", 10), 0);
    CHECK(socket_address_port(&seen) != 0);
    close(client);
    CHECK_EQ(socket_parse(BYTES("192.0.2.1:0"), source), 1); /* no address of this machine's */
    CHECK_EQ(socket_connect_from(&bound, &source[0], &client), MCP_AUTH_E_SYSTEM);
    close(fd);
}
