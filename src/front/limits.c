/* SPDX-License-Identifier: Apache-2.0 */
/* limits.c: the settings that a host may change while connections are open. */
#include <stdio.h>

#include "front/front_private.h"
#include "mcp_auth/error.h"

static void read_limits(const struct settings *settings, struct front_limits *ret)
{
    *ret = (struct front_limits){
        .max_connections = settings->max_connections,
        .heartbeat_ms = settings->heartbeat_ms,
        .rate_messages = settings->rate_messages,
        .rate_window_ms = settings->rate_window_ms,
    };
}

static void write_limits(struct settings *settings, const struct front_limits *limits)
{
    settings->max_connections = limits->max_connections;
    settings->heartbeat_ms = limits->heartbeat_ms;
    settings->rate_messages = limits->rate_messages;
    settings->rate_window_ms = limits->rate_window_ms;
}

static int check(const struct front_limits *limits, char *problem, size_t problem_size)
{
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"WEBSOCKET_MAX_CONNECTIONS", limits->max_connections},
        {"WEBSOCKET_HEARTBEAT_INTERVAL", limits->heartbeat_ms},
        {"WEBSOCKET_RATE_LIMIT_MESSAGES", limits->rate_messages},
        {"WEBSOCKET_RATE_LIMIT_WINDOW", limits->rate_window_ms},
    };

    for (unsigned i = 0; i < ARRAY_COUNT(numbers); i++) {
        char range[SETTINGS_RANGE_SIZE];

        if (settings_number_fits(numbers[i].name, numbers[i].value, range))
            continue;
        if (problem && problem_size > 0)
            snprintf(problem, problem_size, "%s must be %s", numbers[i].name, range);
        return MCP_AUTH_E_INVALID;
    }
    return 0;
}

void front_limits(struct front *front, struct front_limits *ret)
{
    pthread_mutex_lock(&front->limits_lock);
    read_limits(&front->settings, ret);
    pthread_mutex_unlock(&front->limits_lock);
}

int front_set_limits(struct front *front, const struct front_limits *limits, char *problem,
                     size_t problem_size)
{
    struct front_limits before;
    int r = check(limits, problem, problem_size);

    if (r < 0)
        return r;
    if (!front_enter(front))
        return MCP_AUTH_E_STOPPING;
    pthread_mutex_lock(&front->limits_lock);
    read_limits(&front->settings, &before);
    write_limits(&front->settings, limits);
    r = key_sets_apply(front->sets);
    if (r < 0)
        write_limits(&front->settings, &before);
    pthread_mutex_unlock(&front->limits_lock);
    front_leave(front);
    return r;
}
