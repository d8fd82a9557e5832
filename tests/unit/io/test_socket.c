/* SPDX-License-Identifier: Apache-2.0 */
/* test_socket.c: a port that is taken, missing or stale is told apart from one that is free. */
#include "io/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mcp_auth/error.h"
#include "unit.h"

static struct socket_address one(const char *text)
{
    struct socket_address ret[SOCKET_ADDRESSES_MAX];

    assert_true(socket_parse(bytes_of(text), ret) >= 1);
    return ret[0];
}

static struct socket_address unix_address(const char *name)
{
    char text[SOCKET_TEXT_SIZE];

    snprintf(text, sizeof text, "unix:/tmp/unit-socket-%ld-%s", (long)getpid(), name);
    return one(text);
}

static const char *path_of(const struct socket_address *address)
{
    return address->text + strlen("unix:");
}

static int flag(int fd, int level, int option)
{
    int value = -1;
    socklen_t size = sizeof value;

    CHECK_EQ(getsockopt(fd, level, option, &value, &size), 0);
    return value;
}

static int connected_to(const struct socket_address *address)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(connect(fd, (const struct sockaddr *)&address->storage, address->size), 0);
    return fd;
}

TEST(port_0_gives_a_real_port_that_can_be_read_back)
{
    struct socket_address address = one("127.0.0.1:0"), real;
    int fd, client, server;

    CHECK_EQ(socket_port_taken(&address), 0);
    CHECK_EQ(socket_listen(&address, true, 16, &fd), 0);
    CHECK_EQ(socket_local(fd, &real), 0);
    CHECK(socket_address_port(&real) > 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);

    client = connected_to(&real);
    server = accept(fd, NULL, NULL);
    CHECK(server >= 0);
    CHECK(flag(server, IPPROTO_TCP, TCP_NODELAY)); /* inherited: no call per connection */
    CHECK(!flag(client, IPPROTO_TCP, TCP_NODELAY));
    socket_nodelay(client);
    CHECK(flag(client, IPPROTO_TCP, TCP_NODELAY));
    close(client);
    close(server);
    close(fd);
}

TEST(a_port_somebody_shares_is_taken_although_we_could_share_it)
{
    struct socket_address address = one("127.0.0.1:0"), all = one("0.0.0.0:0");
    int first, second, fd;

    CHECK_EQ(socket_listen(&address, true, 16, &first), 0);
    CHECK_EQ(socket_local(first, &address), 0);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_IN_USE);
    CHECK_EQ(socket_listen(&address, false, 16, &fd), MCP_AUTH_E_IN_USE);
    CHECK_EQ(errno, EADDRINUSE);
    socket_address_set_port(&all, socket_address_port(&address));
    CHECK_EQ(socket_port_taken(&all), MCP_AUTH_E_IN_USE);
    CHECK_EQ(socket_listen(&address, true, 16, &second), 0); /* the workers of one server */
    close(first);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_IN_USE);
    close(second);
    CHECK_EQ(socket_port_taken(&address), 0);
    CHECK_EQ(socket_port_taken(&address), 0); /* asking leaves nothing behind */
}

TEST(a_port_with_old_connections_only_is_free)
{
    struct socket_address address = one("127.0.0.1:0");
    int fd, client, server;

    CHECK_EQ(socket_listen(&address, true, 16, &fd), 0);
    CHECK_EQ(socket_local(fd, &address), 0);
    client = connected_to(&address);
    server = accept(fd, NULL, NULL);
    CHECK(server >= 0);
    close(fd);
    CHECK_EQ(socket_port_taken(&address), 0); /* while they are open */
    close(server);
    close(client);
    CHECK_EQ(socket_port_taken(&address), 0); /* and in TIME_WAIT */
}

