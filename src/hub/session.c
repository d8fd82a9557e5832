/* SPDX-License-Identifier: Apache-2.0 */
/* session.c: the life of a client in its hub, and the bytes on their way to it. */
#include <assert.h>
#include <stdlib.h>

#include "base/log.h"
#include "hub/session.h"
#include "mcp_auth/error.h"
#include "wire/push.h"
#include "wire/push_stream.h"

static const unsigned session_may_become[SESSION_STATES] = {
    [SESSION_WAITING] = BIT(SESSION_CATCHUP) | BIT(SESSION_LIVE) | BIT(SESSION_CLOSED),
    [SESSION_CATCHUP] = BIT(SESSION_LIVE) | BIT(SESSION_LEAVING) | BIT(SESSION_CLOSED),
    [SESSION_LIVE] = BIT(SESSION_CATCHUP) | BIT(SESSION_LEAVING) | BIT(SESSION_CLOSED),
    [SESSION_LEAVING] = BIT(SESSION_CLOSED),
};

static void count_state(struct session *s, int by)
{
    struct hub_counters *counters = &session_hub(s)->counters;
    atomic_ullong *counter = session_is_in(s)              ? &counters->sessions
                             : s->state == SESSION_WAITING ? &counters->waiting
                                                           : NULL;

    if (counter && by > 0)
        counter_add(counter, 1);
    else if (counter)
        counter_sub(counter, 1);
}

/* The one place where a session changes state. */
void session_become(struct session *s, enum session_state next)
{
    assert(session_may_become[s->state] & BIT(next));
    count_state(s, -1);
    s->state = next;
    count_state(s, 1);
}

int hub_connect(struct hub *hub, enum session_kind kind, struct outlet *outlet,
                struct identity *identity, struct session **ret)
{
    struct session *s = slab_take(&hub->sessions);

    if (!s)
        return MCP_AUTH_E_NOMEM;
    s->kind = kind;
    s->outlet = outlet;
    s->claimed = identity;
    s->connected_ms = hub->now.wall_ms;
    count_state(s, 1);
    session_await_sign_in(s);
    *ret = s;
    if (identity && kind == SESSION_PLAIN) /* in at the 101 */
        session_sign_in(s, (struct bytes){0}, (struct bytes){0});
    return 0;
}

void session_deflates(struct session *s)
{
    assert(s->kind != SESSION_STREAM);
    s->deflates = true;
}

void session_is_watched(struct session *s)
{
    s->watched = true;
}

int hub_connect_stream(struct hub *hub, struct outlet *outlet, struct identity *identity,
                       struct filter *filter, struct bytes position, struct session **ret)
{
    int r = hub_connect(hub, SESSION_STREAM, outlet, identity, ret);

    if (r < 0) {
        identity_unref(identity);
        filter_free(filter);
        return r;
    }
    if (!filter) {
        /* all types */
    } else if (session_needs_extras(*ret)) {
        (*ret)->extras->filter = filter;
    } else {
        filter_free(filter);
        hub_disconnect(*ret);
        return MCP_AUTH_E_NOMEM;
    }
    session_sign_in(*ret, (struct bytes){0}, position);
    return 0;
}

bool session_take_place(struct session *s, const struct claims *claims, enum close_reason *ret_why)
{
    const struct hub_port *port = &session_hub(s)->port;

    *ret_why = CLOSE_CONNECTION_LIMIT;
    if (!port->admit(port->owner))
        return false;
    *ret_why = CLOSE_INTERNAL;
    if (!port->join || (session_needs_extras(s) &&
                        port->join(port->owner, slab_handle(s), claims, &s->extras->seat)))
        return true;
    port->leave(port->owner);
    return false;
}

void session_leave_place(struct session *s)
{
    const struct hub_port *port = &session_hub(s)->port;

    port->leave(port->owner);
    if (!s->extras || !s->extras->seat)
        return;
    port->part(port->owner, s->extras->seat);
    s->extras->seat = NULL;
}

/* Takes the session out of everything that could give it more to send. */
static void detach(struct session *s)
{
    bool was_in = session_is_in(s);

    if (s->state == SESSION_CLOSED)
        return;
    if (s->state == SESSION_WAITING) {
        identity_unref(s->claimed);
        s->claimed = NULL;
    }
    if (s->state == SESSION_LEAVING)
        enforce_drop(s);
    catchup_drop(s);
    ahead_drop(s);
    session_leave(s);
    timer_cancel(&session_hub(s)->wheel, &s->timer);
    if (was_in)
        session_leave_place(s);
    session_become(s, SESSION_CLOSED);
}

void hub_disconnect(struct session *s)
{
    detach(s);
    count_state(s, -1);
    outbox_done(&s->outbox);
    session_is_even(s);
    session_drop_extras(s);
    slab_give(s);
}

static void log_closed(const struct session *s, enum close_reason reason)
{
    char id[SESSION_NAME_SIZE];

    if (!log_wanted(LOG_DEBUG))
        return;
    session_name(s, id);
    log_write(LOG_DEBUG, "session closed", LOG_TEXT("connection_id", bytes_of(id)),
              LOG_INT("code", close_reason_code(reason)),
              LOG_TEXT("reason", close_reason_text(reason)));
}

void session_close(struct session *s, enum close_reason reason, int64_t retry_after_ms)
{
    struct strbuf json;

    if (s->state == SESSION_CLOSED)
        return;
    strbuf_init(&json, MESSAGE_FROM_CLIENT_SIZE_MAX);
    reply_closing(&json, reason, retry_after_ms);
    detach(s);
    session_push_json(s, &json);
    strbuf_done(&json);
    counter_add(&session_hub(s)->counters.closes[reason], 1);
    log_closed(s, reason);
    s->outlet->operations->close(s->outlet, reason, CLOSE_LINGER_MS);
}

