/* SPDX-License-Identifier: Apache-2.0 */
/* hub.h: the sessions of one event loop: who is here, what they may see, what they still get. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "auth/authenticate.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/slots.h"
#include "model/codes.h"
#include "model/event.h"
#include "model/filter.h"
#include "model/identity.h"
#include "model/position.h"
#include "wire/reply.h"

/* A hub does no I/O, starts no thread and reads no clock. One thread calls it; other hubs of the
 * instance are reached through the bus only. All calls between two hub_advance use its time. */
struct hub;
struct session;

/* Shared by all hubs of an instance, replaced whole; borrowed. */
struct hub_settings {
    const struct token_rules *tokens;
    enum privacy privacy;
    int64_t heartbeat_ms;
    int64_t auth_timeout_ms;
    unsigned rate_messages; /* client messages per window; 0: no limit */
    int64_t rate_window_ms;
    size_t outbox_bytes_max;
    size_t frame_log_bytes_max;
};

/* What one session still misses, asked of the history. Addressed by (hub, session, serial). */
struct resume_request {
    unsigned hub_index;
    slot_handle session;
    uint32_t serial;      /* answers to an older serial are dropped */
    bool first;           /* `from` is what the client presented: check it, and the ceiling */
    bool memory_only;     /* what this instance delivered alone must be known as such */
    struct position from; /* everything up to here is known */
    unsigned keys_count;
    const struct bytes *keys; /* borrowed until the call returns */
};

enum resume_outcome {
    RESUME_SLICE,  /* entries follow; upto says how far this answer speaks for */
    RESUME_LOST,   /* position unknown or no longer retained, or beyond the ceiling */
    RESUME_AHEAD,  /* the position is ahead of this instance */
    RESUME_REBASE, /* hub_rebase is on its way, and asks again */
};

struct resume_answer {
    slot_handle session;
    uint32_t serial;
    enum resume_outcome outcome;
    struct position upto; /* for a slice */
    unsigned entries_count;
    const struct entry *entries; /* borrowed until the call returns */
};

struct seat; /* the owner's */

/* The doors a hub was given to the rest of its instance. None may wait. */
struct hub_port {
    /* Asks the history; the answer comes by hub_resume_answer, in the order of the mailbox. False
     * when it could not be asked (no memory). */
    bool (*resume)(void *owner, const struct resume_request *request);
    /* Takes one place under WEBSOCKET_MAX_CONNECTIONS; false when there is none. */
    bool (*admit)(void *owner);
    void (*leave)(void *owner);
    void *owner;
    /* Counts a session that signed in to its user, and no longer; who is too many is closed by
     * hub_close_session. join is false without memory. Both may be NULL: no limit. */
    bool (*join)(void *owner, slot_handle session, const struct claims *claims, struct seat **ret);
    void (*part)(void *owner, struct seat *seat);
    /* The last number that the stream is known to have had. May be NULL: what this hub was told. */
    uint64_t (*stream_n)(void *owner);
};

struct outlet;
#define OUTLET_ADDRESS_SIZE 64

struct outlet_operations {
    /* There is something to send; called once until session_sent has emptied it. */
    void (*wake)(struct outlet *outlet);
    /* The session is over: send what is left, then close with this code. Not called for
     * hub_disconnect. The outlet must call hub_disconnect later, when it is done with it. */
    void (*close)(struct outlet *outlet, enum close_reason reason, int64_t linger_ms);
    /* A token was not accepted; `why` is static, for the log only. May be NULL. */
    void (*refused)(struct outlet *outlet, const char *why);
    /* The peer's address, in ret or static. May be NULL. */
    struct bytes (*address)(struct outlet *outlet, char ret[OUTLET_ADDRESS_SIZE]);
};

/* Where the bytes of one session go: part of its connection. */
struct outlet {
    const struct outlet_operations *operations;
};

