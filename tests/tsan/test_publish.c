/* SPDX-License-Identifier: Apache-2.0 */
/* test_publish.c: threads of a host publish while others look and the server stops: all is told. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mcp_auth/observe.h"
#include "mcp_auth/publish.h"

#define PUBLISHERS 4
#define EVENTS_EACH 3000 /* a stop comes somewhere in between */

static atomic_uint taken, told, told_well, observed, withdrawn;
static atomic_bool done;

static void on_published(void *owner, const mcp_auth_published *published)
{
    (void)owner;
    atomic_fetch_add(&told, 1);
    if (published->error == 0)
        atomic_fetch_add(&told_well, (unsigned)published->count);
}

static void on_event(void *owner, const mcp_auth_observed_event *event)
{
    (void)owner;
    atomic_fetch_add(&observed, event->json[event->json_size] == '\0');
}

static void on_authority(void *owner, const mcp_auth_authority_withdrawn *what)
{
    (void)owner, (void)what;
    atomic_fetch_add(&withdrawn, 1);
}

static void *publisher(void *argument)
{
    mcp_auth_event event = {
        .size = sizeof event,
        .event_type = "role_revoked",
        .target_user_id = "alice",
        .role_name = "editor",
        .data = "{\"a\":1}",
    };

    for (int i = 0; i < EVENTS_EACH; i++) {
        int r;

        event.event_type = i % 100 ? "role_assigned" : "role_revoked";
        r = mcp_auth_publish(argument, &event, NULL, 0, on_published, NULL);
        if (r == MCP_AUTH_E_STOPPING)
            break;
        if (r == 0)
            atomic_fetch_add(&taken, 1);
        if (i % 50 == 0)
            usleep(500);
    }
    return NULL;
}

static void *looker(void *argument)
{
    mcp_auth_stats stats = {.size = sizeof stats};

    while (!atomic_load(&done))
        if (mcp_auth_server_stats(argument, &stats) < 0 || usleep(200) < 0)
            break;
    return NULL;
}

static void problem(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "%s\n", text);
}

static int start(mcp_auth_server **ret)
{
    const mcp_auth_observer observer = {.size = sizeof observer,
                                        .on_event = on_event,
                                        .on_authority = on_authority};
    mcp_auth_options *options;
    char address[64];
    int r = mcp_auth_options_new(&options);

    if (r < 0)
        return r;
    snprintf(address, sizeof address, "unix:/tmp/mcp-auth-tsan-%d", (int)getpid());
    r = mcp_auth_options_set(options, "MCP_AUTH_LISTEN", address);
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET",
                                 "0123456789abcdef0123456789abcdef0123456789abcdef");
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_WORKERS", "3");
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "warning");
    if (r == 0)
        r = mcp_auth_server_new(ret, options, problem, NULL);
    if (r == 0)
        r = mcp_auth_server_observe(*ret, &observer);
    if (r == 0)
        r = mcp_auth_server_start(*ret);
    mcp_auth_options_free(options);
    return r;
}

int main(void)
{
    mcp_auth_server *server = NULL;
    pthread_t threads[PUBLISHERS], look;
    int r = start(&server);

    if (r < 0) {
        fprintf(stderr, "start: %s\n", mcp_auth_strerror(r));
        return 1;
    }
    pthread_create(&look, NULL, looker, server);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_create(&threads[i], NULL, publisher, server);
    usleep(30000);
    mcp_auth_server_stop(server, 1000);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&done, true);
    pthread_join(look, NULL);
    mcp_auth_server_free(server);
    printf("taken %u, told %u, well %u, observed %u, withdrawn %u\n", taken, told, told_well,
           observed, withdrawn);
    /* Each was told of once, and what was published was observed; repeated fences too. */
    return taken == 0 || taken != told || told_well != observed || withdrawn == 0;
}
