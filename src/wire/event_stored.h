/* SPDX-License-Identifier: Apache-2.0 */
/* event_stored.h: an event to the fields under which a stream keeps it, and back. */
#ifndef WIRE_EVENT_STORED_H
#define WIRE_EVENT_STORED_H

#include "model/event.h"
#include "model/stored_fields.h"

/* The texts of *ret are borrowed from the event; those that it lacks are absent. Not for an entry
 * that could not be read. */
void event_stored_out(const struct event *event, struct stored_fields *ret);

/* The event, or the control entry, that another instance stored. Its json is kept as it is, members
 * that are not known here too, and its time is that of its timestamp; who sees it and what it takes
 * away is this instance's policy. `user` and `target` are for others: they are not looked at.
 * MCP_AUTH_E_INVALID, of whatever the bytes are, or MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_stored_in(struct event **ret, const struct stored_fields *stored,
                               const struct policy *policy);

/* What stands in the place of an entry that event_stored_in refuses, so that the numbers stay
 * without holes: a newer version's, say. Nobody is shown it and it does nothing. MCP_AUTH_E_NOMEM. */
MUST_CHECK int event_stored_unreadable(struct event **ret, const struct stored_fields *stored);

#endif
