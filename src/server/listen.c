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

/* Addresses as they are written, which may be two each. */
#define TEXTS_MAX 16u
#define METRICS_TEXTS_MAX 4u
_Static_assert((TEXTS_MAX + METRICS_TEXTS_MAX) * SOCKET_ADDRESSES_MAX <= NET_LISTENERS_MAX,
               "the first worker has both kinds");

/* One setting, and who listens there. */
struct opening {
    const char *name;
    const struct text_list *texts;
    unsigned texts_max;
    enum net_door door;
    bool dev; /* loopback only */
    struct worker *const *workers;
    unsigned workers_count;
    settings_problem problem;
    void *owner;
};

static int tell(const struct opening *opening, int error, const char *address)
{
    const char *words = strerrordesc_np(errno);
    char text[512];

    switch (error) {
    case MCP_AUTH_E_IN_USE:
        words = opening->door == NET_DOOR_METRICS
                    ? "MCP_AUTH_LISTEN is there already, or another program, perhaps another "
                      "mcp-auth; choose another address"
                    : "another program listens there already, perhaps another mcp-auth; stop it, "
                      "or choose another address";
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
    (void)snprintf(text, sizeof text, "%s %s: %s", opening->name, address,
                   words ? words : "failed");
    opening->problem(opening->owner, text);
    return error;
}

/* Gives a descriptor to a worker, or closes it. */
static int hand_over(struct worker *worker, int fd, enum net_door door)
{
    int r = worker_listen(worker, fd, door);

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
static int open_one(const struct opening *opening, struct socket_address *address)
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
    for (unsigned i = 1; i < opening->workers_count && r >= 0; i++) {
        int fd;

        r = open_another(address, first, &fd);
        if (r >= 0)
            r = hand_over(opening->workers[i], fd, opening->door);
    }
    if (r < 0) {
        close(first);
        return r;
    }
    return hand_over(opening->workers[0], first, opening->door);
}

static int open_text(const struct opening *opening, struct listen *listen, struct bytes text)
{
    struct socket_address parsed[SOCKET_ADDRESSES_MAX];
    int count = socket_parse(text, parsed);

    if (count < 0)
        return tell(opening, MCP_AUTH_E_UNSUPPORTED, text.data);
    for (int i = 0; i < count; i++) {
        int r;

        if (opening->dev && !socket_is_loopback(&parsed[i].storage, parsed[i].size))
            return tell(opening, MCP_AUTH_E_INVALID, parsed[i].text);
        if (i > 0 && socket_address_port(&parsed[i]) == 0)
            socket_address_set_port(&parsed[i],
                                    socket_address_port(&listen->addresses[listen->count - 1]));
        r = open_one(opening, &parsed[i]);
        if (r == MCP_AUTH_E_UNSUPPORTED && i > 0)
            continue; /* localhost on a machine without IPv6 */
        if (r < 0)
            return tell(opening, r, parsed[i].text);
        listen->addresses[listen->count++] = parsed[i];
    }
    return 0;
}

static int open_all(const struct opening *opening, struct listen *listen)
{
    assert(!listen->addresses && opening->workers_count > 0);
    if (opening->texts->count > opening->texts_max) {
        char text[128];

        (void)snprintf(text, sizeof text, "%s: at most %u addresses", opening->name,
                       opening->texts_max);
        opening->problem(opening->owner, text);
        return MCP_AUTH_E_INVALID;
    }
    listen->addresses =
        calloc(opening->texts->count * SOCKET_ADDRESSES_MAX + 1, sizeof *listen->addresses);
    if (!listen->addresses)
        return MCP_AUTH_E_NOMEM;
    for (unsigned i = 0; i < opening->texts->count; i++) {
        int r = open_text(opening, listen, opening->texts->items[i]);

        if (r < 0)
            return r;
    }
    return 0;
}

int listen_open(struct listen *listen, const struct settings *settings,
                struct worker *const *workers, unsigned workers_count, settings_problem problem,
                void *owner)
{
    return open_all(&(struct opening){.name = "MCP_AUTH_LISTEN",
                                      .texts = &settings->listen,
                                      .texts_max = TEXTS_MAX,
                                      .door = NET_DOOR_CLIENTS,
                                      .dev = settings->dev,
                                      .workers = workers,
                                      .workers_count = workers_count,
                                      .problem = problem,
                                      .owner = owner},
                    listen);
}

int listen_open_metrics(struct listen *listen, const struct settings *settings,
                        struct worker *worker, settings_problem problem, void *owner)
{
    return open_all(&(struct opening){.name = "MCP_AUTH_METRICS_LISTEN",
                                      .texts = &settings->metrics_listen,
                                      .texts_max = METRICS_TEXTS_MAX,
                                      .door = NET_DOOR_METRICS,
                                      .dev = settings->dev,
                                      .workers = &worker,
                                      .workers_count = 1,
                                      .problem = problem,
                                      .owner = owner},
                    listen);
}

void listen_done(struct listen *listen)
{
    for (unsigned i = 0; i < listen->count; i++)
        socket_remove_file(&listen->addresses[i]);
    free(listen->addresses);
    *listen = (struct listen){0};
}
