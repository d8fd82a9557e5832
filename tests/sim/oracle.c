/* SPDX-License-Identifier: Apache-2.0 */
/* oracle.c: sign-in, renewal, messages, deadlines and closes, by walking over all sessions. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "oracle_state.h"

struct oracle *oracle_new(const struct plain_config *config)
{
    struct oracle *o = calloc(1, sizeof *o);

    if (!o)
        abort();
    o->config = config;
    for (unsigned h = 0; h < config->hubs; h++)
        o->hubs[h].bus = 2;
    o->entries_room = 256;
    o->entries = calloc(o->entries_room, sizeof *o->entries);
    o->checks = calloc(o->entries_room, sizeof *o->checks);
    if (!o->entries || !o->checks)
        abort();
    return o;
}

static void session_clear(struct oracle_session *s)
{
    for (unsigned i = 0; i < s->count; i++)
        free(s->wants[i].own);
    free(s->wants);
    *s = (struct oracle_session){0};
}

void oracle_free(struct oracle *o)
{
    for (unsigned i = 0; i < o->sessions_count; i++)
        session_clear(&o->sessions[i]);
    for (uint64_t n = 1; n <= o->entries_count; n++)
        for (unsigned cut = 0; cut < 8; cut++)
            free(o->entries[n].texts[cut]);
    free(o->sessions);
    free(o->entries);
    free(o->checks);
    free(o);
}

const char *oracle_problem(const struct oracle *o)
{
    return o->failed ? o->problem : NULL;
}

struct oracle_session *oracle_session(struct oracle *o, unsigned client)
{
    if (client >= o->sessions_count) {
        unsigned count = client + 16;

        o->sessions = realloc(o->sessions, count * sizeof *o->sessions);
        if (!o->sessions)
            abort();
        memset(o->sessions + o->sessions_count, 0,
               (count - o->sessions_count) * sizeof *o->sessions);
        o->sessions_count = count;
    }
    return &o->sessions[client];
}

static bool in(const struct oracle_session *s)
{
    return s->state == O_CATCHUP || s->state == O_LIVE || s->state == O_LEAVING;
}

static int64_t heartbeat_every(const struct oracle *o, const struct oracle_session *s)
{
    int64_t every = o->config->heartbeat_ms;

    return o->hubs[s->hub].bus != 0 && every > 5000 ? 5000 : every;
}

/* Everything up to here that it may see has been sent. */
static uint64_t told_to(const struct oracle *o, const struct oracle_session *s)
{
    return s->state == O_CATCHUP ? s->cursor : o->hubs[s->hub].head;
}

/* The leeway lets a token in that is just over; one that is let in before ends on time. None
 * outlives its age. */
static int64_t expiry(const struct oracle *o, const struct oracle_session *s,
                      const struct plain_token *token)
{
    bool late = o->hubs[s->hub].wall >= token->exp_ms;
    int64_t expires = late ? token->exp_ms + o->config->leeway_ms : token->exp_ms;
    int64_t aged = token->iat_ms + o->config->age_max_ms;

    return token->has_iat && aged < expires ? aged : expires;
}

/* Every reason there is to refuse this token now: the hub may name any of them. */
static void judge(struct oracle *o, struct oracle_session *s, const struct plain_token *token,
                  int64_t expires)
{
    const struct plain_config *config = o->config;
    const struct oracle_hub *hub = &o->hubs[s->hub];
    struct rule_identity who;

    if (!token->good || (token->has_iat && token->iat_ms > hub->wall + config->leeway_ms) ||
        (token->has_nbf && token->nbf_ms > hub->wall + config->leeway_ms))
        oracle_due(s, 4001);
    if (!token->good)
        return;
    if (expires <= hub->wall)
        oracle_due(s, 4101);
    rule_identity(config, token, hub->fences, hub->fences_count, &who);
    if (who.everything_gone)
        oracle_due(s, 4102);
    if (in(s) &&
        (strcmp(token->user, s->token.user) != 0 || strcmp(token->tenant, s->token.tenant) != 0))
        oracle_due(s, 4003);
}

