/* SPDX-License-Identifier: Apache-2.0 */
/* session.h: a client as its hub sees it; shared by the files of this room only. */
#ifndef HUB_SESSION_H
#define HUB_SESSION_H

#include "base/timer_wheel.h"
#include "hub/audience_index.h"
#include "hub/frame_log.h"
#include "hub/hub.h"
#include "hub/outbox.h"
#include "hub/rate.h"
#include "model/filter.h"
#include "wire/push_deflate.h"

/* WAITING has not signed in. CATCHUP gets its past; live events pass it by. LEAVING lost everything
 * and waits for the very event that says so. CLOSED waits for its connection to let go. */
enum session_state {
    SESSION_WAITING,
    SESSION_CATCHUP,
    SESSION_LIVE,
    SESSION_LEAVING,
    SESSION_CLOSED,
    SESSION_STATES
};

/* Exists only while its session is in CATCHUP. */
struct catchup {
    struct position asked;  /* what the client presented */
    struct position cursor; /* everything up to here has been queued */
    uint32_t serial;
    bool first;   /* auth_ok has not been said yet */
    bool waiting; /* an answer is on its way */
};

struct session {
    struct hub *hub;
    struct list in_hub;
    slot_handle handle;
    enum session_state state;
    enum session_kind kind;
    struct outlet *outlet;
    bool awake; /* the outlet knows that there is something to send */
    bool heard; /* the peer said something since the last ping */
    bool pinged;
    bool deflates;             /* its connection agreed to deflated messages */
    struct identity *identity; /* in WAITING: what the handshake said, not yet entered */
    struct filter *filter;
    struct member *members; /* members[0] is the user's own key, and stays while signed in */
    unsigned members_count;
    uint64_t visited; /* the fan-out that met this session last */
    uint64_t skip_to; /* events up to this n were had from history */
    struct catchup *catchup;
    struct list in_leaving;
    struct event *leaving_for; /* counted */
    bool leaving_live;
    struct timer timer;
    struct seat *seat;    /* while signed in, where users are counted */
    int64_t connected_ms; /* by the wall clock */
    int64_t auth_due_ms, ping_due_ms, heartbeat_due_ms;
    int64_t heartbeat_ms; /* what auth_ok promised, whatever the setting has become */
    struct rate rate;
    struct outbox outbox;
    struct list in_backlog; /* while the outbox holds anything, oldest first */
};

/* How a session's frames look on the wire. DEFLATED is of live events only, and long ones: all else
 * of such a session is WEBSOCKET, in the same order of the same outbox. */
enum push_form { PUSH_WEBSOCKET, PUSH_STREAM, PUSH_DEFLATED, PUSH_FORMS };

struct hub {
    unsigned index;
    struct hub_settings settings;
    struct issuers *issuers;
    struct hub_port port;
    const struct random *random;
    struct now now;
    struct position head; /* the last entry that was announced here */
    enum bus_state bus;
    struct slots handles;
    struct list sessions;
    struct list leaving;
    struct list backlog;
    struct timer_wheel wheel;
    struct timer housekeeping;
    struct audience_index audience;
    struct fence_table fences;
    struct frame_pool pool;
    struct frame_log views[PUSH_FORMS][VIEWS];
    struct push_deflater *deflater;
    struct frame_log direct; /* frames for one session alone */
    struct segment *ping;    /* one PING for all, and behind it one comment for all streams */
    uint64_t fanout_serial;
    uint32_t nonce; /* makes connection ids of restarts differ */
    struct hub_counters counters;
};

static inline void counter_add(atomic_ullong *counter, unsigned long long more)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more,
                          memory_order_relaxed);
}

static inline void counter_sub(atomic_ullong *counter, unsigned long long less)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) - less,
                          memory_order_relaxed);
}

