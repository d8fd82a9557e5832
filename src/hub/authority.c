/* SPDX-License-Identifier: Apache-2.0 */
/* authority.c: an identity to its keys in the index, and the same question asked of one event. */
#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

static void members_leave(struct hub *hub, struct member *members, unsigned from, unsigned count)
{
    for (unsigned i = from; i < count; i++)
        audience_index_leave(&hub->audience, &members[i]);
}

/* Enters all keys but the user's own. *ret_at is where the next one goes. */
static int enter_rest(struct session *s, const struct identity *identity, struct member *members,
                      unsigned *at)
{
    struct audience_index *index = &s->hub->audience;
    struct bytes tenant = identity->claims.tenant;
    int r = 0;

    if (identity->admin)
        r = audience_index_enter(index, &members[(*at)++], s, AUDIENCE_ADMINS, tenant, BYTES(""));
    for (unsigned i = 0; i < identity->claims.roles_count && r == 0; i++)
        r = audience_index_enter(index, &members[(*at)++], s, AUDIENCE_ROLE, tenant,
                                 identity->claims.roles[i]);
    for (unsigned i = 0; i < identity->claims.permissions_count && r == 0; i++)
        r = audience_index_enter(index, &members[(*at)++], s, AUDIENCE_PERMISSION, tenant,
                                 identity->claims.permissions[i]);
    return r;
}

int session_enter(struct session *s, struct identity *identity)
{
    unsigned count = 1 + (identity->admin ? 1 : 0) + identity->claims.roles_count +
                     identity->claims.permissions_count;
    struct member *members = calloc(count, sizeof *members);
    unsigned at = 1;
    int r;

    if (!members)
        return MCP_AUTH_E_NOMEM;
    r = enter_rest(s, identity, members, &at);
    if (r == 0) /* the new user's key first, so that the audience does not vanish between */
        r = audience_index_enter(&s->hub->audience, &members[0], s, AUDIENCE_USER,
                                 identity->claims.tenant, identity->claims.user);
    if (r < 0) {
        members_leave(s->hub, members, 0, count);
        free(members);
        return r;
    }
    session_leave(s);
    identity_unref(s->identity);
    s->identity = identity;
    s->members = members;
    s->members_count = count;
    return 0;
}

void session_leave(struct session *s)
{
    members_leave(s->hub, s->members, 0, s->members_count);
    free(s->members);
    s->members = NULL;
    s->members_count = 0;
}

static bool key_finds(const struct audience_key *key, const struct identity *identity)
{
    switch (key->kind) {
    case AUDIENCE_ADMINS:
        return identity->admin;
    case AUDIENCE_USER:
        return bytes_equal(key->name, identity->claims.user);
    case AUDIENCE_ROLE:
        return identity_has_role(identity, key->name);
    case AUDIENCE_PERMISSION:
        return identity_has_permission(identity, key->name);
    case AUDIENCE_ANY_PERMISSION:
        break;
    }
    return false;
}

bool session_may_see(const struct session *s, const struct event *event, enum view *ret_view)
{
    if (!bytes_equal(event->tenant, s->identity->claims.tenant))
        return false;
    for (unsigned i = 0; i < event->audience_count; i++) {
        if (!key_finds(&event->audience[i], s->identity))
            continue;
        *ret_view = s->identity->admin ? VIEW_FULL : event->audience[i].view;
        return filter_passes(s->filter, event->type, event->level, event->members[MEMBER_RESOURCE]);
    }
    return false;
}
