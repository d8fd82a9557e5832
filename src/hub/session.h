/* SPDX-License-Identifier: Apache-2.0 */
/* session.h: a client as its hub sees it; shared by the files of this room only. */
#ifndef HUB_SESSION_H
#define HUB_SESSION_H

#include "base/slab.h"
#include "base/timer_wheel.h"
#include "hub/audience_index.h"
#include "hub/authority.h"
#include "hub/frame_log.h"
#include "hub/hub.h"
#include "hub/outbox.h"
#include "hub/rate.h"
#include "hub/user_index.h"
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
    uint64_t alone_upto;    /* it has had what was delivered alone up to here */
    uint32_t serial;
    bool first;   /* auth_ok has not been said yet */
    bool waiting; /* an answer is on its way, or hub_rebase */
};

/* What most sessions never need: there from the first time that any of it is, until none is. */
struct extras {
    struct filter *filter;
    struct catchup *catchup;
    struct seat *seat; /* while signed in, where users are counted */
    uint64_t skip_to;  /* events up to this n were had, here or before */
    struct rate rate;
    struct session *session;
    struct list in_ahead;
    struct position ahead; /* while in that list: what the client has had, and this hub not */
    int64_t ahead_ms;      /* since when, or since the bus is ok */
    struct list in_leaving;
    struct event *leaving_for; /* counted */
    bool leaving_live;
};

/* Events delivered alone that have not come back from the stream, by their serial: who is live has
 * had them, and who gets there is given them. */
struct alones {
    struct entry *items; /* a reference on each event */
    size_t first, count, room;
    uint64_t serial; /* the last one, here or gone */
};

/* What an event looks at comes first. */
struct session {
    struct outlet *outlet;
    struct extras *extras;
    int64_t expires_at_ms;     /* of its token, by the wall clock */
    struct outbox outbox;      /* with when it began to hold anything */
    int64_t connected_ms : 48; /* by the wall clock */
    uint64_t state : 4;        /* enum session_state */
    uint64_t kind : 2;         /* enum session_kind */
    bool awake : 1;            /* the outlet knows that there is something to send */
    bool heard : 1;            /* the peer said something since the last ping */
    bool pinged : 1;
    bool deflates : 1; /* its connection agreed to deflated messages */
    bool watched : 1;  /* that its peer is there is asked by somebody else */
    bool met : 1;      /* this fan-out has found it by its user */
    bool changed : 1;  /* what it may see is not what it might when it signed in */
    union {
        struct identity *claimed;    /* WAITING: what the handshake said, or NULL */
        struct authority *authority; /* signed in; LEAVING stands in it no more, and holds it */
    };
    struct subject *subject; /* while signed in */
    uint32_t user_next, user_previous;
    int64_t issued_at_ms;
    struct timer timer;
    union {
        uint32_t auth_due; /* WAITING; low bits of the clock, as all of these: deadlines.c */
        uint32_t ping_due; /* signed in; LEAVING: when it goes in any case */
    };
    uint32_t place; /* in its authority */
    uint32_t heartbeat_due;
    uint32_t heartbeat_ms; /* what auth_ok promised, whatever the setting has become */
};

_Static_assert(sizeof(struct session) <= 120, "an idle session is small");

/* How a session's frames look on the wire. DEFLATED is of live events only, and long ones: all else
 * of such a session is WEBSOCKET, in the same order of the same outbox. */
enum push_form { PUSH_WEBSOCKET, PUSH_STREAM, PUSH_DEFLATED, PUSH_FORMS };

/* Since the start; `first` and its size when any. */
struct tenants_met {
    bool any, several;
    size_t size;
    char first[TENANT_SIZE_MAX];
};

