/* SPDX-License-Identifier: Apache-2.0 */
/* listen.c: opens the listening sockets, and says in words for the operator why it could not. */
#include "server/listen.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/socket.h"
#include "mcp_auth/error.h"

/* What may wait to be accepted; the kernel cuts it to net.core.somaxconn. */
#define LISTEN_BACKLOG 4096

static int tell(int error, const char *address, settings_problem problem, void *owner)
{
    const char *words = strerrordesc_np(errno);
    char text[512];

    switch (error) {
    case MCP_AUTH_E_IN_USE:
        words = "another program listens there already, perhaps another mcp-auth; stop it, or "
                "choose another address";
        break;
    case MCP_AUTH_E_UNSUPPORTED:
        words = "this machine has no such address";
        break;
    case MCP_AUTH_E_REFUSED:
        words = "not permitted; ports below 1024 need the right to them";
        break;
    case MCP_AUTH_E_INVALID:
        words = "in development the server listens on loopback only";
        break;
    default:
        break;
    }
    (void)snprintf(text, sizeof text, "MCP_AUTH_LISTEN %s: %s", address, words ? words : "failed");
    problem(owner, text);
    return error;
}

/* Gives a descriptor to a worker, or closes it. */
static int hand_over(struct worker *worker, int fd)
{
    int r = worker_listen(worker, fd);

    if (r < 0)
        close(fd);
    return r;
}

/* The socket for one more worker. A Unix socket cannot be opened twice: all watch one. */
static int open_another(const struct socket_address *address, int first, int *ret_fd)
{
    int fd;

    if (!socket_address_is_unix(address))
        return socket_listen(address, true, LISTEN_BACKLOG, ret_fd);
    fd = fcntl(first, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return MCP_AUTH_E_SYSTEM;
    *ret_fd = fd;
    return 0;
}

/* `address` gets its real port. */
static int open_one(struct socket_address *address, struct worker *const *workers,
                    unsigned workers_count)
{
    int first, r;

    /* With SO_REUSEPORT the kernel would share the port with an earlier server in silence. */
    r = socket_port_taken(address);
    if (r < 0)
        return r;
    r = socket_listen(address, true, LISTEN_BACKLOG, &first);
    if (r < 0)
        return r;
    if (!socket_address_is_unix(address))
        r = socket_local(first, address);
    if (r < 0) {
        close(first);
        return r;
    }
    for (unsigned i = 1; i < workers_count && r >= 0; i++) {
        int fd;

        r = open_another(address, first, &fd);
        if (r >= 0)
            r = hand_over(workers[i], fd);
    }
    if (r < 0) {
        close(first);
        return r;
    }
    return hand_over(workers[0], first);
}

static int open_text(struct listen *listen, const struct settings *settings, struct bytes text,
                     struct worker *const *workers, unsigned workers_count,
                     settings_problem problem, void *owner)
{
    struct socket_address parsed[SOCKET_ADDRESSES_MAX];
    int count = socket_parse(text, parsed);

    if (count < 0)
        return tell(MCP_AUTH_E_UNSUPPORTED, text.data, problem, owner);
    for (int i = 0; i < count; i++) {
        int r;

        if (settings->dev && !socket_is_loopback(&parsed[i].storage, parsed[i].size))
            return tell(MCP_AUTH_E_INVALID, parsed[i].text, problem, owner);
        if (i > 0 && socket_address_port(&parsed[i]) == 0)
            socket_address_set_port(&parsed[i],
                                    socket_address_port(&listen->addresses[listen->count - 1]));
        r = open_one(&parsed[i], workers, workers_count);
        if (r == MCP_AUTH_E_UNSUPPORTED && i > 0)
            continue; /* localhost on a machine without IPv6 */
        if (r < 0)
            return tell(r, parsed[i].text, problem, owner);
        listen->addresses[listen->count++] = parsed[i];
    }
    return 0;
}

int listen_open(struct listen *listen, const struct settings *settings,
                struct worker *const *workers, unsigned workers_count, settings_problem problem,
                void *owner)
{
    assert(!listen->addresses && workers_count > 0);
    if (settings->listen.count > NET_LISTENERS_MAX / SOCKET_ADDRESSES_MAX) {
        problem(owner, "MCP_AUTH_LISTEN: at most 16 addresses");
        return MCP_AUTH_E_INVALID;
    }
    listen->addresses =
        calloc(settings->listen.count * SOCKET_ADDRESSES_MAX + 1, sizeof *listen->addresses);
    if (!listen->addresses)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < settings->listen.count; i++) {
        int r = open_text(listen, settings, settings->listen.items[i], workers, workers_count,
                          problem, owner);

        if (r < 0)
            return r;
    }
    return 0;
}

void listen_done(struct listen *listen)
{
    for (unsigned i = 0; i < listen->count; i++)
        socket_remove_file(&listen->addresses[i]);
    free(listen->addresses);
    *listen = (struct listen){0};
}
