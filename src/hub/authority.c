/* SPDX-License-Identifier: Apache-2.0 */
/* authority.c: what tokens that are alike allow, kept once for all sessions that have it. */
#include "hub/authority.h"

#include <assert.h>
#include <stdlib.h>

#include "hub/session.h"
#include "mcp_auth/error.h"

#define SESSIONS_ROOM_MIN 4u

/* Each list comes out of one token, and both may be the same claim of it; besides the texts stand a
 * size each and the fixed numbers. */
#define TEXTS_SIZE_MAX (TENANT_SIZE_MAX + 2 * TOKEN_SIZE_MAX)
#define KEY_SIZE_MAX (KEY_CLAIMS_AT + TEXTS_SIZE_MAX + (CLAIM_ITEMS_MAX + 3u) * sizeof(uint16_t))
#define KEY_CLAIMS_AT (1u + 2 * sizeof(uint64_t))
_Static_assert(TOKEN_SIZE_MAX <= UINT16_MAX && CLAIM_ITEMS_MAX <= UINT16_MAX, "sizes fit");

static struct bytes authority_key(const void *item)
{
    return ((const struct authority *)item)->key;
}

int authority_table_init(struct authority_table *table, struct audience_index *index,
                         const uint8_t seed[16])
{
    map_init(&table->authorities, authority_key, seed);
    table->index = index;
    table->scratch = malloc(KEY_SIZE_MAX);
    return table->scratch ? 0 : MCP_AUTH_E_NOMEM;
}

void authority_table_done(struct authority_table *table)
{
    assert(table->authorities.count == 0);
    map_done(&table->authorities);
    free(table->scratch);
    table->scratch = NULL;
}

static char *put_number(char *at, size_t number)
{
    uint16_t small = (uint16_t)number;

    assert(number <= UINT16_MAX);
    memcpy(at, &small, sizeof small);
    return at + sizeof small;
}

static char *put_text(char *at, struct bytes text)
{
    at = put_number(at, text.size);
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    return at + text.size;
}

static char *put_list(char *at, const struct bytes *list, unsigned count)
{
    at = put_number(at, count);
    for (unsigned i = 0; i < count; i++)
        at = put_text(at, list[i]);
    return at;
}

/* Whether it is an administrator's is in it as well: which roles make one is not for this table to
 * know. */
static struct bytes compose_key(char *ret, const struct identity *identity)
{
    const struct claims *claims = &identity->claims;
    char *at = ret;

    *at++ = identity->admin ? 'a' : 'o';
    memcpy(at, &claims->key_fingerprint, sizeof(uint64_t));
    memcpy(at + sizeof(uint64_t), &claims->issuer_mark, sizeof(uint64_t));
    at = put_text(ret + KEY_CLAIMS_AT, claims->tenant);
    at = put_list(at, claims->roles, claims->roles_count);
    at = put_list(at, claims->permissions, claims->permissions_count);
    assert((size_t)(at - ret) <= KEY_SIZE_MAX);
    return (struct bytes){ret, (size_t)(at - ret)};
}

/* The claims as they stand in the key: nothing is kept twice. */
static const char *point_text(struct bytes *ret, const char *at)
{
    uint16_t size;

    memcpy(&size, at, sizeof size);
    *ret = (struct bytes){at + sizeof size, size};
    return at + sizeof size + size;
}

static const char *point_list(struct bytes *list, unsigned count, const char *at)
{
    at += sizeof(uint16_t);
    for (unsigned i = 0; i < count; i++)
        at = point_text(&list[i], at);
    return at;
}

static void point_claims(struct authority *authority, struct bytes *lists,
                         const struct claims *claims)
{
    const char *at = authority->key.data + KEY_CLAIMS_AT;

    authority->claims = (struct claims){
        .issued_at_ms = NO_TIME,
        .key_fingerprint = claims->key_fingerprint,
        .issuer_mark = claims->issuer_mark,
        .roles = lists,
        .roles_count = claims->roles_count,
        .permissions = lists + claims->roles_count,
        .permissions_count = claims->permissions_count,
    };
    at = point_text(&authority->claims.tenant, at);
    at = point_list(lists, claims->roles_count, at);
    at = point_list(lists + claims->roles_count, claims->permissions_count, at);
    assert(at == authority->key.data + authority->key.size);
}

