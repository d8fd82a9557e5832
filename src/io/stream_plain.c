/* SPDX-License-Identifier: Apache-2.0 */
/* stream_plain.c: a stream that is the socket itself. */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/stream.h"
#include "mcp_auth/error.h"

_Static_assert(EAGAIN == EWOULDBLOCK, "on Linux they are one");

static ssize_t plain_result(struct stream *stream, ssize_t r, uint8_t blocked_on)
{
    if (r >= 0)
        return r;
    if (errno != EAGAIN)
        return MCP_AUTH_E_IO;
    stream->blocked_on = blocked_on;
    return STREAM_WOULD_BLOCK;
}

static ssize_t plain_read(struct stream *stream, void *buffer, size_t size)
{
    ssize_t r;

    do
        r = recv(stream->fd, buffer, size, MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    return plain_result(stream, r, EPOLLIN);
}

static ssize_t plain_write(struct stream *stream, const void *data, size_t size)
{
    ssize_t r;

    do
        r = send(stream->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    return plain_result(stream, r, EPOLLOUT);
}

static bool plain_holds(const struct stream *stream)
{
    (void)stream;
    return false;
}

static void plain_finish(struct stream *stream)
{
    (void)shutdown(stream->fd, SHUT_WR); /* a peer that has gone already needs no word */
}

static void plain_close(struct stream *stream)
{
    close(stream->fd);
    stream->fd = -1;
}

const struct stream_kind stream_plain = {
    .read = plain_read,
    .write = plain_write,
    .holds = plain_holds,
    .finish = plain_finish,
    .close = plain_close,
};

void stream_plain_init(struct stream *stream, int fd)
{
    assert(fd >= 0);
    *stream = (struct stream){.kind = STREAM_PLAIN, .fd = fd};
}
