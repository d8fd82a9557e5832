/* SPDX-License-Identifier: Apache-2.0 */
/* socket_connect.c: outgoing connections, begun without waiting for their end. */
#include "io/socket_connect.h"

#include <assert.h>
#include <errno.h>
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

int socket_connect(const struct socket_address *address, int *ret_fd)
{
    int fd = socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return error_of(errno);
    if (!socket_address_is_unix(address))
        socket_nodelay(fd);
    /* A signal does not undo what was begun (connect(2)). */
    if (connect(fd, (const struct sockaddr *)&address->storage, address->size) == 0 ||
        errno == EINPROGRESS || errno == EINTR) {
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
