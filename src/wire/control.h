/* SPDX-License-Identifier: Apache-2.0 */
/* control.h: an administrator's request to withdraw or disconnect, to an entry of the stream. */
#ifndef WIRE_CONTROL_H
#define WIRE_CONTROL_H

#include "wire/event_in.h"

#define CONTROL_BODY_SIZE_MAX 4096u
#define CONTROL_REASON_SIZE_MAX 256u

/* Reads {"user_id"|"token_id","reason"?,"tenant_id"?} of a revocation. For a disconnection the user
 * came by the path, and `body` may be empty. Of `context` neither policy nor redaction is used; the
 * tenant is its own unless it may name any. MCP_AUTH_E_INVALID or _REFUSED (wrong tenant) with
 * *ret_problem, or MCP_AUTH_E_NOMEM. */
MUST_CHECK int control_in(struct event **ret, enum event_control control, struct bytes user,
                          struct bytes body, const struct event_context *context,
                          struct event_problem *ret_problem);

#endif