/* session.c: its life and its bytes. */
static inline bool session_is_in(const struct session *s)
{
    return s->state == SESSION_CATCHUP || s->state == SESSION_LIVE || s->state == SESSION_LEAVING;
}
static inline enum push_form session_form(const struct session *s)
{
    return s->kind == SESSION_STREAM ? PUSH_STREAM : PUSH_WEBSOCKET;
}
/* Of what many sessions share. What is composed for one alone is not worth the time. */
static inline enum push_form session_live_form(const struct session *s)
{
    return s->deflates ? PUSH_DEFLATED : session_form(s);
}
void session_become(struct session *s, enum session_state next);
void session_close(struct session *s, enum close_reason reason, int64_t retry_after_ms);
/* The outbox is over its ceiling: drops what has not begun and closes 4202. */
void session_too_slow(struct session *s);
/* Queues one run. False: the session is closed now. `replay` is bounded by its slice instead. */
bool session_push(struct session *s, const struct run *run, bool replay);
/* Queues JSON as a frame of its own, to a session that speaks mcp-auth.v1 and to a stream; plain
 * ones get nothing. */
void session_push_json(struct session *s, const struct strbuf *json);
/* The same for a frame that tells a position, from which a stream may be resumed. */
void session_push_json_at(struct session *s, const struct strbuf *json,
                          const struct position *position);
/* Queues an event of the past, composed for this session. */
bool session_push_replay(struct session *s, const struct entry *entry, enum view view);
struct position session_position(const struct session *s);
void session_put_position(char ret[POSITION_SIZE], const struct hub *hub, uint64_t n,
                          uint64_t check);
void session_say_auth_ok(struct session *s, bool resumed, struct position position);

/* Takes and gives back what a signed-in session holds of its instance. */
MUST_CHECK bool session_take_place(struct session *s, const struct claims *claims,
                                   enum close_reason *ret_why);
void session_leave_place(struct session *s);

/* authority.c: identity and index. */
/* Gives the session this identity (takes the reference on success) and enters its keys. On error
 * the session stands as it was. */
MUST_CHECK int session_enter(struct session *s, struct identity *identity);
void session_leave(struct session *s); /* out of every list of the index */
/* May it see this event, today? *ret_view as which view. */
bool session_may_see(const struct session *s, const struct event *event, enum view *ret_view);

/* sign_in.c */
void session_sign_in(struct session *s, struct bytes token, struct bytes position);
void session_renew(struct session *s, struct bytes token);
enum close_reason sign_in_refusal(enum auth_result result);

/* reload.c: the key that vouched for this is not there any more. What none vouched for stays. */
bool identity_withdrawn(const struct hub *hub, const struct identity *identity);

/* catchup.c */
void catchup_begin(struct session *s, struct bytes position);
void catchup_again(struct session *s); /* the identity changed: what was asked is stale */
void catchup_go_on(struct session *s); /* asks for the next slice when there is room for it */
void catchup_drop(struct session *s);

/* deadlines.c */
void session_schedule(struct session *s);
void session_start_deadlines(struct session *s);
void session_due(struct session *s);
/* Expired by the wall clock: closed 4101 and true. */
bool session_expired(struct session *s);

/* fanout.c: the frame of an event in one view and form, composed at most once per entry. */
struct fanout_frames {
    const struct entry *entry;
    bool composed[PUSH_FORMS][VIEWS];
    struct run runs[PUSH_FORMS][VIEWS];
};
const struct run *fanout_frame(struct hub *hub, struct fanout_frames *frames, enum push_form form,
                               enum view view);
/* The bytes of an event in one form, which is not PUSH_DEFLATED: see push_deflate.h. */
size_t fanout_frame_size(enum push_form form, struct bytes json);
void fanout_frame_write(char *ret, enum push_form form, struct bytes json,
                        const char position[POSITION_SIZE]);
/* enforce.c: those who lost everything by this entry receive it and go. */
void enforce_announced(struct hub *hub, struct fanout_frames *frames);
void enforce_drop(struct session *s);

/* fanout.c: the JSON of a view; `scratch` is used when it differs from the full one. */
MUST_CHECK int fanout_view_json(const struct hub *hub, const struct event *event, enum view view,
                                struct strbuf *scratch, struct bytes *ret);

/* hub.c: closes who has been behind for longest while the frame log is over its ceiling. */
void hub_relieve(struct hub *hub);

#endif
