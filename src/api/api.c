/* SPDX-License-Identifier: Apache-2.0 */
/* api.c: registers the routes: the fixed ones, those of development, and one per page file. */
#include "api/api.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "api/embedded.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/control.h"

/* Those that the address of metrics has as well, and no others. */
static const struct route metrics_routes[] = {
    {"/healthz", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, health_get},
    {"/readyz", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, ready_get},
    {"/metrics", HTTP_GET, ACCESS_LOCAL, 0, ERROR_TOO_LARGE, metrics_get},
};

static const struct route fixed_routes[] = {
    {"/ws", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, NULL},
    {"/v1/events", HTTP_POST, ACCESS_PUBLISHER, BATCH_SIZE_MAX, ERROR_BATCH_TOO_LARGE, publish_post,
     publish_arrives},
    {"/v1/events", HTTP_GET, ACCESS_ADMIN, 0, ERROR_TOO_LARGE, events_get},
    {"/v1/events/stream", HTTP_GET, ACCESS_USER, 0, ERROR_TOO_LARGE, stream_get},
    {"/v1/connections", HTTP_GET, ACCESS_ADMIN, 0, ERROR_TOO_LARGE, connections_get},
    {"/v1/revocations", HTTP_POST, ACCESS_ADMIN, CONTROL_BODY_SIZE_MAX, ERROR_TOO_LARGE,
     revocations_post},
    {"/v1/users/*/disconnect", HTTP_POST, ACCESS_ADMIN, CONTROL_BODY_SIZE_MAX, ERROR_TOO_LARGE,
     disconnect_post},
    {"/v1/stats", HTTP_GET, ACCESS_ADMIN, 0, ERROR_TOO_LARGE, stats_get},
};

static const struct route dev_route = {"/dev/tokens",   HTTP_GET,      ACCESS_LOCAL, 0,
                                       ERROR_TOO_LARGE, dev_tokens_get};

static int asset_route(struct route *ret, const char *name)
{
    /* The page itself is what is at the root. */
    const char *tail = strcmp(name, "index.html") == 0 ? "" : name;
    size_t size = strlen(tail);
    char *path = malloc(size + 2);

    if (!path)
        return MCP_AUTH_E_NOMEM;
    path[0] = '/';
    memcpy(path + 1, tail, size + 1);
    *ret = (struct route){path, HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, asset_get};
    return 0;
}

int api_init(struct api *api, struct node *node, const struct settings *settings,
             const struct net_config *net,
             int (*dev_tokens)(const struct settings *settings, struct strbuf *out))
{
    unsigned fixed = ARRAY_COUNT(metrics_routes) + ARRAY_COUNT(fixed_routes);
    unsigned count = fixed + 1 + embedded_assets_count;

    *api = (struct api){
        .node = node,
        .settings = settings,
        .net = net,
        .dev_tokens = dev_tokens,
        .routes = calloc(count, sizeof *api->routes),
    };
    if (!api->routes)
        return MCP_AUTH_E_NOMEM;
    memcpy(api->routes, metrics_routes, sizeof metrics_routes);
    memcpy(api->routes + ARRAY_COUNT(metrics_routes), fixed_routes, sizeof fixed_routes);
    api->routes_count = fixed;
    api->metrics_routes_count = ARRAY_COUNT(metrics_routes);
    for (unsigned i = 0; i < embedded_assets_count; i++) {
        int r = asset_route(&api->routes[api->routes_count], embedded_assets[i].name);

        if (r < 0) {
            api_done(api);
            return r;
        }
        api->routes_count++;
    }
    if (settings->dev && dev_tokens)
        api->routes[api->routes_count++] = dev_route;
    assert(api->routes_count <= count);
    return 0;
}

void api_done(struct api *api)
{
    for (unsigned i = 0; i < api->routes_count; i++)
        if (api->routes[i].handle == asset_get)
            free((char *)(uintptr_t)api->routes[i].path);
    free(api->routes);
    *api = (struct api){0};
}
