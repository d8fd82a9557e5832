/* SPDX-License-Identifier: Apache-2.0 */
/* observe.h: what the host program may see of its server: events, authority withdrawn, counters. */
#ifndef MCP_AUTH_OBSERVE_H
#define MCP_AUTH_OBSERVE_H

#include <stdint.h>

#include "mcp_auth/server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An event of any tenant on its way to those who may see it. Borrowed until the callback returns. */
typedef struct mcp_auth_observed_event {
    size_t size;
    const char *json; /* the full view with its position, NUL-terminated */
    size_t json_size;
    const char *id, *event_type, *tenant_id, *position; /* tenant_id may be "" */
} mcp_auth_observed_event;

enum mcp_auth_authority_scope {
    MCP_AUTH_AUTHORITY_EVERYTHING,
    MCP_AUTH_AUTHORITY_ROLE,
    MCP_AUTH_AUTHORITY_PERMISSION
};

/* Something was taken away from a user: on every live connection of this instance it is gone, and
 * tokens made up to `not_before_ms` do not bring it back. Borrowed until the callback returns. */
typedef struct mcp_auth_authority_withdrawn {
    size_t size;
    const char *tenant_id, *user_id;
    enum mcp_auth_authority_scope scope;
    const char *name;      /* of the role or permission; "" for everything */
    int64_t not_before_ms; /* Unix time */
    const char *event_id;  /* the event that did it, which is observed next */
} mcp_auth_authority_withdrawn;

/* Each may be NULL. Called in the bus's thread, in the order of the stream: no event goes to anybody
 * while one runs, so it must not wait. It may publish; it must not stop the server. */
typedef struct mcp_auth_observer {
    size_t size; /* sizeof(mcp_auth_observer) */
    void *owner;
    void (*on_event)(void *owner, const mcp_auth_observed_event *event);
    void (*on_authority)(void *owner, const mcp_auth_authority_withdrawn *withdrawn);
} mcp_auth_observer;

/* Before mcp_auth_server_start; the last one counts.
 *
 * Ownership  *observer is copied; its owner must outlive the server.
 * Thread     as all calls of server.h.
 * Errors     MCP_AUTH_E_INVALID (size, or the server was started), MCP_AUTH_E_NOMEM.
 * Source     src/server/observe.c */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_observe(mcp_auth_server *server,
                                                             const mcp_auth_observer *observer);

/* Sums since the start, each read by itself: two of them may be of slightly different moments. */
typedef struct mcp_auth_stats {
    size_t size; /* set it: only so much is written */
    uint64_t active_connections, total_connections;
    uint64_t messages_sent, messages_received;
    uint64_t sign_ins, auth_failures, renewals, resumes, resumes_lost;
    uint64_t events_published, events_duplicate, publish_refused;
    uint64_t effects, scope_changes, fences;
    uint64_t history_events, history_bytes, frame_log_bytes, backlog;
    int64_t started_ms; /* Unix time */
    int degraded;       /* Redis unavailable: this instance goes on alone */
} mcp_auth_stats;

/* Thread     any, from mcp_auth_server_new to mcp_auth_server_free.
 * Errors     MCP_AUTH_E_INVALID (size). */
MCP_AUTH_API MCP_AUTH_MUST_CHECK int mcp_auth_server_stats(const mcp_auth_server *server,
                                                           mcp_auth_stats *ret);

#ifdef __cplusplus
}
#endif
#endif
