/* SPDX-License-Identifier: Apache-2.0 */
/* server.h: the life of one server: new, start, stop, free. */
#ifndef MCP_AUTH_SERVER_H
#define MCP_AUTH_SERVER_H

#include "mcp_auth/options.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mcp_auth_server mcp_auth_server;

enum mcp_auth_log_level {
    MCP_AUTH_LOG_DEBUG,
    MCP_AUTH_LOG_INFO,
    MCP_AUTH_LOG_WARNING,
    MCP_AUTH_LOG_ERROR
};

/* One finished line of the log, as MCP_AUTH_LOG_FORMAT says, without a line end. Called in a
 * thread of the library that may wait. */
typedef void (*mcp_auth_log_fn)(void *owner, enum mcp_auth_log_level level, const char *line,
                                size_t size);

/* Where the log goes; before mcp_auth_server_start. Standard error when never called. */
MCP_AUTH_API void mcp_auth_log_to(mcp_auth_log_fn write, void *owner);

/* Checks the options, parses the keys, and takes the addresses: a port in use is told here, before
 * anything runs. `options` is copied from.
 *
 * Ownership  *ret is yours: mcp_auth_server_free.
 * Thread     one at a time; server calls are made by one thread of the host.
 * Errors     MCP_AUTH_E_INVALID, _IN_USE, _SYSTEM, _NOMEM, each after telling `problem`. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_new(mcp_auth_server **ret,
                                                         mcp_auth_options *options,
                                                         mcp_auth_problem_fn problem, void *owner);
/* Starts the threads; returns when every listener accepts. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_start(mcp_auth_server *server);
/* A running server is told anew, as on SIGHUP: `options` are read and checked as for a new one, with
 * the key files and the policy file. Either all of it takes place or, when anything is wrong, what
 * was in force stays, and each problem is told and logged. Connections whose tokens were verified
 * by a key that is gone are closed 4102. Settings that need a restart are named in the log. A
 * development server stays one and keeps its throw-away secret.
 *
 * Ownership  `options` is copied from. `problem` may be NULL.
 * Thread     as the other calls, and not beside mcp_auth_server_stop; it does not hold up any
 *            connection.
 * Errors     MCP_AUTH_E_INVALID, _IO, _SYSTEM, _NOMEM: nothing changed; _STOPPING when
 *            it does not run. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_reload(mcp_auth_server *server,
                                                            mcp_auth_options *options,
                                                            mcp_auth_problem_fn problem,
                                                            void *owner);
/* The i-th address it takes clients at ("127.0.0.1:8000", "unix:/path"), or NULL. Borrowed. */
MCP_AUTH_API const char *mcp_auth_server_address(const mcp_auth_server *server, size_t i);
/* The demo tokens of a development server, {"tokens":[{"name","roles","token"}]}; new ones each
 * time. Ownership  *ret is yours: mcp_auth_text_free (token.h).
 * Errors     MCP_AUTH_E_REFUSED when it is not one, MCP_AUTH_E_NOMEM. */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_dev_tokens(const mcp_auth_server *server,
                                                                char **ret);
/* Tells everyone 4200, waits until they are gone, at most `drain_ms`, ends the threads. A second
 * call from another thread or a signal handler's loop with 0 makes the first return at once. */
MCP_AUTH_API void mcp_auth_server_stop(mcp_auth_server *server, int drain_ms);
MCP_AUTH_API void mcp_auth_server_free(mcp_auth_server *server); /* NULL is fine; stops */

#ifdef __cplusplus
}
#endif
#endif
