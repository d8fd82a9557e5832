/* SPDX-License-Identifier: Apache-2.0 */
/* sign_in.c: from a token to a signed-in session, and its renewal on the live connection. */
#include <assert.h>

#include "base/log.h"
#include "hub/session.h"
#include "mcp_auth/error.h"

enum close_reason sign_in_refusal(enum auth_result result)
{
    switch (result) {
    case AUTH_EXPIRED:
        return CLOSE_TOKEN_EXPIRED;
    case AUTH_FENCED:
        return CLOSE_TOKEN_REVOKED;
    case AUTH_NOMEM:
        return CLOSE_INTERNAL;
    case AUTH_OK:
    case AUTH_FAILED:
        break;
    }
    return CLOSE_AUTHENTICATION_FAILED;
}

enum auth_result hub_authenticate(struct hub *hub, struct bytes token, struct identity **ret,
                                  const char **ret_why)
{
    enum auth_result result = authenticate(hub->issuers, hub->settings.tokens, &hub->fences, token,
                                           hub->now.wall_ms, ret, ret_why);

    if (result != AUTH_OK)
        counter_add(&hub->counters.auth_failures, 1);
    else
        hub_meet_tenant(hub, (*ret)->claims.tenant);
    return result;
}

static enum auth_result session_authenticate(struct session *s, struct bytes token,
                                             struct identity **ret)
{
    const char *why = "";
    enum auth_result result = hub_authenticate(session_hub(s), token, ret, &why);

    if (result != AUTH_OK && s->outlet->operations->refused)
        s->outlet->operations->refused(s->outlet, why);
    return result;
}

enum auth_result hub_evaluate(struct hub *hub, const struct identity *identity,
                              struct identity **ret)
{
    const struct claims *claims = &identity->claims;
    int r;

    if (claims->expires_at_ms <= hub->now.wall_ms)
        return AUTH_EXPIRED;
    if (claims_withdrawn(hub, claims))
        return AUTH_FENCED;
    r = authority_evaluate(ret, claims, &hub->fences, &hub->settings.tokens->authority);
    return r == 0 ? AUTH_OK : r == MCP_AUTH_E_REFUSED ? AUTH_FENCED : AUTH_NOMEM;
}

static void log_signed_in(const struct session *s, const struct identity *identity)
{
    char id[SESSION_NAME_SIZE];

    if (!log_wanted(LOG_DEBUG))
        return;
    session_name(s, id);
    log_write(LOG_DEBUG, "signed in", LOG_TEXT("connection_id", bytes_of(id)),
              LOG_TEXT("user", identity->claims.user), LOG_TEXT("tenant", identity->claims.tenant));
}

static void enter(struct session *s, struct identity *identity, struct bytes position)
{
    struct hub *hub = session_hub(s);
    enum close_reason why;

    if (hub->isolated) {
        identity_unref(identity);
        session_close(s, CLOSE_BUS_GAP, 0);
        return;
    }
    if (!session_take_place(s, &identity->claims, &why)) {
        identity_unref(identity);
        session_close(s, why, 0);
        return;
    }
    if (session_enter(s, identity) < 0) {
        identity_unref(identity);
        session_leave_place(s);
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    counter_add(&hub->counters.sign_ins, 1);
    log_signed_in(s, identity);
    identity_unref(identity);
    session_start_deadlines(s);
    if (bytes_present(position)) {
        catchup_begin(s, position);
        return;
    }
    session_become(s, SESSION_LIVE);
    session_schedule(s);
    session_say_auth_ok(s, false, hub->head);
    if (hub->alones.count > 0 && s->state == SESSION_LIVE)
        catchup_begin_here(s);
}

void session_sign_in(struct session *s, struct bytes token, struct bytes position)
{
    struct identity *identity = NULL;
    enum auth_result result;

    assert(s->state == SESSION_WAITING);
    if (bytes_present(token)) {
        result = session_authenticate(s, token, &identity);
    } else if (s->claimed) {
        result = hub_evaluate(session_hub(s), s->claimed, &identity);
    } else {
        session_close(s, CLOSE_AUTHENTICATION_REQUIRED, -1);
        return;
    }
    if (result != AUTH_OK)
        session_close(s, sign_in_refusal(result), -1);
    else
        enter(s, identity, position);
}

static bool same_person(const struct claims *a, const struct claims *b)
{
    return bytes_equal(a->tenant, b->tenant) && bytes_equal(a->user, b->user);
}

void session_renew(struct session *s, struct bytes token)
{
    struct identity *identity = NULL;
    enum auth_result result = session_authenticate(s, token, &identity);
    struct claims claims;
    int r;

    if (result != AUTH_OK) {
        session_close(s, sign_in_refusal(result), -1);
        return;
    }
    claims = session_claims(s);
    if (!same_person(&identity->claims, &claims)) {
        identity_unref(identity);
        session_close(s, CLOSE_FORBIDDEN, -1);
        return;
    }
    r = session_enter(s, identity);
    identity_unref(identity);
    if (r < 0) {
        session_close(s, CLOSE_INTERNAL, 0);
        return;
    }
    counter_add(&session_hub(s)->counters.renewals, 1);
    session_schedule(s);
    catchup_again(s);
    if (!session_is_in(s)) /* it could not ask, and so is closed */
        return;
    /* Before the first auth_ok there is nothing to renew: that one will tell the new identity. */
    if (!session_catchup(s) || !session_catchup(s)->first)
        session_say_auth_ok(s, true, session_position(s));
}
