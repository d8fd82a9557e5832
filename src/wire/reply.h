/* SPDX-License-Identifier: Apache-2.0 */
/* reply.h: the frames a session client gets besides events, as JSON (protocol, "Server to session client"). */
#ifndef WIRE_REPLY_H
#define WIRE_REPLY_H

#include "base/strbuf.h"
#include "codec/json.h"
#include "model/codes.h"
#include "model/filter.h"
#include "model/identity.h"
#include "model/position.h"

enum bus_state { BUS_OK, BUS_DEGRADED, BUS_NONE };

struct reply_auth_ok {
    struct bytes connection_id;
    const struct claims *claims;
    const struct position *position;
    bool resumed;
    int64_t heartbeat_interval_ms;
};

/* One of the list of live connections. */
struct reply_connection {
    struct bytes connection_id, kind, address; /* address absent: left out */
    const struct claims *claims;
    int64_t connected_ms;
    size_t backlog_bytes;
};

/* Each appends one JSON object. heartbeat_interval and expires_at: seconds (an integer; expires_at
 * as RFC 3339 text like timestamp). */
void reply_auth_ok(struct strbuf *out, const struct reply_auth_ok *reply);
void reply_heartbeat(struct strbuf *out, const struct position *position, int64_t wall_ms,
                     enum bus_state bus);
/* All types, no resources and LOW when filter is NULL: members event_types, resources (absent when
 * there is no resource filter), min_security_level. */
void reply_subscribed(struct strbuf *out, const struct filter *filter);
void reply_scope_changed(struct strbuf *out, const struct claims *claims);
void reply_pong(struct strbuf *out, const json_t *id);
/* retry_after_ms < 0: left out. */
void reply_error(struct strbuf *out, enum error_code code, struct bytes message,
                 int64_t retry_after_ms);
void reply_connection(struct strbuf *out, const struct reply_connection *reply);
void reply_closing(struct strbuf *out, enum close_reason reason, int64_t retry_after_ms);

#endif