void session_too_slow(struct session *s)
{
    outbox_cut(&s->outbox);
    session_close(s, CLOSE_SLOW_CONSUMER, 0);
}

static void wake(struct session *s)
{
    session_is_behind(s);
    if (s->awake)
        return;
    s->awake = true;
    s->outlet->operations->wake(s->outlet);
}

/* A closed session is past its ceiling only by its last words. */
static bool has_room(const struct session *s, const struct run *run, bool replay)
{
    return replay || s->state == SESSION_CLOSED ||
           outbox_bytes(&s->outbox) + (run->to - run->from) <=
               session_hub(s)->settings.outbox_bytes_max;
}

bool session_push(struct session *s, const struct run *run, bool replay)
{
    int r = has_room(s, run, replay) ? outbox_push(&s->outbox, run) : MCP_AUTH_E_FULL;

    if (r == MCP_AUTH_E_FULL)
        session_too_slow(s);
    else if (r < 0)
        session_close(s, CLOSE_INTERNAL, 0);
    else
        wake(s);
    return r == 0;
}

void session_push_json(struct session *s, const struct strbuf *json)
{
    session_push_json_at(s, json, NULL);
}

void session_push_json_at(struct session *s, const struct strbuf *json,
                          const struct position *position)
{
    bool streams = s->kind == SESSION_STREAM;
    struct bytes text = strbuf_bytes(json);
    char *frame = NULL;
    struct run run;

    if (s->kind == SESSION_PLAIN)
        return;
    if (!json->error)
        frame =
            frame_log_append(&session_hub(s)->direct,
                             streams ? push_stream_text_size(text, position) : push_text_size(text),
                             &run);
    if (!frame) {
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    if (streams)
        push_stream_text_write(frame, text, position);
    else
        push_text_write(frame, text);
    session_push(s, &run, false);
}

bool session_push_event(struct session *s, const struct entry *entry, enum view view, bool replay)
{
    struct position at = {session_hub(s)->head.epoch, entry->n, entry->check};
    char position[POSITION_SIZE];
    struct strbuf scratch;
    struct bytes json;
    struct run run;
    char *frame = NULL;

    strbuf_init(&scratch, EVENT_SIZE_MAX);
    if (fanout_view_json(session_hub(s), entry->event, view, &scratch, &json) == 0)
        frame = frame_log_append(&session_hub(s)->direct, fanout_frame_size(session_form(s), json),
                                 &run);
    if (frame) {
        if (entry->n == 0)
            at = session_position(s);
        position_write(&at, position);
        fanout_frame_write(frame, session_form(s), json, position);
    }
    strbuf_done(&scratch);
    if (!frame) {
        session_close(s, CLOSE_INTERNAL, 0);
        return false;
    }
    return session_push(s, &run, replay);
}

/* Everything up to here that this client may see has been queued. */
struct position session_position(const struct session *s)
{
    const struct catchup *catchup = session_catchup(s);

    if (!catchup && session_is_ahead(s))
        return s->extras->ahead;
    return catchup ? catchup->cursor : session_hub(s)->head;
}

/* By hand: every sign-in needs one, and snprintf takes ten times as long. */
static char *hex_put(char *to, unsigned long long number, unsigned digits)
{
    for (unsigned i = digits; i > 0; i--, number >>= 4)
        to[i - 1] = "0123456789abcdef"[number & 15];
    return to + digits;
}

void session_name(const struct session *s, char ret[SESSION_NAME_SIZE])
{
    char *at = hex_put(ret, session_hub(s)->nonce, 8);

    _Static_assert(SESSION_NAME_SIZE > 8 + 2 + 16, "and a NUL");
    at = hex_put(at, session_hub(s)->index & 0xff, 2);
    at = hex_put(at, slab_handle(s), 16);
    *at = '\0';
}

void session_say_auth_ok(struct session *s, bool resumed, struct position position)
{
    char id[SESSION_NAME_SIZE];
    struct claims claims = session_claims(s);
    struct strbuf json;
    struct reply_auth_ok reply = {
        .claims = &claims,
        .position = &position,
        .resumed = resumed,
        .heartbeat_interval_ms = session_hub(s)->settings.heartbeat_ms,
    };

    s->heartbeat_ms = (uint32_t)session_hub(s)->settings.heartbeat_ms;
    session_name(s, id);
    reply.connection_id = bytes_of(id);
    strbuf_init(&json, 4 * TOKEN_SIZE_MAX + 4096); /* roles and permissions, each byte escaped */
    reply_auth_ok(&json, &reply);
    session_push_json_at(s, &json, &position);
    strbuf_done(&json);
}

bool session_signed_in(const struct session *s)
{
    return session_is_in(s);
}

size_t session_message_size_max(const struct session *s)
{
    return s->state == SESSION_WAITING ? FIRST_MESSAGE_SIZE_MAX : MESSAGE_FROM_CLIENT_SIZE_MAX;
}

struct bytes session_output(struct session *s, char *scratch, size_t scratch_size)
{
    return outbox_peek(&s->outbox, scratch, scratch_size);
}

void session_sent(struct session *s, size_t size)
{
    outbox_sent(&s->outbox, size);
    if (outbox_empty(&s->outbox)) {
        session_is_even(s);
        s->awake = false;
    }
    catchup_go_on(s);
}
