/* SPDX-License-Identifier: Apache-2.0 */
/* fence_table.c: all fences in force, by tenant and user; merged by maximum. */
#include "auth/fence_table.h"

#include <assert.h>
#include <stdlib.h>

#include "mcp_auth/error.h"
#include "model/limits.h"

/* Two bytes of the tenant's size, the tenant, the user: no two pairs are spelled alike. */
#define KEY_SIZE_MAX (2u + TENANT_SIZE_MAX + USER_ID_SIZE_MAX)
/* A revoked token has its id where others have the user, and this bit in the size. */
#define KEY_OF_TOKEN 0x80
_Static_assert(TENANT_SIZE_MAX <= 0x7fff, "the tenant's size fits into two bytes, less a bit");
_Static_assert(TOKEN_ID_SIZE_MAX <= USER_ID_SIZE_MAX, "a token's id fits where a user does");

struct fence_user {
    struct fence *fences; /* 1 <= count; each name is a copy of its own, or absent */
    unsigned count, room;
    struct fence_user *next_empty; /* only while expiring */
    size_t key_size;
    char key[];
};

static struct bytes user_key(const void *item)
{
    const struct fence_user *user = item;

    return (struct bytes){user->key, user->key_size};
}

/* False when no such pair can be in the table. */
static bool compose_key(struct bytes tenant, struct bytes user, bool is_token,
                        char ret[KEY_SIZE_MAX], size_t *ret_size)
{
    if (tenant.size > TENANT_SIZE_MAX || user.size > USER_ID_SIZE_MAX)
        return false;
    ret[0] = (char)(tenant.size >> 8 | (is_token ? KEY_OF_TOKEN : 0));
    ret[1] = (char)tenant.size;
    if (tenant.size > 0)
        memcpy(ret + 2, tenant.data, tenant.size);
    if (user.size > 0)
        memcpy(ret + 2 + tenant.size, user.data, user.size);
    *ret_size = 2 + tenant.size + user.size;
    return true;
}

static size_t user_bytes(const struct fence_user *user)
{
    size_t bytes = sizeof *user + user->key_size + user->room * sizeof *user->fences;

    for (unsigned i = 0; i < user->count; i++)
        bytes += user->fences[i].name.size;
    return bytes;
}

static void user_free(struct fence_user *user)
{
    if (!user)
        return;
    for (unsigned i = 0; i < user->count; i++)
        free((void *)(uintptr_t)user->fences[i].name.data);
    free(user->fences);
    free(user);
}

void fence_table_init(struct fence_table *table, const uint8_t seed[16])
{
    *table = (struct fence_table){0};
    map_init(&table->users, user_key, seed);
}

void fence_table_done(struct fence_table *table)
{
    size_t cursor = 0;
    struct fence_user *user;

    if (!table)
        return;
    while ((user = map_next(&table->users, &cursor)))
        user_free(user);
    map_done(&table->users);
    table->fences_count = 0;
    table->bytes = 0;
}

static struct fence *user_find(struct fence_user *user, enum fence_scope scope, struct bytes name)
{
    for (unsigned i = 0; i < user->count; i++) {
        struct fence *fence = &user->fences[i];

        if (fence->scope == scope && (scope == FENCE_EVERYTHING || bytes_equal(fence->name, name)))
            return fence;
    }
    return NULL;
}

/* Fail closed: too many to keep apart, so one over everything takes their place. A token newer
 * than the latest of them keeps working. */
static void user_collapse(struct fence_user *user, int64_t not_before_ms)
{
    struct fence *all = &user->fences[0];

    for (unsigned i = 0; i < user->count; i++) {
        if (user->fences[i].not_before_ms > not_before_ms)
            not_before_ms = user->fences[i].not_before_ms;
        free((void *)(uintptr_t)user->fences[i].name.data);
    }
    all->scope = FENCE_EVERYTHING;
    all->name = (struct bytes){0};
    all->not_before_ms = not_before_ms;
    user->count = 1;
}

/* Appends a copy. tenant and user of the copy lie in the key. */
static int user_append(struct fence_user *user, const struct fence *fence)
{
    struct bytes name = {0};

    if (user->count == user->room) {
        unsigned room = user->room ? user->room * 2 : 1; /* one fence is the common case */
        struct fence *fences = reallocarray(user->fences, room, sizeof *fences);

        if (!fences)
            return MCP_AUTH_E_NOMEM;
        user->fences = fences;
        user->room = room;
    }
    if (fence->scope != FENCE_EVERYTHING) {
        char *copy = malloc(fence->name.size);

        if (!copy)
            return MCP_AUTH_E_NOMEM;
        memcpy(copy, fence->name.data, fence->name.size);
        name = (struct bytes){copy, fence->name.size};
    }
    user->fences[user->count++] = (struct fence){
        .tenant = {user->key + 2, fence->tenant.size},
        .user = {user->key + 2 + fence->tenant.size, fence->user.size},
        .scope = fence->scope,
        .name = name,
        .not_before_ms = fence->not_before_ms,
    };
    return 0;
}

