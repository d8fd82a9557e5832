/* SPDX-License-Identifier: Apache-2.0 */
/* publish.h: the host program's own events, published from any of its threads without waiting. */
#ifndef MCP_AUTH_PUBLISH_H
#define MCP_AUTH_PUBLISH_H

#include "mcp_auth/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What happened. Zero the struct, set `size` and what is known; only event_type is required. NULL
 * members are left out. Texts are UTF-8.
 * Source     protocol/PROTOCOL.md, "Event frame". */
typedef struct mcp_auth_event {
    size_t size; /* sizeof(mcp_auth_event) */
    const char *event_type;
    const char *id; /* 1 to 64 of [A-Za-z0-9_.:-]; NULL: the library makes one */
    const char *message, *security_level;
    const char *user_id, *user_name, *target_user_id;
    const char *resource, *resource_id, *action, *role_name, *permission;
    const char *tenant_id; /* the host program may name any; NULL: the tenant "" */
    const char *data;      /* a JSON object, or NULL */
} mcp_auth_event;

/* One event that was accepted. */
typedef struct mcp_auth_published_event {
    const char *id, *position;
    /* It had been published before: `position` is that of then. `position` is "" where `degraded`
     * is told: there is none yet. */
    int duplicate;
} mcp_auth_published_event;

/* How a publication ended. All is borrowed until the callback returns. */
typedef struct mcp_auth_published {
    size_t size;
    /* 0; MCP_AUTH_E_CONFLICT (an id that was used for another event), MCP_AUTH_E_FULL (too much is
     * waiting: later), MCP_AUTH_E_STOPPING. Unless 0, nothing was published. */
    int error;
    size_t failed_index; /* CONFLICT: which event of the batch */
    size_t count;        /* 0 unless error is 0 */
    const mcp_auth_published_event *events;
    /* Redis did not answer in time: this instance has delivered them alone, and sends them when it
     * can. */
    int degraded;
} mcp_auth_published;

/* Called once for each publication that was taken in, when it is on its way to every connection
 * and what it takes away is gone; in a worker's thread, which serves nobody until it returns: it
 * must not wait. It may publish; it must not stop the server. */
typedef void (*mcp_auth_published_fn)(void *owner, const mcp_auth_published *published);

/* Publishes one event. It takes the same road as one that came by POST /v1/events: checked,
 * stamped, redacted, enforced, then announced.
 *
 * Ownership  copies what it needs; the caller may reuse everything at once.
 * Thread     any, while the server runs. Never waits.
 * Errors     MCP_AUTH_E_INVALID (and if `problem` is not NULL, why, for people, at most
 *            problem_size bytes with the NUL), MCP_AUTH_E_TOO_BIG, MCP_AUTH_E_STOPPING (not started,
 *            or stopping), MCP_AUTH_E_NOMEM. On error nothing was published and `done` is not
 *            called. `done` may be NULL: then nobody is told of what goes wrong later.
 * Source     src/server/publish.c */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_publish(mcp_auth_server *server,
                                                      const mcp_auth_event *event, char *problem,
                                                      size_t problem_size,
                                                      mcp_auth_published_fn done, void *owner);

/* The same for JSON as POST /v1/events takes it: one object, or an array of up to 1,000, which is
 * checked whole before any is published.
 * Source     protocol/publish.schema.json */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_publish_json(mcp_auth_server *server,
                                                           const char *json, size_t json_size,
                                                           char *problem, size_t problem_size,
                                                           mcp_auth_published_fn done, void *owner);

#ifdef __cplusplus
}
#endif
#endif
