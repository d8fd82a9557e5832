/* SPDX-License-Identifier: Apache-2.0 */
/* descriptors.c: raises the soft limit of open files to what the settings promise. */
#include "server/descriptors.h"

#include <errno.h>
#include <stdio.h>
#include <sys/resource.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

/* Besides signed-in connections: 256 for those that are not and for HTTP requests, below which
 * signing in and publishing would stall; 64 for the host's own files; and for each worker its
 * epoll, its bell and its listeners. */
#define OTHERS 320u
#define PER_WORKER 8u

int descriptors_raise(const struct settings *settings, settings_problem problem, void *owner)
{
    const unsigned long long need =
        (unsigned long long)settings->max_connections + OTHERS + PER_WORKER * settings->workers +
        (settings->metrics_listen.count > 0 ? METRICS_CONNECTIONS_MAX : 0);
    const unsigned long long wish = need + UNAUTHENTICATED_MAX;
    struct rlimit limit;
    char text[320];

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        problem(owner, "the limit of open files could not be read");
        return MCP_AUTH_E_SYSTEM;
    }
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < need) {
        (void)snprintf(text, sizeof text,
                       "WEBSOCKET_MAX_CONNECTIONS=%u needs %llu open files, and the hard limit is "
                       "%llu: raise it (ulimit -Hn %llu, or LimitNOFILE=%llu for systemd), or "
                       "lower WEBSOCKET_MAX_CONNECTIONS",
                       settings->max_connections, need, (unsigned long long)limit.rlim_max, need,
                       need);
        problem(owner, text);
        return MCP_AUTH_E_SYSTEM;
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wish)
        return 0;
    limit.rlim_cur =
        limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wish ? limit.rlim_max : (rlim_t)wish;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        (void)snprintf(text, sizeof text,
                       "WEBSOCKET_MAX_CONNECTIONS=%u needs %llu open files, and the limit could "
                       "not be raised: %s",
                       settings->max_connections, need, strerrordesc_np(errno));
        problem(owner, text);
        return MCP_AUTH_E_SYSTEM;
    }
    return 0;
}
