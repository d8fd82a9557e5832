/* SPDX-License-Identifier: Apache-2.0 */
/* publish.c: publishing by the host program, while its server runs. */
#include "mcp_auth/publish.h"

#include <assert.h>

#include "server/host.h"
#include "server/host_publish.h"

/* The server is held while it publishes. */
int mcp_auth_publish(mcp_auth_server *server, const mcp_auth_event *event, char *problem,
                     size_t problem_size, mcp_auth_published_fn done, void *owner)
{
    int r;

    assert(server && event);
    if (!server_enter(server))
        return MCP_AUTH_E_STOPPING;
    r = host_publish(server_node(server), event, problem, problem_size, done, owner);
    server_leave(server);
    return r;
}

int mcp_auth_publish_json(mcp_auth_server *server, const char *json, size_t json_size,
                          char *problem, size_t problem_size, mcp_auth_published_fn done,
                          void *owner)
{
    struct bytes text = {json ? json : "", json_size};
    int r;

    assert(server && (json || json_size == 0));
    if (!server_enter(server))
        return MCP_AUTH_E_STOPPING;
    r = host_publish_json(server_node(server), text, problem, problem_size, done, owner);
    server_leave(server);
    return r;
}