/* Written by the hub's thread, read by any. */
struct hub_counters {
    atomic_ullong sessions; /* signed in, now */
    atomic_ullong waiting;  /* not signed in, now */
    atomic_ullong sign_ins, auth_failures, renewals, resumes, resumes_lost;
    atomic_ullong events_announced; /* handed to this hub */
    atomic_ullong frames_sent;      /* event frames queued to sessions */
    atomic_ullong messages_received;
    atomic_ullong effects, scope_changes;
    atomic_ullong encodings; /* frames composed: at most one per event, view and form */
    atomic_ullong frame_log_bytes, fence_bytes;
    atomic_ullong head_n; /* the last entry announced here */
    atomic_ullong closes[CLOSE_REASONS];
};

MUST_CHECK int hub_new(struct hub **ret, unsigned index, const struct hub_settings *settings,
                       struct issuers *issuers, const struct hub_port *port,
                       const struct random *random, struct position head, struct now now);
void hub_free(struct hub *hub); /* every session must be gone (assert) */
/* Tells the time, does what is due, and returns the next deadline (mono_ms; INT64_MAX: none). */
int64_t hub_advance(struct hub *hub, struct now now);
int64_t hub_deadline(const struct hub *hub);
const struct hub_counters *hub_counters(const struct hub *hub);
unsigned hub_index(const struct hub *hub);
/* New numbers (`tokens` stays the old ones' pointer or outlives the hub as they did), and new
 * issuers, which are referenced: every session whose token they would not vouch for any more, its
 * key, its issuer or its tenant being withdrawn, is closed 4102, and who still waits with such a
 * token in its handshake is at its sign-in.
 * A session keeps the heartbeat interval that it was told until it renews. */
void hub_reload(struct hub *hub, const struct hub_settings *settings, struct issuers *issuers);

/* From the bus, in the order of this hub's mailbox. */
/* Phase one: what the event takes away is gone when this returns: from the fence table and from
 * every live session. A control entry closes at once, for it has no announcement: the number of
 * sessions that it closed here; 0 for an event. MCP_AUTH_E_NOMEM: every session of that user was
 * closed instead (fail closed), and the caller must count the fence as not stored. */
int hub_effect(struct hub *hub, struct event *event);
/* Phase two. entry->n is head + 1; or 0 of an event that this instance delivers alone, and alone is
 * the one after the last (assert). One with both was delivered alone and is now in its place: who
 * is live has had it. */
void hub_announce(struct hub *hub, const struct entry *entry);
/* What was delivered alone under this serial will not come back: nobody else is given it. */
void hub_forget_alone(struct hub *hub, uint64_t alone);
/* The stream has lost this entry: session clients that may have seen it are closed 4302. Whose
 * authority or filter is another than at the sign-in, by the hub_rebase that follows. */
void hub_gone(struct hub *hub, const struct entry *entry);
/* The stream goes on behind `head`. Who is catching up asks again. */
enum rebase_kind {
    REBASE_FIRST, /* it is met for the first time: nobody was given anything of it here */
    /* Its end was lost, as hub_gone said. What was delivered alone is not marked in the past that
     * was read again: who would get that past after it is closed 4206, and resumes. */
    REBASE_TAIL,
    REBASE_LOST, /* and what was between is lost to whoever is live: 4302; plain ones stay */
};
void hub_rebase(struct hub *hub, const struct position *head, enum rebase_kind kind);
void hub_resume_answer(struct hub *hub, const struct resume_answer *answer);
/* When it is not ok any more, heartbeats say so within five seconds. When it is, a position of
 * another epoch is of none that will be; and soon so is one that the stream has not come to. */
void hub_bus_state(struct hub *hub, enum bus_state state);
/* Closes everybody 4206 and lets nobody in until it ends. */
void hub_isolate(struct hub *hub, bool isolated);
/* By the handle that port.join was told; already gone: fine. */
void hub_close_session(struct hub *hub, slot_handle session, enum close_reason reason);
void hub_close_all(struct hub *hub, enum close_reason reason); /* draining */

