/* SPDX-License-Identifier: Apache-2.0 */
/* watch.c: a service that follows revocations, to forget at once what it remembered of a user. */

/* Build:  cc watch.c $(pkg-config --cflags --libs libmcp-auth) -o watch      (C99, or C++17)
 * Run:    MCP_AUTH_TOKEN=... ./watch http://localhost:8000
 * The token must be an administrator's: others see only what is about themselves.
 *
 * Such a service keeps decisions in a cache: "alice may edit". This one shows when to forget them.
 * The client is turned by poll(2), as part of a loop that could have descriptors of its own. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mcp_auth/client.h>

static volatile sig_atomic_t ended;
static mcp_auth_client *client;

static void on_signal(int number)
{
    (void)number;
    ended = 1;
    mcp_auth_client_interrupt(client);
}

static void forget(const char *user, const char *what)
{
    printf("forget %s: %s\n", user ? user : "?", what ? what : "everything");
    fflush(stdout);
}

static void on_event(void *owner, mcp_auth_client *from, const mcp_auth_client_event *event)
{
    const char *user = event->target_user_id ? event->target_user_id : event->user_id;

    (void)owner;
    (void)from;
    if (!event->event_type)
        return;
    if (strcmp(event->event_type, "role_revoked") == 0)
        forget(user, event->role_name);
    else if (strcmp(event->event_type, "permission_revoked") == 0)
        forget(user, event->permission ? event->permission : event->resource);
    else
        forget(user, NULL);
}

/* Something may have been revoked that we were not told of. */
static void on_gap(void *owner, mcp_auth_client *from, int code, const char *position)
{
    (void)owner;
    (void)from;
    printf("forget everybody (%d); live again from %s\n", code, position);
    fflush(stdout);
}

/* A service would ask its identity provider here. */
static int on_token(void *owner, mcp_auth_client *from, enum mcp_auth_client_token_why why)
{
    const char *token = getenv("MCP_AUTH_NEXT_TOKEN");

    (void)owner;
    if (token)
        return mcp_auth_client_set_token(from, token);
    return why == MCP_AUTH_CLIENT_TOKEN_EXPIRES ? 0 : MCP_AUTH_E_EXPIRED;
}

static void on_state(void *owner, mcp_auth_client *from, const mcp_auth_client_status *status)
{
    static const char *const names[] = {"connecting", "live", "waiting", "needs a token",
                                        "stopped"};

    (void)owner;
    (void)from;
    fprintf(stderr, "watch: %s: %s (%d)\n", names[status->state], status->why, status->close_code);
}

int main(int argc, char **argv)
{
    static const char *const types[] = {"role_revoked", "permission_revoked", "user_deleted", NULL};
    mcp_auth_client_options options;
    struct pollfd fd;
    int r;

    if (argc != 2) {
        fprintf(stderr, "Usage: MCP_AUTH_TOKEN=... watch URL\n");
        return 2;
    }
    memset(&options, 0, sizeof options);
    options.size = sizeof options;
    options.url = argv[1];
    options.token = getenv("MCP_AUTH_TOKEN");
    options.event_types = types;
    options.on_event = on_event;
    options.on_gap = on_gap;
    options.on_token = on_token;
    options.on_state = on_state;
    r = mcp_auth_client_open(&client, &options);
    if (r < 0) {
        fprintf(stderr, "watch: %s\n", mcp_auth_strerror(r));
        return 1;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    fd.fd = mcp_auth_client_fd(client);
    fd.events = POLLIN;
    while (r == 0 && !ended) {
        (void)poll(&fd, 1, -1); /* beside the descriptors of the service itself */
        r = mcp_auth_client_run(client, 0);
    }
    if (r < 0)
        fprintf(stderr, "watch: %s\n", mcp_auth_strerror(r));
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    mcp_auth_client_close(client);
    return r < 0;
}