static void take_token(struct oracle *o, struct oracle_session *s, const struct plain_token *token,
                       int64_t expires)
{
    const struct oracle_hub *hub = &o->hubs[s->hub];

    s->expires = expires;
    s->token = *token;
    rule_identity(o->config, token, hub->fences, hub->fences_count, &s->who);
}

static void begin(struct oracle *o, struct oracle_session *s, const struct plain_position *position,
                  bool readable)
{
    const struct oracle_hub *hub = &o->hubs[s->hub];

    s->ping_due = hub->mono + o->config->heartbeat_ms;
    s->heartbeat_due = hub->mono + heartbeat_every(o, s);
    s->heard = true;
    s->pinged = false;
    s->state = O_LIVE;
    if (!position->given || (!readable && s->control)) {
        oracle_want_control(o, s, rule_auth_ok_text(o->config, s->expires, &s->who, false),
                            hub->head);
    } else if (!readable) {
        oracle_due(s, 4301);
    } else {
        s->state = O_CATCHUP;
        s->first = true;
        s->waiting = false;
        s->must_ask = true;
        s->asked_n = s->cursor = position->n;
    }
}

static void sign_in(struct oracle *o, struct oracle_session *s, const struct plain_token *token,
                    const struct plain_position *position, bool readable, bool admitted)
{
    int64_t expires = token == &s->handshake ? s->handshake_expires : expiry(o, s, token);

    judge(o, s, token, expires);
    if (s->due_count == 0 && !admitted)
        oracle_due(s, 4204);
    if (s->due_count > 0)
        return;
    take_token(o, s, token, expires);
    begin(o, s, position, readable);
}

void oracle_connect(struct oracle *o, unsigned client, unsigned hub, bool control,
                    const struct plain_token *handshake, bool admitted)
{
    const struct plain_position none = {0};
    struct oracle_session *s = oracle_session(o, client);

    session_clear(s);
    s->state = O_WAITING;
    s->hub = hub;
    s->control = control;
    s->filter.types = (1u << SIM_TYPES) - 1;
    s->auth_due = o->hubs[hub].mono + o->config->auth_timeout_ms;
    if (!handshake)
        return;
    s->has_handshake = true;
    s->handshake = *handshake;
    s->handshake_expires = expiry(o, s, handshake);
    if (!control)
        sign_in(o, s, &s->handshake, &none, false, admitted);
}

/* Every message counts. False: this one is one too many, or nobody listens any more. */
static bool counted(struct oracle *o, struct oracle_session *s)
{
    int64_t now = o->hubs[s->hub].mono;

    if (s->state == O_NONE || s->state == O_CLOSED || s->state == O_LEAVING)
        return false;
    s->heard = true;
    if (o->config->rate_messages == 0)
        return true;
    if (s->window_count == 0 || now - s->window_began >= o->config->rate_window_ms) {
        s->window_began = now;
        s->window_count = 0;
    }
    if (++s->window_count <= o->config->rate_messages)
        return true;
    oracle_due(s, 4203);
    return false;
}

static void say_error(struct oracle *o, struct oracle_session *s)
{
    static const char error[] = "{\"type\":\"error\",\"code\":\"bad_request\",\"message\":\"\3";
    char *text = strdup(error);

    if (!text)
        abort();
    s->error_said = true;
    oracle_want_control(o, s, text, 0);
}

void oracle_bad_message(struct oracle *o, unsigned client)
{
    struct oracle_session *s = oracle_session(o, client);

    if (!counted(o, s))
        return;
    if (s->state == O_WAITING) {
        oracle_due(s, 4001);
        return;
    }
    say_error(o, s);
    oracle_due(s, 4005);
}