static int enter_index(struct authority *authority)
{
    struct audience_index *index = authority->table->index;
    const struct claims *claims = &authority->claims;
    uint32_t at = 0;
    int r = 0;

    if (authority->admin)
        r = audience_index_enter(index, authority, at++, AUDIENCE_ADMINS, claims->tenant,
                                 BYTES(""));
    for (unsigned i = 0; i < claims->roles_count && r == 0; i++)
        r = audience_index_enter(index, authority, at++, AUDIENCE_ROLE, claims->tenant,
                                 claims->roles[i]);
    for (unsigned i = 0; i < claims->permissions_count && r == 0; i++)
        r = audience_index_enter(index, authority, at++, AUDIENCE_PERMISSION, claims->tenant,
                                 claims->permissions[i]);
    return r;
}

/* In the map or not. */
static void authority_free(struct authority *authority)
{
    for (uint32_t i = 0; i < authority->members_count; i++)
        audience_index_leave(authority->table->index, authority, i);
    if (authority->sessions != &authority->first)
        free(authority->sessions);
    free(authority);
}

static int authority_new(struct authority_table *table, const struct identity *identity,
                         struct bytes key, struct authority **ret)
{
    const struct claims *claims = &identity->claims;
    unsigned items = claims->roles_count + claims->permissions_count;
    unsigned members = items + (identity->admin ? 1 : 0);
    size_t members_size = members * sizeof(struct member);
    size_t lists_size = items * sizeof(struct bytes);
    struct authority *authority =
        calloc(1, sizeof *authority + members_size + lists_size + key.size);
    struct bytes *lists;
    char *text;
    int r;

    if (!authority)
        return MCP_AUTH_E_NOMEM;
    lists = (struct bytes *)(authority->members + members);
    text = (char *)(lists + items);
    memcpy(text, key.data, key.size);
    authority->table = table;
    authority->sessions = &authority->first;
    authority->sessions_room = 1;
    authority->admin = identity->admin;
    authority->members_count = members;
    authority->key = (struct bytes){text, key.size};
    point_claims(authority, lists, claims);
    r = enter_index(authority);
    if (r == 0)
        r = map_insert(&table->authorities, authority);
    if (r < 0) {
        authority_free(authority);
        return r;
    }
    *ret = authority;
    return 0;
}

/* From `first` into memory of its own, and then into more or less of it. */
static int resize(struct authority *authority, uint32_t room)
{
    bool own = authority->sessions != &authority->first;
    struct session **sessions =
        realloc(own ? authority->sessions : NULL, room * sizeof(struct session *));

    if (!sessions)
        return MCP_AUTH_E_NOMEM;
    if (!own)
        sessions[0] = authority->first;
    authority->sessions = sessions;
    authority->sessions_room = room;
    return 0;
}

static int make_room(struct authority *authority)
{
    uint32_t room = authority->sessions_room;

    if (authority->sessions_count < room)
        return 0;
    return resize(authority, room < SESSIONS_ROOM_MIN ? SESSIONS_ROOM_MIN : room + room / 2);
}

int authority_take(struct authority_table *table, const struct identity *identity,
                   struct authority **ret)
{
    struct bytes key = compose_key(table->scratch, identity);
    struct authority *authority = map_find(&table->authorities, key);
    int r = 0;

    if (!authority)
        r = authority_new(table, identity, key, &authority);
    if (r < 0)
        return r;
    authority_hold(authority);
    r = make_room(authority);
    if (r < 0) {
        authority_release(authority);
        return r;
    }
    *ret = authority;
    return 0;
}

void authority_hold(struct authority *authority)
{
    authority->held++;
}

static void go_if_empty(struct authority *authority)
{
    if (authority->held > 0 || authority->sessions_count > 0)
        return;
    (void)map_remove(&authority->table->authorities, authority->key);
    authority_free(authority);
}

void authority_release(struct authority *authority)
{
    assert(authority->held > 0);
    authority->held--;
    go_if_empty(authority);
}

void authority_add(struct authority *authority, struct session *session)
{
    assert(authority->sessions_count < authority->sessions_room);
    session->authority = authority;
    session->place = authority->sessions_count;
    authority->sessions[authority->sessions_count++] = session;
}

void authority_remove(struct session *session)
{
    struct authority *authority = session->authority;
    struct session *last = authority->sessions[authority->sessions_count - 1];

    assert(authority->sessions[session->place] == session);
    authority->sessions[session->place] = last;
    last->place = session->place;
    authority->sessions_count--;
    session->authority = NULL;
    /* Without memory for the smaller one the larger stays. */
    if (authority->sessions_room > SESSIONS_ROOM_MIN &&
        authority->sessions_count <= authority->sessions_room / 4)
        (void)!resize(authority, authority->sessions_room / 2);
    go_if_empty(authority);
}
