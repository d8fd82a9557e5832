/* SPDX-License-Identifier: Apache-2.0 */
/* host.h: how the host program's own calls reach the node of a running server. */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include "mcp_auth/server.h"
#include "node/node.h"

struct observer;

/* Thread any. True: the server runs, and does not stop before server_leave. */
MUST_CHECK bool server_enter(mcp_auth_server *server);
void server_leave(mcp_auth_server *server);
struct node *server_node(const mcp_auth_server *server);
/* Takes it over, and the one before is freed. MCP_AUTH_E_INVALID once the server was started. */
MUST_CHECK int server_take_observer(mcp_auth_server *server, struct observer *observer);
void observer_free(struct observer *observer); /* NULL is fine */

#endif