static void renew(struct oracle *o, struct oracle_session *s, const struct plain_token *token,
                  const struct plain_position *position, const struct plain_filter *filter)
{
    if (!token || position->given) { /* a renewal has a token and no position */
        say_error(o, s);
        oracle_due(s, 4005);
        return;
    }
    judge(o, s, token, expiry(o, s, token));
    if (s->due_count > 0)
        return;
    if (filter)
        s->filter = *filter;
    take_token(o, s, token, expiry(o, s, token));
    if (s->state == O_CATCHUP && s->waiting)
        s->must_ask = true; /* what was asked was for another authority */
    if (s->state != O_CATCHUP || !s->first)
        oracle_want_control(o, s, rule_auth_ok_text(o->config, s->expires, &s->who, true),
                            told_to(o, s));
}

void oracle_auth(struct oracle *o, unsigned client, const struct plain_token *token,
                 const struct plain_position *position, bool position_readable,
                 const struct plain_filter *filter, bool admitted)
{
    struct oracle_session *s = oracle_session(o, client);

    if (!counted(o, s))
        return;
    if (s->state != O_WAITING) {
        renew(o, s, token, position, filter);
    } else if (!token && !s->has_handshake) {
        oracle_due(s, 4001);
    } else {
        if (filter)
            s->filter = *filter;
        sign_in(o, s, token ? token : &s->handshake, position, position_readable, admitted);
    }
    if (filter && s->due_count == 0)
        oracle_want_control(o, s, rule_subscribed_text(filter), 0);
}

void oracle_subscribe(struct oracle *o, unsigned client, const struct plain_filter *filter)
{
    struct oracle_session *s = oracle_session(o, client);

    if (!counted(o, s))
        return;
    if (s->state == O_WAITING) {
        oracle_due(s, 4001);
        return;
    }
    s->filter = *filter;
    oracle_want_control(o, s, rule_subscribed_text(filter), 0);
}

void oracle_ping(struct oracle *o, unsigned client, const char *id_json)
{
    struct oracle_session *s = oracle_session(o, client);

    if (!counted(o, s))
        return;
    if (s->state == O_WAITING)
        oracle_due(s, 4001);
    else
        oracle_want_control(o, s, rule_pong_text(id_json), 0);
}

void oracle_pong(struct oracle *o, unsigned client)
{
    oracle_session(o, client)->heard = true;
}

static void beat(struct oracle *o, struct oracle_session *s)
{
    const struct oracle_hub *hub = &o->hubs[s->hub];

    if (hub->mono >= s->ping_due) {
        if (s->pinged && !s->heard) {
            oracle_cut(s);
            oracle_due(s, 4201);
            return;
        }
        s->pinged = true;
        s->heard = false;
        s->ping_due = hub->mono + o->config->heartbeat_ms;
        oracle_want(o, s, NULL, NULL, 0, false);
    }
    if (s->control && hub->mono >= s->heartbeat_due && s->due_count == 0) {
        s->heartbeat_due = hub->mono + heartbeat_every(o, s);
        if (s->state != O_CATCHUP || !s->first)
            oracle_want_control(o, s, rule_heartbeat_text(hub->wall, hub->bus), told_to(o, s));
    }
}

void oracle_time(struct oracle *o, unsigned hub_index, int64_t mono_ms, int64_t wall_ms)
{
    struct oracle_hub *hub = &o->hubs[hub_index];

    hub->mono = mono_ms;
    hub->wall = wall_ms;
    for (unsigned i = 0; i < o->sessions_count; i++) {
        struct oracle_session *s = &o->sessions[i];
        bool expired = in(s) && s->expires <= wall_ms;

        if (s->hub != hub_index)
            continue;
        if (s->state == O_LEAVING && mono_ms >= s->leaving_due) {
            oracle_due(s, 4002);
            oracle_due(s, 4102);
        }
        if (s->state == O_WAITING && mono_ms >= s->auth_due)
            oracle_due(s, 4205);
        else if (expired && s->state == O_LEAVING)
            s->may_expire = true; /* its last event is on its way, and either is right */
        else if (expired)
            oracle_due(s, 4101);
        else if (s->state == O_CATCHUP || s->state == O_LIVE)
            beat(o, s);
    }
}

