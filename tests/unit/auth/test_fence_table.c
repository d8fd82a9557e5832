/* SPDX-License-Identifier: Apache-2.0 */
/* test_fence_table.c: fences merge by maximum, collapse when too many, and are forgotten by age. */
#include <stdio.h>

#include "auth/fence_table.h"
#include "base/random.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "unit.h"

static const uint8_t seed[16] = "a seed of a test";

static struct fence fence_of(const char *tenant, const char *user, enum fence_scope scope,
                             const char *name, int64_t not_before_ms)
{
    return (struct fence){bytes_of(tenant), bytes_of(user), scope, bytes_of(name), not_before_ms};
}

static void add(struct fence_table *table, const char *tenant, const char *user,
                enum fence_scope scope, const char *name, int64_t not_before_ms)
{
    struct fence fence = fence_of(tenant, user, scope, name, not_before_ms);

    CHECK_EQ(fence_table_add(table, &fence), 0);
}

/* The time of this very fence, or -1. */
static int64_t time_of(const struct fence_table *table, const char *tenant, const char *user,
                       enum fence_scope scope, const char *name)
{
    unsigned count;
    const struct fence *fences = fence_table_find(table, bytes_of(tenant), bytes_of(user), &count);
    int64_t found = -1;

    CHECK((fences != NULL) == (count > 0));
    for (unsigned i = 0; i < count; i++) {
        CHECK(bytes_equal(fences[i].tenant, bytes_of(tenant)));
        CHECK(bytes_equal(fences[i].user, bytes_of(user)));
        if (fences[i].scope == scope && bytes_equal(fences[i].name, bytes_of(name))) {
            CHECK_EQ(found, -1); /* each once */
            found = fences[i].not_before_ms;
        }
    }
    return found;
}

TEST(the_later_of_two_equal_fences_stays)
{
    struct fence_table table;

    fence_table_init(&table, seed);
    add(&table, "t", "u", FENCE_ROLE, "editor", 100);
    add(&table, "t", "u", FENCE_ROLE, "editor", 300);
    add(&table, "t", "u", FENCE_ROLE, "editor", 200);
    CHECK_EQ(time_of(&table, "t", "u", FENCE_ROLE, "editor"), 300);
    CHECK_EQ(fence_table_count(&table), 1);
    fence_table_done(&table);
}

TEST(scopes_names_users_and_tenants_are_kept_apart)
{
    struct fence_table table;

    fence_table_init(&table, seed);
    add(&table, "t", "u", FENCE_ROLE, "x", 1);
    add(&table, "t", "u", FENCE_PERMISSION, "x", 2);
    add(&table, "t", "u", FENCE_EVERYTHING, NULL, 3);
    add(&table, "t", "u", FENCE_ROLE, "xy", 4);
    add(&table, "", "u", FENCE_ROLE, "x", 5);
    add(&table, "", "tu", FENCE_ROLE, "x", 6); /* the same letters, divided otherwise */
    add(&table, "tu", "x", FENCE_ROLE, "x", 7);
    CHECK_EQ(time_of(&table, "t", "u", FENCE_ROLE, "x"), 1);
    CHECK_EQ(time_of(&table, "t", "u", FENCE_PERMISSION, "x"), 2);
    CHECK_EQ(time_of(&table, "t", "u", FENCE_EVERYTHING, NULL), 3);
    CHECK_EQ(time_of(&table, "t", "u", FENCE_ROLE, "xy"), 4);
    CHECK_EQ(time_of(&table, "", "u", FENCE_ROLE, "x"), 5);
    CHECK_EQ(time_of(&table, "", "tu", FENCE_ROLE, "x"), 6);
    CHECK_EQ(time_of(&table, "tu", "x", FENCE_ROLE, "x"), 7);
    CHECK_EQ(time_of(&table, "", "x", FENCE_ROLE, "x"), -1);
    CHECK_EQ(fence_table_count(&table), 7);
    fence_table_done(&table);
}