struct hub {
    unsigned index;
    struct hub_settings settings;
    struct issuers *issuers;
    struct hub_port port;
    const struct random *random;
    struct now now;
    struct position head; /* the last entry that was announced here */
    enum bus_state bus;
    struct slab sessions;
    struct list leaving;
    struct list ahead;
    uint64_t ahead_n; /* of who is ahead by least, or less; UINT64_MAX: nobody */
    int64_t judge_ms; /* of those who are ahead by a place that must be there by then */
    struct alones alones;
    bool isolated;
    bool gone;     /* is something that was announced, as hub_gone said: hub_rebase is on its way */
    bool hurrying; /* heartbeats are being pulled forward: of places from hurry_place on */
    uint32_t hurry_place;
    int64_t hurry_ms;
    uint32_t behind_serial; /* of who fell behind last */
    uint32_t behind_count;  /* of sessions: all whose outbox holds anything, but the relieved */
    struct timer_wheel wheel;
    int64_t housekeeping_ms; /* when it is next due */
    struct audience_index audience;
    struct authority_table authorities;
    struct user_index users;
    struct fence_table fences;
    struct frame_pool pool;
    struct frame_log views[PUSH_FORMS][VIEWS];
    struct push_deflater *deflater;
    struct frame_log direct; /* frames for one session alone */
    struct segment *ping;    /* one PING for all, and behind it one comment for all streams */
    uint64_t fanout_serial;
    uint32_t nonce; /* makes connection ids of restarts differ */
    struct hub_counters counters;
    struct tenants_met tenants;
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

static inline struct hub *session_hub(const struct session *s)
{
    return slab_owner(s);
}

/* That a session falls behind and is even again comes with every event; that their order matters,
 * only when the frame log is over its ceiling. So they are in no list: each knows when it was. */
static inline void session_is_behind(struct session *s)
{
    struct hub *hub = session_hub(s);

    if (s->outbox.behind_since)
        return;
    hub->behind_serial += hub->behind_serial == UINT32_MAX ? 2 : 1; /* 0 says that it is even */
    s->outbox.behind_since = hub->behind_serial;
    hub->behind_count++;
}
static inline void session_is_even(struct session *s)
{
    if (!s->outbox.behind_since)
        return;
    s->outbox.behind_since = 0;
    session_hub(s)->behind_count--;
}

/* extras.c */
MUST_CHECK bool session_needs_extras(struct session *s); /* false: no memory */
void session_trim_extras(struct session *s);             /* frees them when they say nothing */
void session_drop_extras(struct session *s);
static inline struct catchup *session_catchup(const struct session *s)
{
    return s->extras ? s->extras->catchup : NULL;
}
static inline const struct filter *session_filter(const struct session *s)
{
    return s->extras ? s->extras->filter : NULL;
}
/* Before the session went live; or on another instance, which this one is behind. */
static inline bool session_has_had(const struct session *s, uint64_t n)
{
    return s->extras && n <= s->extras->skip_to;
}
static inline bool session_is_ahead(const struct session *s)
{
    return s->extras && !list_empty(&s->extras->in_ahead);
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
/* Queues an event composed for this session: of the past, or one that was delivered alone, which
 * carries the session's position. */
bool session_push_event(struct session *s, const struct entry *entry, enum view view, bool replay);
struct position session_position(const struct session *s);
void session_say_auth_ok(struct session *s, bool resumed, struct position position);

/* Takes and gives back what a signed-in session holds of its instance. */
MUST_CHECK bool session_take_place(struct session *s, const struct claims *claims,
                                   enum close_reason *ret_why);
void session_leave_place(struct session *s);

/* enter.c: what a signed-in session keeps of its identity, and where it stands in the index. */
/* From now on the session is of this identity, which stays the caller's. On error it stands as it
 * was. A session that was signed in before is of the same user. */
MUST_CHECK int session_enter(struct session *s, const struct identity *identity);
void session_leave(struct session *s); /* out of the index; not in: fine */
/* Out of the index as well, but its authority still says what it could see: until session_forget. */
void session_leave_with_authority(struct session *s);
void session_forget(struct session *s);
/* What it may do, borrowed until the session changes. Signed in. The name was not kept. */
struct claims session_claims(const struct session *s);
/* May it see this event, today? *ret_view as which view. */
bool session_may_see(const struct session *s, const struct event *event, enum view *ret_view);

/* tenants.c: of a token that was accepted, or of an entry of the bus. */
void hub_meet_tenant(struct hub *hub, struct bytes tenant);

/* sign_in.c */
void session_sign_in(struct session *s, struct bytes token, struct bytes position);
void session_renew(struct session *s, struct bytes token);
enum close_reason sign_in_refusal(enum auth_result result);

/* reload.c: the key that vouched for this is not there any more. What none vouched for stays. */
bool claims_withdrawn(const struct hub *hub, const struct claims *claims);

/* catchup.c */
void catchup_begin(struct session *s, struct bytes position);
/* Without a position: everything from here on, and what was delivered alone and is not in place. */
void catchup_begin_here(struct session *s);
/* From where it is: the hub has passed it by. */
void catchup_from(struct session *s, const struct position *cursor);
/* The stream goes on elsewhere: what was asked is asked there. */
void catchup_rebase(struct session *s, enum rebase_kind kind);
/* The identity changed: what was asked is stale. The session may be closed by it. */
void catchup_again(struct session *s);
void catchup_go_on(struct session *s); /* asks for the next slice when there is room for it */
void catchup_drop(struct session *s);
bool catchup_has_room(const struct session *s); /* for more of the past */

/* ahead.c: who has had more on another instance than this hub has. */
/* A live session goes on behind `position`. */
void ahead_begin(struct session *s, const struct position *position);
void ahead_drop(struct session *s); /* is not: fine */
/* An entry that somebody waits for, before it is given: is it the one that they have had? */
void ahead_reached(struct hub *hub, const struct entry *entry);
void ahead_rebase(struct session *s, enum rebase_kind kind);
/* The bus is back: another epoch is of a stream that is not this one. */
void ahead_judge(struct hub *hub);
/* A while later: so is a place that the stream has not come to. */
void ahead_due(struct hub *hub);

/* alone.c: what this instance delivers by itself while the bus is away. */
void alones_done(struct alones *alones);
/* MCP_AUTH_E_NOMEM: it is not in the list. */
MUST_CHECK int alones_put(struct alones *alones, const struct entry *entry);
bool alones_take(struct alones *alones, uint64_t serial); /* out of the list; false: it was not */
enum alone_given { ALONE_ALL, ALONE_SOME, ALONE_CLOSED };
/* Gives a session that catches up the next of them, while there is room. */
enum alone_given alone_give(struct session *s);

/* deadlines.c */
/* Everybody's next heartbeat is soon, a piece of everybody at a time. */
void heartbeats_hurry(struct hub *hub);
void session_schedule(struct session *s);
int64_t session_deadline(struct timer *timer);
void session_await_sign_in(struct session *s);
void session_start_deadlines(struct session *s);
void session_leaves_soon(struct session *s); /* with its last event or without */
void session_due(struct session *s);
/* Expired by the wall clock: closed 4101 and true. */
bool session_expired(struct session *s);

/* fanout.c: the frame of an event in one view and form, composed at most once per entry. */
struct fanout_frames {
    const struct entry *entry;
    uint64_t number; /* of the entry; UINT64_MAX: of none, so nobody has had it */
    bool gone;       /* instead of being given, it is taken back */
    bool composed[PUSH_FORMS][VIEWS];
    struct run runs[PUSH_FORMS][VIEWS];
};
/* NULL: no memory. */
const struct run *fanout_frame(struct hub *hub, struct fanout_frames *frames, enum push_form form,
                               enum view view);
/* To one session. */
void fanout_give(struct session *s, struct fanout_frames *frames, enum view view);
/* The bytes of an event in one form, which is not PUSH_DEFLATED: see push_deflate.h. */
size_t fanout_frame_size(enum push_form form, struct bytes json);
void fanout_frame_write(char *ret, enum push_form form, struct bytes json,
                        const char position[POSITION_SIZE]);
/* enforce.c: those who lost everything by this entry receive it and go. */
void enforce_announced(struct hub *hub, struct fanout_frames *frames);
void enforce_drop(struct session *s);
void enforce_close(struct session *s); /* who is leaving */

/* fanout.c: the JSON of a view; `scratch` is used when it differs from the full one. */
MUST_CHECK int fanout_view_json(const struct hub *hub, const struct event *event, enum view view,
                                struct strbuf *scratch, struct bytes *ret);

/* relieve.c: closes who has been behind for longest while the frame log is over its ceiling. */
void hub_relieve(struct hub *hub);

#endif