void oracle_close_all(struct oracle *o, unsigned hub)
{
    for (unsigned i = 0; i < o->sessions_count; i++)
        if (o->sessions[i].hub == hub && (o->sessions[i].state == O_WAITING || in(&o->sessions[i])))
            oracle_due(&o->sessions[i], 4200);
}

void oracle_bus_state(struct oracle *o, unsigned hub, int state)
{
    bool hurries = o->hubs[hub].bus == 0 && state != 0;

    o->hubs[hub].bus = state;
    for (unsigned i = 0; hurries && i < o->sessions_count; i++) {
        struct oracle_session *s = &o->sessions[i];
        int64_t in_ms = s->heartbeat_due - o->hubs[hub].mono;

        if (s->hub == hub && s->control && (s->state == O_CATCHUP || s->state == O_LIVE) &&
            in_ms > 5000)
            s->heartbeat_due = o->hubs[hub].mono + in_ms % 5000;
    }
}

void oracle_closed(struct oracle *o, unsigned client, int code)
{
    struct oracle_session *s = oracle_session(o, client);
    bool right = (code == 4101 && s->may_expire);

    for (unsigned i = 0; i < s->due_count; i++)
        right = right || s->due[i] == code;
    if (code == 4202 && s->error_said && s->owed + 512 > o->config->outbox_bytes_max)
        right = true, oracle_cut(s); /* the error's text is of free length: it had no room */
    if (code == 4202 && o->config->frame_log_small && s->owed > 0 && !right)
        right = true, oracle_cut(s); /* it was behind for longest while memory was short */
    if (!right)
        oracle_fail(o,
                    "client %u of hub %u (user %s, state %d, owed %llu) was closed with %d; "
                    "expected %d",
                    client, s->hub, s->token.user, (int)s->state, (unsigned long long)s->owed, code,
                    s->due_count ? s->due[0] : 0);
    s->due_count = 0;
    s->must_ask = s->waiting = false;
    s->state = O_CLOSED;
    /* In such a run what a closed one still has to read may be dropped as well. */
    s->cut_silently = o->config->frame_log_small;
    oracle_want_control(o, s, rule_closing_text(code), 0);
}

void oracle_turn(struct oracle *o, unsigned hub)
{
    for (unsigned i = 0; i < o->sessions_count; i++) {
        struct oracle_session *s = &o->sessions[i];

        if (s->state == O_NONE || s->hub != hub)
            continue;
        if (s->due_count > 0)
            oracle_fail(o,
                        "client %u of hub %u (user %s, state %d, owed %llu) should have been "
                        "closed with %d",
                        i, hub, s->token.user, (int)s->state, (unsigned long long)s->owed,
                        s->due[0]);
        if (s->must_ask)
            oracle_fail(o, "client %u of hub %u should have asked history from %llu", i, hub,
                        (unsigned long long)s->cursor);
    }
}

void oracle_gone(struct oracle *o, unsigned client)
{
    session_clear(oracle_session(o, client));
}

bool oracle_signed_in(const struct oracle *o, unsigned client)
{
    return client < o->sessions_count && in(&o->sessions[client]);
}

bool oracle_catching_up(const struct oracle *o, unsigned client)
{
    return client < o->sessions_count && o->sessions[client].state == O_CATCHUP;
}

const struct plain_token *oracle_token(const struct oracle *o, unsigned client)
{
    return &o->sessions[client].token;
}

uint64_t oracle_head(const struct oracle *o, unsigned hub)
{
    return o->hubs[hub].head;
}

uint64_t oracle_owed(const struct oracle *o, unsigned client)
{
    return o->sessions[client].owed;
}
