/* SPDX-License-Identifier: Apache-2.0 */
/* deadlines.c: sign-in in time, pings and their answers, heartbeats, and the end of a token. */
#include "hub/session.h"
#include "wire/push.h"
#include "wire/push_stream.h"

/* While the bus is not ok, clients are told more often (protocol, "heartbeat"). */
#define HEARTBEAT_BUS_AWAY_MS 5000

static int64_t min_ms(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t heartbeat_every(const struct session *s)
{
    return s->hub->bus == BUS_OK ? s->heartbeat_ms : min_ms(s->heartbeat_ms, HEARTBEAT_BUS_AWAY_MS);
}

/* One timer per session, at the earliest of what is due. A token ends by the wall clock, which may
 * jump: so it is asked again at every ping, and before every event. */
void session_schedule(struct session *s)
{
    struct hub *hub = s->hub;
    int64_t due_ms = s->auth_due_ms;

    if (session_is_in(s)) {
        int64_t left_ms = s->identity->claims.expires_at_ms - hub->now.wall_ms;

        due_ms = min_ms(s->ping_due_ms, hub->now.mono_ms + (left_ms > 0 ? left_ms : 0));
        if (s->kind != SESSION_PLAIN)
            due_ms = min_ms(due_ms, s->heartbeat_due_ms);
    }
    timer_set(&hub->wheel, &s->timer, due_ms);
}

void session_start_deadlines(struct session *s)
{
    s->heartbeat_ms = s->hub->settings.heartbeat_ms;
    s->ping_due_ms = s->hub->now.mono_ms + s->heartbeat_ms;
    s->heartbeat_due_ms = s->hub->now.mono_ms + heartbeat_every(s);
    s->heard = true;
    s->pinged = false;
}

bool session_expired(struct session *s)
{
    if (!session_is_in(s) || s->identity->claims.expires_at_ms > s->hub->now.wall_ms)
        return false;
    session_close(s, CLOSE_TOKEN_EXPIRED, -1);
    return true;
}

static void ping(struct session *s)
{
    bool streams = s->kind == SESSION_STREAM;
    struct run run = {
        .segment = s->hub->ping,
        .from = streams ? PUSH_PING_SIZE : 0,
        .to = streams ? PUSH_PING_SIZE + PUSH_STREAM_PING_SIZE : PUSH_PING_SIZE,
    };

    /* A stream has no way to answer: that its peer is gone is known when the socket says so. */
    if (s->pinged && !s->heard && !streams) {
        outbox_cut(&s->outbox);
        session_close(s, CLOSE_HEARTBEAT_TIMEOUT, 0);
        return;
    }
    s->pinged = true;
    s->heard = false;
    s->ping_due_ms = s->hub->now.mono_ms + s->heartbeat_ms;
    session_push(s, &run, false);
}

static void heartbeat(struct session *s)
{
    struct position position = session_position(s);
    struct strbuf json;

    s->heartbeat_due_ms = s->hub->now.mono_ms + heartbeat_every(s);
    if (s->catchup && s->catchup->first)
        return; /* nothing has been promised yet */
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_heartbeat(&json, &position, s->hub->now.wall_ms, s->hub->bus);
    session_push_json_at(s, &json, &position);
    strbuf_done(&json);
}

void session_due(struct session *s)
{
    int64_t now_ms = s->hub->now.mono_ms;

    if (s->state == SESSION_WAITING) {
        if (s->auth_due_ms <= now_ms)
            session_close(s, CLOSE_AUTHENTICATION_TIMEOUT, 0);
        return;
    }
    if (session_expired(s))
        return;
    if (s->state == SESSION_LEAVING)
        return; /* its last event is on its way */
    if (s->ping_due_ms <= now_ms)
        ping(s);
    if (session_is_in(s) && s->kind != SESSION_PLAIN && s->heartbeat_due_ms <= now_ms)
        heartbeat(s);
    if (session_is_in(s))
        session_schedule(s);
}
