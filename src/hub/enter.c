/* SPDX-License-Identifier: Apache-2.0 */
/* enter.c: what a signed-in session keeps of its identity, and where it stands in the index. */
#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

struct claims session_claims(const struct session *s)
{
    struct claims claims = s->authority->claims;
    struct bytes key = subject_key(s->subject);

    assert(session_is_in(s));
    claims.user =
        (struct bytes){key.data + 2 + claims.tenant.size, key.size - 2 - claims.tenant.size};
    claims.token_id = subject_token_id(s->subject);
    claims.issued_at_ms = s->issued_at_ms;
    claims.expires_at_ms = s->expires_at_ms;
    return claims;
}

/* Puts a session that is in nothing yet under its user. */
static int enter_user(struct session *s, struct subject *subject)
{
    int r;

    s->subject = subject;
    r = user_index_enter(&session_hub(s)->users, s);
    if (r < 0)
        s->subject = NULL;
    return r;
}

/* Two of them may differ in nothing but the key that vouched, or in the order of their lists. */
static bool sees_the_same(const struct authority *a, const struct authority *b)
{
    return a->admin == b->admin && claims_same_authority(&a->claims, &b->claims);
}

int session_enter(struct session *s, const struct identity *identity)
{
    const struct claims *claims = &identity->claims;
    struct authority *authority;
    struct subject *subject;
    int r = authority_take(&session_hub(s)->authorities, identity, &authority);

    if (r < 0)
        return r;
    subject = subject_new(claims->tenant, claims->user, claims->token_id);
    r = subject ? 0 : MCP_AUTH_E_NOMEM;
    if (r == 0 && !s->subject)
        r = enter_user(s, subject);
    if (r < 0) {
        free(subject);
        authority_release(authority);
        return r;
    }
    if (s->state == SESSION_WAITING) {
        identity_unref(s->claimed);
    } else {
        s->changed |= s->authority != authority && !sees_the_same(s->authority, authority);
        /* Its key is the same, so the index need not know. */
        assert(bytes_equal(subject_key(s->subject), subject_key(subject)));
        free(s->subject);
        s->subject = subject;
        authority_remove(s);
    }
    authority_add(authority, s);
    authority_release(authority);
    s->issued_at_ms = claims->issued_at_ms;
    s->expires_at_ms = claims->expires_at_ms;
    return 0;
}

void session_leave(struct session *s)
{
    if (!s->subject)
        return;
    user_index_leave(&session_hub(s)->users, s);
    authority_remove(s);
    free(s->subject);
    s->subject = NULL;
}

void session_leave_with_authority(struct session *s)
{
    struct authority *authority = s->authority;

    authority_hold(authority);
    user_index_leave(&session_hub(s)->users, s);
    authority_remove(s);
    s->authority = authority;
}

void session_forget(struct session *s)
{
    authority_release(s->authority);
    s->authority = NULL;
    free(s->subject);
    s->subject = NULL;
}

static bool key_finds(const struct audience_key *key, bool admin, const struct claims *claims)
{
    switch (key->kind) {
    case AUDIENCE_ADMINS:
        return admin;
    case AUDIENCE_USER:
        return bytes_equal(key->name, claims->user);
    case AUDIENCE_ROLE:
        return claims_hold_role(claims, key->name);
    case AUDIENCE_PERMISSION:
        return claims_hold_permission(claims, key->name);
    case AUDIENCE_ANY_PERMISSION:
        break;
    }
    return false;
}

bool session_may_see(const struct session *s, const struct event *event, enum view *ret_view)
{
    struct claims claims = session_claims(s);
    bool admin = s->authority->admin;

    if (!bytes_equal(event->tenant, claims.tenant))
        return false;
    for (unsigned i = 0; i < event->audience_count; i++) {
        if (!key_finds(&event->audience[i], admin, &claims))
            continue;
        *ret_view = admin ? VIEW_FULL : event->audience[i].view;
        return filter_passes(session_filter(s), event->type, event->level,
                             event->members[MEMBER_RESOURCE]);
    }
    return false;
}