TEST(the_table_copies_what_it_is_given)
{
    struct fence_table table;
    char tenant[] = "tenant", user[] = "user", role[] = "role";

    fence_table_init(&table, seed);
    add(&table, tenant, user, FENCE_ROLE, role, 1);
    memset(tenant, 'x', sizeof tenant - 1);
    memset(user, 'x', sizeof user - 1);
    memset(role, 'x', sizeof role - 1);
    CHECK_EQ(time_of(&table, "tenant", "user", FENCE_ROLE, "role"), 1);
    fence_table_done(&table);
}

TEST(a_257th_scope_collapses_all_into_one_over_everything_with_the_latest_time)
{
    struct fence_table table;
    unsigned count;
    char role[16];

    for (int late = 0; late < 2; late++) { /* the latest is an old one, and the new one */
        fence_table_init(&table, seed);
        add(&table, "t", "other", FENCE_ROLE, "x", 9);
        for (int i = 0; i < (int)FENCE_SCOPES_MAX; i++) {
            snprintf(role, sizeof role, "role%d", i);
            add(&table, "t", "u", FENCE_ROLE, role, i == 77 ? 5000 : 100 + i);
        }
        CHECK_EQ(fence_table_count(&table), FENCE_SCOPES_MAX + 1);
        add(&table, "t", "u", FENCE_ROLE, "role0", 101); /* a known one does not */
        CHECK_EQ(fence_table_count(&table), FENCE_SCOPES_MAX + 1);

        add(&table, "t", "u", FENCE_PERMISSION, "p", late ? 6000 : 1);
        CHECK_EQ(fence_table_count(&table), 2);
        fence_table_find(&table, BYTES("t"), BYTES("u"), &count);
        CHECK_EQ(count, 1);
        CHECK_EQ(time_of(&table, "t", "u", FENCE_EVERYTHING, NULL), late ? 6000 : 5000);

        add(&table, "t", "u", FENCE_ROLE, "after", 7000); /* and it goes on from there */
        CHECK_EQ(time_of(&table, "t", "u", FENCE_ROLE, "after"), 7000);
        CHECK_EQ(fence_table_count(&table), 3);
        fence_table_done(&table);
    }
}

TEST(expiring_forgets_what_is_older_and_keeps_the_very_moment)
{
    struct fence_table table;

    fence_table_init(&table, seed);
    add(&table, "t", "a", FENCE_ROLE, "old", 99);
    add(&table, "t", "a", FENCE_ROLE, "edge", 100);
    add(&table, "t", "a", FENCE_EVERYTHING, NULL, 98);
    add(&table, "t", "b", FENCE_ROLE, "old", 1);
    fence_table_expire(&table, 100);
    CHECK_EQ(fence_table_count(&table), 1);
    CHECK_EQ(time_of(&table, "t", "a", FENCE_ROLE, "edge"), 100);
    CHECK_EQ(time_of(&table, "t", "b", FENCE_ROLE, "old"), -1);
    add(&table, "t", "b", FENCE_ROLE, "old", 200);
    CHECK_EQ(fence_table_count(&table), 2);
    fence_table_expire(&table, INT64_MAX);
    CHECK_EQ(fence_table_count(&table), 0);
    fence_table_expire(&table, INT64_MAX);
    fence_table_done(&table);
    fence_table_done(NULL);
}

TEST(texts_over_their_limits_and_fences_without_a_name_are_refused)
{
    struct fence_table table;
    char text[PERMISSION_SIZE_MAX + 2];
    struct fence fence = fence_of("t", "u", FENCE_ROLE, "x", 1);
    unsigned count = 1;

    memset(text, 'x', sizeof text);
    fence_table_init(&table, seed);
    fence.name = (struct bytes){text, PERMISSION_SIZE_MAX + 1};
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_TOO_BIG);
    fence.name = (struct bytes){0};
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_INVALID);
    fence.name = BYTES("x");
    fence.user = (struct bytes){text, USER_ID_SIZE_MAX + 1};
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_TOO_BIG);
    CHECK(!fence_table_find(&table, BYTES("t"), fence.user, &count));
    CHECK_EQ(count, 0);
    fence.user = BYTES("");
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_INVALID);
    CHECK_EQ(fence_table_count(&table), 0);

    fence = (struct fence){{text, TENANT_SIZE_MAX},
                           {text, USER_ID_SIZE_MAX},
                           FENCE_PERMISSION,
                           {text, PERMISSION_SIZE_MAX},
                           1};
    CHECK_EQ(fence_table_add(&table, &fence), 0);
    CHECK(fence_table_find(&table, fence.tenant, fence.user, &count));
    fence.tenant.size++;
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_TOO_BIG);
    CHECK_EQ(fence_table_count(&table), 1);
    fence_table_done(&table);
}

