/* SPDX-License-Identifier: Apache-2.0 */
/* socket_connect.c: outgoing connections, begun without waiting for their end. */
#include "io/socket_connect.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "io/socket.h"
#include "mcp_auth/error.h"

static int error_of(int number)
{
    errno = number;
    switch (number) {
    case ECONNREFUSED:
    case ENOENT: /* the file of a Unix socket */
        return MCP_AUTH_E_REFUSED;
    case EAGAIN:
        return MCP_AUTH_E_IN_USE;
    case EAFNOSUPPORT:
        return MCP_AUTH_E_UNSUPPORTED;
    default:
        return MCP_AUTH_E_SYSTEM;
    }
}

/* The port is chosen at connect, and so may be one that is in use towards another server: else one
 * source address had 28,000 connections in all, and not with each server. */
static int bind_to(int fd, const struct socket_address *source)
{
    const int on = 1;

    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) < 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&source->storage, source->size);
}

int socket_connect(const struct socket_address *address, int *ret_fd)
{
    return socket_connect_from(address, NULL, ret_fd);
}

int socket_connect_from(const struct socket_address *address, const struct socket_address *source,
                        int *ret_fd)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return error_of(errno);
    if (!socket_address_is_unix(address))
        socket_nodelay(fd);
    /* A signal does not undo what was begun (connect(2)). */
    if ((!source || bind_to(fd, source) == 0) &&
        (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0 ||
         errno == EINPROGRESS || errno == EINTR)) {
        *ret_fd = fd;
        return 0;
    }
    error = errno;
    close(fd);
    return error_of(error);
}

int socket_connect_result(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    assert(fd >= 0);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    return error ? error_of(error) : 0;
}
