/* SPDX-License-Identifier: Apache-2.0 */
/* test_identity.c: an identity is what its token claims, less what fences cover, and no more. */
#include "model/identity.h"

#include "mcp_auth/error.h"
#include "model/fence.h"
#include "unit.h"

#define ISSUED 1000000
static const struct bytes admin_roles[] = {{"admin", 5}, {"rbac_admin", 10}};
static const struct authority_rules rules = {admin_roles, 2, 5000};

static const struct bytes roles[] = {{"editor", 6}, {"admin", 5}, {"editor", 6}};
static const struct bytes permissions[] = {
    {"docs:read", 9}, {"docs:*", 6}, {"docs:r*", 7}, {"wiki:read", 9}, {"docs:read", 9}};

static struct claims alice(void)
{
    return (struct claims){
        .tenant = BYTES("acme"),
        .user = BYTES("alice"),
        .name = BYTES("Alice"),
        .issued_at_ms = ISSUED,
        .expires_at_ms = ISSUED + 1000,
        .roles = roles,
        .roles_count = 3,
        .permissions = permissions,
        .permissions_count = 5,
    };
}

static struct fence fence_on(enum fence_scope scope, const char *name, int64_t not_before_ms)
{
    return (struct fence){BYTES("acme"), BYTES("alice"), scope, bytes_of(name), not_before_ms};
}

static struct identity *alice_fenced(const struct fence *fences, unsigned count)
{
    struct claims claims = alice();
    struct identity *identity = NULL;

    CHECK_EQ(identity_new(&identity, &claims, fences, count, &rules), 0);
    return identity;
}

TEST(an_identity_holds_copies_with_doubles_folded)
{
    struct identity *identity = alice_fenced(NULL, 0);

    CHECK_TEXT(identity->claims.tenant, "acme");
    CHECK_TEXT(identity->claims.user, "alice");
    CHECK_TEXT(identity->claims.name, "Alice");
    CHECK(!bytes_present(identity->claims.token_id));
    CHECK_EQ(identity->claims.roles_count, 2);
    CHECK_TEXT(identity->claims.roles[0], "editor");
    CHECK_TEXT(identity->claims.roles[1], "admin");
    CHECK_EQ(identity->claims.permissions_count, 4);
    CHECK(identity->claims.roles[0].data != roles[0].data);
    CHECK(identity->admin && identity->publisher);
    CHECK(claims_hold_role(&identity->claims, BYTES("editor")));
    CHECK(!claims_hold_role(&identity->claims, BYTES("edit")));
    CHECK(identity_ref(identity) == identity);
    identity_unref(identity);
    identity_unref(identity);
    identity_unref(NULL);
}

TEST(a_fence_over_everything_refuses_an_old_token_and_not_a_newer_one)
{
    static const struct {
        int64_t not_before, issued_at;
        int result;
    } rows[] = {{ISSUED, ISSUED, MCP_AUTH_E_REFUSED},
                {ISSUED - 5000, ISSUED, MCP_AUTH_E_REFUSED},
                {ISSUED - 5001, ISSUED, 0},
                {0, NO_TIME, MCP_AUTH_E_REFUSED}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fence fence = fence_on(FENCE_EVERYTHING, NULL, rows[i].not_before);
        struct claims claims = alice();
        struct identity *identity = NULL;

        claims.issued_at_ms = rows[i].issued_at;
        CHECK_EQ(identity_new(&identity, &claims, &fence, 1, &rules), rows[i].result);
        CHECK_EQ(identity == NULL, rows[i].result != 0);
        identity_unref(identity);
    }
}

TEST(a_fenced_role_is_gone_and_with_it_what_it_made)
{
    struct fence fence = fence_on(FENCE_ROLE, "admin", ISSUED);
    struct identity *identity = alice_fenced(&fence, 1);

    CHECK_EQ(identity->claims.roles_count, 1);
    CHECK_TEXT(identity->claims.roles[0], "editor");
    CHECK(!identity->admin && !identity->publisher);
    CHECK_EQ(identity->claims.permissions_count, 4); /* those are their own */
    identity_unref(identity);
}

TEST(a_fence_older_than_the_token_takes_nothing)
{
    struct fence fence = fence_on(FENCE_ROLE, "admin", ISSUED - 5001);
    struct identity *identity = alice_fenced(&fence, 1);

    CHECK(identity->admin);
    identity_unref(identity);
}