TEST(localhost_is_two_sockets_of_one_port_or_one_without_ipv6)
{
    struct socket_address both[SOCKET_ADDRESSES_MAX], real;
    int fds[2], r;

    CHECK_EQ(socket_parse(BYTES("localhost:0"), both), 2);
    CHECK_EQ(socket_listen(&both[0], true, 16, &fds[0]), 0);
    CHECK_EQ(socket_local(fds[0], &real), 0);
    socket_address_set_port(&both[1], socket_address_port(&real));
    r = socket_listen(&both[1], true, 16, &fds[1]);
    if (r == 0) {
        CHECK(flag(fds[1], IPPROTO_IPV6, IPV6_V6ONLY));
        close(fds[1]);
    } else {
        CHECK_EQ(r, MCP_AUTH_E_UNSUPPORTED);
    }
    close(fds[0]);
}

TEST(an_address_this_machine_does_not_have_is_unsupported)
{
    struct socket_address address = one("192.0.2.1:0"); /* TEST-NET-1 (RFC 5737) */
    int fd = -7;

    CHECK_EQ(socket_listen(&address, true, 16, &fd), MCP_AUTH_E_UNSUPPORTED);
    CHECK_EQ(fd, -7);
    CHECK_EQ(errno, EADDRNOTAVAIL);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_UNSUPPORTED);
}

TEST(a_unix_socket_lives_until_its_server_ends_and_is_replaced_then)
{
    struct socket_address address = unix_address("life"), real;
    int fd, again, client;

    CHECK_EQ(socket_port_taken(&address), 0);
    CHECK_EQ(socket_listen(&address, true, 16, &fd), 0);
    CHECK_EQ(socket_local(fd, &real), 0);
    assert_string_equal(real.text, address.text);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_IN_USE);
    CHECK_EQ(socket_listen(&address, true, 16, &again), MCP_AUTH_E_IN_USE);

    close(fd); /* as after a crash: the file stays */
    CHECK_EQ(access(path_of(&address), F_OK), 0);
    CHECK_EQ(socket_port_taken(&address), 0);
    CHECK_EQ(access(path_of(&address), F_OK), 0); /* asking removes nothing */
    CHECK_EQ(socket_listen(&address, false, 16, &again), 0);
    client = connected_to(&address);
    close(client);
    close(again);
    socket_remove_file(&address);
    CHECK_EQ(access(path_of(&address), F_OK), -1);
    socket_remove_file(&address);
}

TEST(a_unix_socket_with_a_full_backlog_is_alive)
{
    struct socket_address address = unix_address("full");
    int fd, again, clients[8], count = 0;

    CHECK_EQ(socket_listen(&address, false, 1, &fd), 0);
    for (; count < 8; count++) {
        int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

        clients[count] = client;
        if (connect(client, (const struct sockaddr *)&address.storage, address.size) < 0)
            break;
    }
    CHECK(count < 8);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_IN_USE);
    CHECK_EQ(socket_listen(&address, false, 1, &again), MCP_AUTH_E_IN_USE);
    for (int i = 0; i <= count; i++)
        close(clients[i]);
    close(fd);
    socket_remove_file(&address);
}

TEST(a_file_that_is_no_socket_is_never_removed)
{
    struct socket_address address = unix_address("file");
    int fd, file = open(path_of(&address), O_CREAT | O_WRONLY, 0600);
    struct stat found;

    CHECK(file >= 0);
    CHECK_EQ(socket_port_taken(&address), MCP_AUTH_E_IN_USE);
    CHECK_EQ(socket_listen(&address, false, 16, &fd), MCP_AUTH_E_IN_USE);
    CHECK_EQ(stat(path_of(&address), &found), 0);
    CHECK(S_ISREG(found.st_mode));
    close(file);
    CHECK_EQ(unlink(path_of(&address)), 0);
}

TEST(a_unix_socket_in_no_folder_is_a_system_error)
{
    struct socket_address address = one("unix:/nowhere-at-all/x.sock");
    int fd;

    CHECK_EQ(socket_listen(&address, false, 16, &fd), MCP_AUTH_E_SYSTEM);
    CHECK_EQ(errno, ENOENT);
}