/* The model: a list that is searched from its beginning. */
#define MODEL_USERS 40u
#define MODEL_SCOPES 9u /* everything, 4 roles, 4 permissions */

static void compare(const struct fence_table *table, int64_t model[MODEL_USERS][MODEL_SCOPES])
{
    size_t total = 0;
    char tenant[8], user[8], name[8];

    for (unsigned u = 0; u < MODEL_USERS; u++) {
        snprintf(tenant, sizeof tenant, "%u", u % 3);
        snprintf(user, sizeof user, "%u", u);
        for (unsigned s = 0; s < MODEL_SCOPES; s++) {
            snprintf(name, sizeof name, "%u", s % 4);
            CHECK_EQ(time_of(table, tenant, user,
                             s == 0   ? FENCE_EVERYTHING
                             : s <= 4 ? FENCE_ROLE
                                      : FENCE_PERMISSION,
                             s == 0 ? NULL : name),
                     model[u][s]);
            total += model[u][s] >= 0;
        }
    }
    CHECK_EQ(fence_table_count(table), total);
}

TEST(the_table_agrees_with_a_naive_model_over_many_changes)
{
    static int64_t model[MODEL_USERS][MODEL_SCOPES];
    struct fence_table table;
    uint64_t dice_state = 20261123;
    struct random random = random_seeded(&dice_state);
    char tenant[8], user[8], name[8];

    memset(model, 0xff, sizeof model); /* -1: none */
    fence_table_init(&table, seed);
    for (unsigned step = 0; step < 6000; step++) {
        uint32_t dice[4];
        unsigned u, s;
        int64_t at;

        random.fill(random.owner, dice, sizeof dice);
        u = dice[0] % MODEL_USERS;
        s = dice[1] % MODEL_SCOPES;
        at = (int64_t)(step / 2 + dice[2] % 200);
        if (dice[3] % 100 == 0) {
            at -= 100;
            fence_table_expire(&table, at);
            for (u = 0; u < MODEL_USERS; u++)
                for (s = 0; s < MODEL_SCOPES; s++)
                    if (model[u][s] < at)
                        model[u][s] = -1;
        } else {
            snprintf(tenant, sizeof tenant, "%u", u % 3);
            snprintf(user, sizeof user, "%u", u);
            snprintf(name, sizeof name, "%u", s % 4);
            add(&table, tenant, user,
                s == 0   ? FENCE_EVERYTHING
                : s <= 4 ? FENCE_ROLE
                         : FENCE_PERMISSION,
                s == 0 ? NULL : name, at);
            if (model[u][s] < at)
                model[u][s] = at;
        }
        if (step % 50 == 0)
            compare(&table, model);
    }
    compare(&table, model);
    fence_table_done(&table);
}