TEST(fenced_permissions_are_gone_by_name_or_by_wildcard)
{
    static const struct {
        const char *fenced;
        bool docs_read, docs_write, wiki_read;
        unsigned left;
    } rows[] = {
        {"docs:read", true, true, true, 3}, /* docs:* is wider, and stays */
        {"docs:r*", true, true, true, 2},   {"docs:*", false, false, true, 1},
        {"*", false, false, false, 0},      {"docs", true, true, true, 4},
        {"editor", true, true, true, 4},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fence fence = fence_on(FENCE_PERMISSION, rows[i].fenced, ISSUED);
        struct identity *identity = alice_fenced(&fence, 1);

        CHECK_EQ(claims_hold_permission(&identity->claims, BYTES("docs:read")), rows[i].docs_read);
        CHECK_EQ(claims_hold_permission(&identity->claims, BYTES("docs:write")),
                 rows[i].docs_write);
        CHECK_EQ(claims_hold_permission(&identity->claims, BYTES("wiki:read")), rows[i].wiki_read);
        CHECK_EQ(identity->claims.permissions_count, rows[i].left);
        CHECK_EQ(identity->claims.roles_count, 2); /* a role of that name is something else */
        identity_unref(identity);
    }
}

TEST(several_fences_add_up)
{
    struct fence fences[] = {fence_on(FENCE_ROLE, "editor", ISSUED),
                             fence_on(FENCE_EVERYTHING, NULL, 0),
                             fence_on(FENCE_PERMISSION, "docs:*", ISSUED),
                             fence_on(FENCE_PERMISSION, "wiki:read", 0)};
    struct identity *identity = alice_fenced(fences, 4);

    CHECK_EQ(identity->claims.roles_count, 1);
    CHECK_EQ(identity->claims.permissions_count, 1);
    CHECK_TEXT(identity->claims.permissions[0], "wiki:read");
    identity_unref(identity);
}

TEST(publishers_hold_the_right_as_role_or_permission)
{
    static const struct {
        const char *role, *permission;
        bool admin, publisher;
    } rows[] = {
        {"user", "docs:read", false, false},
        {"rbac_admin", "docs:read", true, true},
        {"realtime:publish", "x", false, true},
        {"user", "realtime:publish", false, true},
        {"user", "realtime:*", false, true},
        {"user", "*", false, true},
        {"user", "realtime:publisher", false, false},
        {"realtime:*", "x", false, false},
        {"Admin", "x", false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes role = bytes_of(rows[i].role), permission = bytes_of(rows[i].permission);
        struct claims claims = {.tenant = BYTES(""),
                                .user = BYTES("u"),
                                .issued_at_ms = NO_TIME,
                                .roles = &role,
                                .roles_count = 1,
                                .permissions = &permission,
                                .permissions_count = 1};
        struct identity *identity;

        CHECK_EQ(identity_new(&identity, &claims, NULL, 0, &rules), 0);
        CHECK_EQ(identity->admin, rows[i].admin);
        CHECK_EQ(identity->publisher, rows[i].publisher);
        identity_unref(identity);
    }
}

TEST(authority_is_compared_as_sets)
{
    static const struct bytes turned[] = {{"admin", 5}, {"editor", 6}};
    struct fence fence = fence_on(FENCE_ROLE, "editor", ISSUED);
    struct identity *a = alice_fenced(NULL, 0), *b, *c = alice_fenced(&fence, 1);
    struct claims claims = alice();

    claims.roles = turned;
    claims.roles_count = 2;
    CHECK_EQ(identity_new(&b, &claims, NULL, 0, &rules), 0);
    CHECK(claims_same_authority(&a->claims, &b->claims));
    CHECK(!claims_same_authority(&a->claims, &c->claims));
    CHECK(!claims_same_authority(&c->claims, &a->claims));
    identity_unref(a);
    identity_unref(b);
    identity_unref(c);
}

TEST(a_held_wildcard_covers_what_starts_like_it)
{
    CHECK(permission_covers(BYTES("a:*"), BYTES("a:b")));
    CHECK(permission_covers(BYTES("a:*"), BYTES("a:")));
    CHECK(permission_covers(BYTES("*"), BYTES("")));
    CHECK(!permission_covers(BYTES("a:*"), BYTES("a")));
    CHECK(!permission_covers(BYTES(""), BYTES("a")));
    CHECK(!permission_covers(BYTES("a:b"), BYTES("a:*"))); /* the second is literal text */
}