/* Who is here. `place` is where to begin, and then where to go on. */
struct hub_list {
    bool any_tenant;
    struct bytes tenant, user; /* user absent: any */
    uint32_t place;
    unsigned examined_max, count_max; /* of this call */
    size_t bytes_max;                 /* of `out`, in all */
    struct strbuf *out;               /* JSON objects with commas between; NULL: only counted */
    unsigned count;                   /* how many were written, or counted */
};
enum hub_listed {
    HUB_LISTED_ALL,  /* nobody is left */
    HUB_LISTED_SOME, /* examined_max is reached */
    HUB_LISTED_FULL, /* somebody is left, for another page */
};
enum hub_listed hub_list(struct hub *hub, struct hub_list *list);

/* Has this hub met another tenant than this since its start: in a token that it accepted, or in an
 * entry of the bus? Each hub meets every entry, and the tokens of its own connections. */
bool hub_met_other_tenant(const struct hub *hub, struct bytes tenant);

/* For HTTP: the same evaluation as for a sign-in. *ret is yours; *ret_why is static, for the log
 * only, when it failed. */
enum auth_result hub_authenticate(struct hub *hub, struct bytes token, struct identity **ret,
                                  const char **ret_why);
/* The same token's identity as it stands now: fences may have come, or its end, since it was
 * evaluated (a handshake before its auth, a request whose body took its time). *ret is yours. */
enum auth_result hub_evaluate(struct hub *hub, const struct identity *identity,
                              struct identity **ret);

/* Sessions. */
enum session_kind {
    SESSION_PLAIN,
    SESSION_CONTROL, /* offered mcp-auth.v1 */
    SESSION_STREAM,  /* server-sent events: says nothing, gets what CONTROL gets */
};

/* A connection came in; it has auth_timeout_ms to sign in. `identity` (taken; may be NULL) is who
 * the handshake's Authorization said: a plain session is then signed in at once, a control
 * session still sends auth without token. MCP_AUTH_E_NOMEM. */
MUST_CHECK int hub_connect(struct hub *hub, enum session_kind kind, struct outlet *outlet,
                           struct identity *identity, struct session **ret);
/* Its connection agreed to permessage-deflate with a window of at least PUSH_DEFLATE_WINDOW_BITS:
 * its events may come so, each message by itself. Of a WebSocket, once, right after hub_connect. */
void session_deflates(struct session *session);
/* Somebody else asks whether its peer is there: no pings leave, and none is missed. Right after
 * hub_connect. */
void session_is_watched(struct session *session);
/* A stream of this identity, signed in at once: `position` may be absent, `filter` NULL. Takes
 * identity and filter, also when it fails. MCP_AUTH_E_NOMEM. */
MUST_CHECK int hub_connect_stream(struct hub *hub, struct outlet *outlet, struct identity *identity,
                                  struct filter *filter, struct bytes position,
                                  struct session **ret);
/* The connection is gone; frees the session. */
void hub_disconnect(struct session *session);
/* One text message; `text` may be wiped. */
void session_receive(struct session *session, struct bytes text);
/* Anything else of a message that cannot be taken: binary. Closes 4005. */
void session_receive_binary(struct session *session);
void session_pong(struct session *session);
bool session_signed_in(const struct session *session);
/* Its connection_id: differs between sessions, hubs and restarts. */
#define SESSION_NAME_SIZE 32
void session_name(const struct session *session, char ret[SESSION_NAME_SIZE]);
/* Size limit for the next message of the client: smaller before sign-in. */
size_t session_message_size_max(const struct session *session);

/* What to send next: one contiguous run of bytes, straight from the frame log, or gathered into
 * scratch when several short ones wait. Size 0: nothing. Valid until the next call into the hub. */
struct bytes session_output(struct session *session, char *scratch, size_t scratch_size);
void session_sent(struct session *session, size_t size);

#endif
