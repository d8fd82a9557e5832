/* SPDX-License-Identifier: Apache-2.0 */
/* deadlines.c: sign-in in time, pings and their answers, heartbeats, and the end of a token. */
#include <assert.h>

#include "hub/session.h"
#include "wire/push.h"
#include "wire/push_stream.h"

/* While the bus is not ok, clients are told more often (protocol, "heartbeat"). */
#define HEARTBEAT_BUS_AWAY_MS 5000
#define HURRIED_PER_TURN 1024u

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Sessions keep the low 32 bits of when something is due. Nothing is due later than this, so what
 * looks further away is overdue, be it by a month of a machine's sleep. */
#define DUE_MAX_MS (4 * 3600 * 1000)

static uint32_t due_after(const struct session *s, int64_t ms)
{
    assert(ms >= 0 && ms <= DUE_MAX_MS);
    return (uint32_t)(session_hub(s)->now.mono_ms + ms);
}

/* In how many milliseconds; 0: now. */
static uint32_t due_in(const struct session *s, uint32_t due)
{
    uint32_t ms = due - (uint32_t)session_hub(s)->now.mono_ms;

    return ms <= DUE_MAX_MS ? ms : 0;
}

static int64_t heartbeat_every(const struct session *s)
{
    return session_hub(s)->bus == BUS_OK ? s->heartbeat_ms
                                         : min_ms(s->heartbeat_ms, HEARTBEAT_BUS_AWAY_MS);
}

/* One timer per session, at the earliest of what is due. A token ends by the wall clock, which may
 * jump: so it is asked again at every ping, and before every event. */
static int64_t deadline(const struct session *s)
{
    const struct hub *hub = session_hub(s);
    int64_t in_ms;

    if (session_is_in(s)) {
        int64_t left_ms = s->expires_at_ms - hub->now.wall_ms;

        in_ms = min_ms(due_in(s, s->ping_due), left_ms > 0 ? left_ms : 0);
        if (s->kind != SESSION_PLAIN && s->state != SESSION_LEAVING)
            in_ms = min_ms(in_ms, due_in(s, s->heartbeat_due));
    } else {
        in_ms = due_in(s, s->auth_due);
    }
    return hub->now.mono_ms + in_ms;
}

int64_t session_deadline(struct timer *timer)
{
    return deadline(container_of(timer, struct session, timer));
}

void session_schedule(struct session *s)
{
    timer_set(&session_hub(s)->wheel, &s->timer, deadline(s));
}

void session_await_sign_in(struct session *s)
{
    s->auth_due = due_after(s, session_hub(s)->settings.auth_timeout_ms);
    session_schedule(s);
}

void session_start_deadlines(struct session *s)
{
    s->heartbeat_ms = (uint32_t)session_hub(s)->settings.heartbeat_ms;
    s->ping_due = due_after(s, s->heartbeat_ms);
    s->heartbeat_due = due_after(s, heartbeat_every(s));
    s->heard = true;
    s->pinged = false;
}

void session_leaves_soon(struct session *s)
{
    s->ping_due = due_after(s, LEAVING_MS); /* it is asked for no more */
    session_schedule(s);
}

bool session_expired(struct session *s)
{
    if (!session_is_in(s) || s->expires_at_ms > session_hub(s)->now.wall_ms)
        return false;
    session_close(s, CLOSE_TOKEN_EXPIRED, -1);
    return true;
}

static void ping(struct session *s)
{
    bool streams = s->kind == SESSION_STREAM;
    struct run run = {
        .segment = session_hub(s)->ping,
        .from = streams ? PUSH_PING_SIZE : 0,
        .to = streams ? PUSH_PING_SIZE + PUSH_STREAM_PING_SIZE : PUSH_PING_SIZE,
    };

    /* A stream has no way to answer: that its peer is gone is known when the socket says so. */
    if (s->pinged && !s->heard && !streams && !s->watched) {
        outbox_cut(&s->outbox);
        session_close(s, CLOSE_HEARTBEAT_TIMEOUT, 0);
        return;
    }
    s->pinged = true;
    s->heard = false;
    s->ping_due = due_after(s, s->heartbeat_ms);
    session_trim_extras(s); /* as good a time as any */
    if (!s->watched)
        session_push(s, &run, false);
}

static void heartbeat(struct session *s)
{
    struct position position = session_position(s);
    struct strbuf json;

    s->heartbeat_due = due_after(s, heartbeat_every(s));
    if (session_catchup(s) && session_catchup(s)->first)
        return; /* nothing has been promised yet */
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_heartbeat(&json, &position, session_hub(s)->now.wall_ms, session_hub(s)->bus);
    session_push_json_at(s, &json, &position);
    strbuf_done(&json);
}

/* Each keeps its place within the interval, so that they do not all come at once. */
static void hurry(struct session *s)
{
    uint32_t in_ms = due_in(s, s->heartbeat_due);

    if (in_ms <= HEARTBEAT_BUS_AWAY_MS)
        return;
    s->heartbeat_due = due_after(s, in_ms % HEARTBEAT_BUS_AWAY_MS);
    session_schedule(s);
}

void heartbeats_hurry(struct hub *hub)
{
    for (unsigned i = 0; i < HURRIED_PER_TURN; i++) {
        struct session *s = slab_next(&hub->sessions, &hub->hurry_place);

        if (!s) {
            hub->hurrying = false;
            return;
        }
        if (s->kind != SESSION_PLAIN && (s->state == SESSION_LIVE || s->state == SESSION_CATCHUP))
            hurry(s);
    }
    hub->hurry_ms = hub->now.mono_ms + 1;
}

void session_due(struct session *s)
{
    if (s->state == SESSION_WAITING) {
        if (due_in(s, s->auth_due) == 0)
            session_close(s, CLOSE_AUTHENTICATION_TIMEOUT, 0);
        return;
    }
    if (session_expired(s))
        return;
    if (s->state == SESSION_LEAVING) {
        /* Its last event is on its way; or will not come, for its publisher had said it before. */
        if (due_in(s, s->ping_due) == 0)
            enforce_close(s);
        else
            session_schedule(s);
        return;
    }
    if (due_in(s, s->ping_due) == 0)
        ping(s);
    if (session_is_in(s) && s->kind != SESSION_PLAIN && due_in(s, s->heartbeat_due) == 0)
        heartbeat(s);
    if (session_is_in(s))
        session_schedule(s);
}