static int user_add(struct fence_table *table, struct fence_user *user, const struct fence *fence)
{
    struct fence *old = user_find(user, fence->scope, fence->name);
    size_t before = user_bytes(user);
    int r;

    if (old) {
        if (old->not_before_ms < fence->not_before_ms)
            old->not_before_ms = fence->not_before_ms;
        return 0;
    }
    if (user->count == FENCE_SCOPES_MAX) {
        table->fences_count -= user->count - 1;
        user_collapse(user, fence->not_before_ms);
        table->bytes -= before - user_bytes(user);
        return 0;
    }
    r = user_append(user, fence);
    table->bytes += user_bytes(user) - before; /* also when it failed: there may be more room */
    if (r == 0)
        table->fences_count++;
    return r;
}

static int user_new(struct fence_table *table, const char *key, size_t key_size,
                    const struct fence *fence)
{
    struct fence_user *user;
    int r;

    if (table->users.count >= FENCE_USERS_MAX)
        return MCP_AUTH_E_FULL;
    user = calloc(1, sizeof *user + key_size);
    if (!user)
        return MCP_AUTH_E_NOMEM;
    memcpy(user->key, key, key_size);
    user->key_size = key_size;
    r = user_append(user, fence);
    if (r == 0)
        r = map_insert(&table->users, user);
    if (r < 0) {
        user_free(user);
        return r;
    }
    table->fences_count++;
    table->bytes += user_bytes(user);
    return 0;
}

int fence_table_add(struct fence_table *table, const struct fence *fence)
{
    bool is_token = fence->scope == FENCE_TOKEN;
    struct bytes who = is_token ? fence->name : fence->user;
    char key[KEY_SIZE_MAX];
    struct fence_user *user;
    size_t size;

    if (!compose_key(fence->tenant, who, is_token, key, &size) ||
        fence->name.size > PERMISSION_SIZE_MAX)
        return MCP_AUTH_E_TOO_BIG;
    if (who.size == 0 || (fence->scope != FENCE_EVERYTHING && fence->name.size == 0))
        return MCP_AUTH_E_INVALID;
    user = map_find(&table->users, (struct bytes){key, size});
    return user ? user_add(table, user, fence) : user_new(table, key, size, fence);
}

const struct fence *fence_table_find(const struct fence_table *table, struct bytes tenant,
                                     struct bytes user, unsigned *ret_count)
{
    char key[KEY_SIZE_MAX];
    const struct fence_user *found = NULL;
    size_t size;

    if (compose_key(tenant, user, false, key, &size))
        found = map_find(&table->users, (struct bytes){key, size});
    assert(!found || (found->count > 0 && found->count <= FENCE_SCOPES_MAX));
    *ret_count = found ? found->count : 0;
    return found ? found->fences : NULL;
}

bool fence_table_has_token(const struct fence_table *table, struct bytes tenant,
                           struct bytes token_id)
{
    char key[KEY_SIZE_MAX];
    size_t size;

    return bytes_present(token_id) && compose_key(tenant, token_id, true, key, &size) &&
           map_find(&table->users, (struct bytes){key, size});
}

bool fence_table_holds(const struct fence_table *table, const struct fence *fence)
{
    bool is_token = fence->scope == FENCE_TOKEN;
    const struct fence *found = NULL, *all = NULL;
    struct fence_user *user = NULL;
    char key[KEY_SIZE_MAX];
    size_t size;

    if (compose_key(fence->tenant, is_token ? fence->name : fence->user, is_token, key, &size))
        user = map_find(&table->users, (struct bytes){key, size});
    if (!user)
        return false;
    found = user_find(user, fence->scope, fence->name);
    if (!is_token) /* it may be one of too many, which collapsed */
        all = user_find(user, FENCE_EVERYTHING, (struct bytes){0});
    return (found && found->not_before_ms >= fence->not_before_ms) ||
           (all && all->not_before_ms >= fence->not_before_ms);
}

const struct fence *fence_table_next(const struct fence_table *table, size_t *cursor,
                                     unsigned *ret_count)
{
    const struct fence_user *user = map_next(&table->users, cursor);

    *ret_count = user ? user->count : 0;
    return user ? user->fences : NULL;
}

static void user_expire(struct fence_user *user, int64_t before_ms)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < user->count; i++) {
        if (user->fences[i].not_before_ms < before_ms)
            free((void *)(uintptr_t)user->fences[i].name.data);
        else
            user->fences[kept++] = user->fences[i];
    }
    user->count = kept;
}

void fence_table_expire(struct fence_table *table, int64_t before_ms)
{
    struct fence_user *user, *empty = NULL;
    size_t cursor = 0;

    while ((user = map_next(&table->users, &cursor))) { /* the map may not change meanwhile */
        table->fences_count -= user->count;
        table->bytes -= user_bytes(user);
        user_expire(user, before_ms);
        table->fences_count += user->count;
        table->bytes += user_bytes(user);
        if (user->count == 0) {
            user->next_empty = empty;
            empty = user;
        }
    }
    while (empty) {
        user = empty;
        empty = user->next_empty;
        user = map_remove(&table->users, user_key(user));
        assert(user);
        table->bytes -= user_bytes(user);
        user_free(user);
    }
    assert(table->users.count <= table->fences_count);
}

size_t fence_table_bytes(const struct fence_table *table)
{
    return table->bytes + table->users.capacity * sizeof *table->users.slots;
}

size_t fence_table_count(const struct fence_table *table)
{
    return table->fences_count;
}
