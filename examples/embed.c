/* SPDX-License-Identifier: Apache-2.0 */
/* embed.c: a host program that serves, publishes its own events and watches what they take away. */

/* Build:  cc embed.c $(pkg-config --cflags --libs libmcp-auth) -o embed      (C99, or C++17)
 * Run:    ./embed 127.0.0.1:8000
 * Then:   one event a line on standard input, EVENT_TYPE USER [ROLE], as in
 *             role_assigned alice editor
 *         The end of the input ends the program. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <mcp_auth/observe.h>
#include <mcp_auth/options.h>
#include <mcp_auth/publish.h>
#include <mcp_auth/server.h>
#include <mcp_auth/token.h>

static void say_problem(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "embed: %s\n", text);
}

/* In a thread of the library, which must not be kept waiting; a line of output is little enough
 * for an example. */
static void published(void *owner, const mcp_auth_published *outcome)
{
    size_t i;

    (void)owner;
    if (outcome->error)
        printf("failed: %s\n", mcp_auth_strerror(outcome->error));
    for (i = 0; i < outcome->count; i++)
        printf("published %s at %s\n", outcome->events[i].id,
               outcome->degraded ? "no position yet: Redis unavailable"
                                 : outcome->events[i].position);
    fflush(stdout);
}

static void on_event(void *owner, const mcp_auth_observed_event *event)
{
    (void)owner;
    printf("observed %s %s\n", event->event_type, event->id);
    fflush(stdout);
}

static void on_authority(void *owner, const mcp_auth_authority_withdrawn *withdrawn)
{
    (void)owner;
    printf("withdrawn from %s: %s\n", withdrawn->user_id,
           withdrawn->scope == MCP_AUTH_AUTHORITY_EVERYTHING ? "everything" : withdrawn->name);
    fflush(stdout);
}

static int print_token(mcp_auth_options *options, const char *user, const char *role)
{
    const char *roles[2];
    mcp_auth_token_claims claims;
    char *token;
    int r;

    roles[0] = role;
    roles[1] = NULL;
    memset(&claims, 0, sizeof claims);
    claims.size = sizeof claims;
    claims.user = user;
    claims.roles = roles;
    claims.issued_at = (int64_t)time(NULL) - 60;
    claims.expires_at = claims.issued_at + 3600;
    r = mcp_auth_token_mint(options, &claims, &token);
    if (r < 0)
        return r;
    printf("token %s %s\n", user, token);
    mcp_auth_text_free(token);
    return 0;
}

/* "role_assigned alice editor" */
static void publish_line(mcp_auth_server *server, char *line)
{
    char problem[200] = "", *rest = NULL;
    mcp_auth_event event;
    int r;

    memset(&event, 0, sizeof event);
    event.size = sizeof event;
    event.event_type = strtok_r(line, " \n", &rest);
    event.target_user_id = strtok_r(NULL, " \n", &rest);
    event.role_name = strtok_r(NULL, " \n", &rest);
    event.data = "{\"by\":\"embed\"}";
    if (!event.event_type)
        return;
    r = mcp_auth_publish(server, &event, problem, sizeof problem, published, NULL);
    if (r < 0)
        fprintf(stderr, "embed: %s: %s\n", mcp_auth_strerror(r), problem);
}

static int serve(mcp_auth_options *options)
{
    mcp_auth_server *server = NULL;
    mcp_auth_observer observer;
    mcp_auth_stats stats;
    char line[1024];
    int r;

    r = mcp_auth_server_new(&server, options, say_problem, NULL);
    if (r < 0)
        return r;
    memset(&observer, 0, sizeof observer);
    observer.size = sizeof observer;
    observer.on_event = on_event;
    observer.on_authority = on_authority;
    r = mcp_auth_server_observe(server, &observer);
    if (r == 0)
        r = mcp_auth_server_start(server);
    if (r == 0)
        r = print_token(options, "alice", "editor");
    if (r == 0)
        r = print_token(options, "root", "admin");
    if (r == 0) {
        printf("listening %s\n", mcp_auth_server_address(server, 0));
        fflush(stdout);
        while (fgets(line, sizeof line, stdin))
            publish_line(server, line);
        mcp_auth_server_stop(server, 2000);
        memset(&stats, 0, sizeof stats);
        stats.size = sizeof stats;
        if (mcp_auth_server_stats(server, &stats) == 0)
            printf("published %llu events in all\n", (unsigned long long)stats.events_published);
    }
    mcp_auth_server_free(server);
    return r;
}

int main(int argc, char **argv)
{
    mcp_auth_options *options;
    int r;

    if (argc != 2) {
        fprintf(stderr, "Usage: embed ADDRESS:PORT\n");
        return 2;
    }
    r = mcp_auth_options_new(&options);
    if (r < 0)
        return 1;
    r = mcp_auth_options_set(options, "MCP_AUTH_LISTEN", argv[1]);
    if (r == 0) /* your own, of course, and not in the source */
        r = mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET",
                                 "only-for-this-example-0123456789abcdef0123456789abcdef");
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "warning");
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_WORKERS", "2");
    if (r == 0)
        r = serve(options);
    mcp_auth_options_free(options);
    if (r < 0)
        fprintf(stderr, "embed: %s\n", mcp_auth_strerror(r));
    return r < 0;
}
