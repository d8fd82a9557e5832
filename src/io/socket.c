/* SPDX-License-Identifier: Apache-2.0 */
/* socket.c: listening sockets: opened, probed, read back and removed. */
#include "io/socket.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mcp_auth/error.h"

static int error_of(int system_error)
{
    switch (system_error) {
    case EADDRINUSE:
        return MCP_AUTH_E_IN_USE;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
    case EPROTONOSUPPORT:
        return MCP_AUTH_E_UNSUPPORTED;
    case EACCES:
    case EPERM:
        return MCP_AUTH_E_REFUSED;
    default:
        return MCP_AUTH_E_SYSTEM;
    }
}

/* Closes, and leaves errno to tell what went wrong before. */
static void close_quietly(int fd)
{
    int saved = errno;

    close(fd);
    errno = saved;
}

static int set_flag(int fd, int level, int option)
{
    const int one = 1;

    return setsockopt(fd, level, option, &one, sizeof one) < 0 ? error_of(errno) : 0;
}

void socket_nodelay(int fd)
{
    (void)!set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
}

static const char *unix_path(const struct socket_address *address)
{
    return (const char *)&address->storage + offsetof(struct sockaddr_un, sun_path);
}

/* What is at the path of a Unix socket: 0 when nothing is, 1 for a socket that nobody listens
 * on, MCP_AUTH_E_IN_USE for a live one and for any other kind of file. Two servers that start
 * at the same instant could both call the same file stale, and the later one would win. */
static int unix_probe(const struct socket_address *address)
{
    struct stat found;
    int fd, r;

    if (lstat(unix_path(address), &found) < 0)
        return errno == ENOENT ? 0 : error_of(errno);
    if (!S_ISSOCK(found.st_mode)) {
        errno = EADDRINUSE;
        return MCP_AUTH_E_IN_USE;
    }

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_of(errno);
    r = connect(fd, (const struct sockaddr *)&address->storage, address->size);
    if (r < 0 && errno == ECONNREFUSED)
        r = 1;
    else if (r < 0 && errno == ENOENT)
        r = 0; /* went away in between */
    else
        r = MCP_AUTH_E_IN_USE; /* answered, has a full backlog, or may not be asked by us */
    close(fd);
    if (r < 0)
        errno = EADDRINUSE;
    return r;
}

static int open_inet(const struct socket_address *address, bool reuse_port, int *ret_fd)
{
    int family = address->storage.ss_family, r, fd;

    fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_of(errno);

    /* REUSEADDR lets us in beside old connections of this port, not beside a listener. */
    r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
    if (r == 0 && reuse_port)
        r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
    if (r == 0 && family == AF_INET6)
        r = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (r == 0)
        r = set_flag(fd, IPPROTO_TCP, TCP_NODELAY);
    if (r == 0 && bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0)
        r = error_of(errno);
    if (r < 0) {
        close_quietly(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

static int open_unix(const struct socket_address *address, int *ret_fd)
{
    int fd, r = unix_probe(address);

    if (r < 0)
        return r;
    if (r == 1 && unlink(unix_path(address)) < 0 && errno != ENOENT)
        return error_of(errno);

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_of(errno);
    if (bind(fd, (const struct sockaddr *)&address->storage, address->size) < 0) {
        r = error_of(errno);
        close_quietly(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int socket_listen(const struct socket_address *address, bool reuse_port, int backlog, int *ret_fd)
{
    int fd, r;

    assert(address->size > 0 && backlog > 0);
    if (socket_address_is_unix(address))
        r = open_unix(address, &fd);
    else
        r = open_inet(address, reuse_port, &fd);
    if (r < 0)
        return r;

    /* Two binds of one port may both succeed before either listens; then this one says so. */
    if (listen(fd, backlog) < 0) {
        r = error_of(errno);
        close_quietly(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int socket_port_taken(const struct socket_address *address)
{
    int fd, r;

    if (socket_address_is_unix(address)) {
        r = unix_probe(address);
        return r < 0 ? r : 0;
    }
    /* A listener that would share (SO_REUSEPORT) shares only with those that would as well, so
     * without it the kernel tells. It tells only while something listens, hence so do we. */
    r = socket_listen(address, false, 1, &fd);
    if (r < 0)
        return r;
    close(fd);
    return 0;
}

int socket_local(int fd, struct socket_address *ret)
{
    struct sockaddr_storage storage = {0};
    socklen_t size = sizeof storage;

    if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0)
        return MCP_AUTH_E_SYSTEM;
    return socket_address_set(ret, &storage, size);
}

void socket_remove_file(const struct socket_address *address)
{
    if (socket_address_is_unix(address))
        (void)unlink(unix_path(address));
}