TEST(a_revoked_token_stands_by_its_id_and_no_user_has_that_fence)
{
    struct fence fence = {.tenant = BYTES("t"), .scope = FENCE_TOKEN, .name = BYTES("u")};
    struct fence_table table;

    fence_table_init(&table, seed);
    CHECK_EQ(fence_table_add(&table, &fence), 0);
    CHECK_EQ(fence_table_add(&table, &fence), 0);
    CHECK_EQ(fence_table_count(&table), 1);
    CHECK(fence_table_has_token(&table, BYTES("t"), BYTES("u")));
    CHECK(!fence_table_has_token(&table, BYTES("t2"), BYTES("u")));
    CHECK(!fence_table_has_token(&table, BYTES("t"), BYTES("v")));
    CHECK(!fence_table_has_token(&table, BYTES("t"), (struct bytes){0}));
    CHECK_EQ(time_of(&table, "t", "u", FENCE_TOKEN, "u"), -1); /* a user of that name has none */
    add(&table, "t", "u", FENCE_EVERYTHING, NULL, 5);
    CHECK_EQ(fence_table_count(&table), 2);
    fence_table_expire(&table, 1);
    CHECK(!fence_table_has_token(&table, BYTES("t"), BYTES("u")));
    CHECK_EQ(fence_table_count(&table), 1);
    fence.name = BYTES("");
    CHECK_EQ(fence_table_add(&table, &fence), MCP_AUTH_E_INVALID);
    fence_table_done(&table);
}

TEST(bytes_are_counted_while_fences_come_merge_collapse_and_go)
{
    struct fence_table table;
    size_t one, more;
    char name[32];

    fence_table_init(&table, seed);
    CHECK_EQ(fence_table_bytes(&table), 0);
    add(&table, "t", "u", FENCE_ROLE, "editor", 1000);
    one = fence_table_bytes(&table);
    CHECK(one > 0);
    add(&table, "t", "u", FENCE_ROLE, "editor", 2000); /* the same: nothing more */
    CHECK_EQ(fence_table_bytes(&table), one);
    for (unsigned i = 1; i < FENCE_SCOPES_MAX; i++) {
        snprintf(name, sizeof name, "role%u", i);
        add(&table, "t", "u", FENCE_ROLE, name, 1000);
    }
    more = fence_table_bytes(&table);
    CHECK(more > one);
    add(&table, "t", "u", FENCE_ROLE, "one too many", 1000);
    CHECK(fence_table_bytes(&table) < more); /* the names are gone */
    fence_table_expire(&table, 3000);
    CHECK_EQ(fence_table_count(&table), 0);
    CHECK_EQ(table.bytes, 0);
    fence_table_done(&table);
}

TEST(what_would_change_nothing_is_known_also_when_scopes_have_collapsed)
{
    struct fence role = fence_of("t", "u", FENCE_ROLE, "editor", 1000);
    struct fence token = fence_of("t", "", FENCE_TOKEN, "jti", 7);
    struct fence_table table;
    char name[32];

    fence_table_init(&table, seed);
    CHECK(!fence_table_holds(&table, &role));
    CHECK_EQ(fence_table_add(&table, &role), 0);
    CHECK(fence_table_holds(&table, &role));
    role.not_before_ms++;
    CHECK(!fence_table_holds(&table, &role));
    CHECK(!fence_table_holds(&table, &token));
    CHECK_EQ(fence_table_add(&table, &token), 0);
    CHECK(fence_table_holds(&table, &token));
    for (unsigned i = 0; i < FENCE_SCOPES_MAX; i++) {
        snprintf(name, sizeof name, "role%u", i);
        add(&table, "t", "u", FENCE_ROLE, name, 2000);
    }
    CHECK(fence_table_holds(&table, &role));
    role.not_before_ms = 2001;
    CHECK(!fence_table_holds(&table, &role));
    fence_table_done(&table);
}

TEST(a_walk_meets_every_fence_once)
{
    struct fence_table table;
    const struct fence *fences;
    size_t cursor = 0, met = 0;
    unsigned count;
    char name[32];

    fence_table_init(&table, seed);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "u%u", i % 40);
        add(&table, "t", name, FENCE_EVERYTHING, NULL, i + 1);
        add(&table, "t", name, FENCE_ROLE, "editor", i + 1);
    }
    while ((fences = fence_table_next(&table, &cursor, &count)))
        for (unsigned i = 0; i < count; i++, met++)
            CHECK(fence_table_holds(&table, &fences[i]));
    CHECK_EQ(met, 80);
    fence_table_done(&table);
}
