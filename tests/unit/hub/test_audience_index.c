/* SPDX-License-Identifier: Apache-2.0 */
/* test_audience_index.c: who is found under which key, wildcards included, and nothing is left. */
#include "hub/authority.h"

#include "base/random.h"
#include "model/identity.h"
#include "unit.h"

static const uint8_t seed[16] = {5, 5, 5};
static char key_room[AUDIENCE_KEY_MAX];

static struct audience *find(const struct audience_index *index, enum audience_kind kind,
                             const char *tenant, const char *name)
{
    struct bytes key = {key_room, 0};

    key.size = audience_key_write(key_room, kind, bytes_of(tenant), bytes_of(name));
    return audience_index_find(index, key);
}

/* Authorities of one key each. */
static struct authority *holder(void)
{
    static uint64_t room[64][(sizeof(struct authority) + sizeof(struct member)) / 8];
    static unsigned next;
    struct authority *authority = (struct authority *)(void *)room[next++ % ARRAY_COUNT(room)];

    memset(authority, 0, sizeof room[0]);
    return authority;
}

static void enter(struct audience_index *index, struct authority **ret, enum audience_kind kind,
                  const char *tenant, const char *name)
{
    *ret = holder();
    CHECK_EQ(audience_index_enter(index, *ret, 0, kind, bytes_of(tenant), bytes_of(name)), 0);
}

static unsigned members_of(const struct audience *audience)
{
    for (uint32_t i = 0; i < audience->count; i++)
        CHECK_EQ(audience->places[i].authority->members[0].place, i);
    return audience->count;
}

TEST(an_audience_is_found_by_kind_tenant_and_name_and_by_nothing_else)
{
    struct audience_index index;
    struct authority *a, *b, *c;

    CHECK_EQ(audience_index_init(&index, seed), 0);
    enter(&index, &a, AUDIENCE_USER, "acme", "bob");
    enter(&index, &b, AUDIENCE_USER, "acme", "bob");
    enter(&index, &c, AUDIENCE_ROLE, "acme", "bob");
    CHECK_EQ(members_of(find(&index, AUDIENCE_USER, "acme", "bob")), 2);
    CHECK_EQ(members_of(find(&index, AUDIENCE_ROLE, "acme", "bob")), 1);
    CHECK(find(&index, AUDIENCE_USER, "acme", "bo") == NULL);
    CHECK(find(&index, AUDIENCE_USER, "acm", "ebob") == NULL);
    CHECK(find(&index, AUDIENCE_USER, "", "bob") == NULL);
    CHECK(find(&index, AUDIENCE_ADMINS, "acme", "") == NULL);
    CHECK(find(&index, AUDIENCE_PERMISSION, "acme", "bob") == NULL);
    audience_index_leave(&index, a, 0);
    audience_index_leave(&index, b, 0);
    audience_index_leave(&index, c, 0);
    audience_index_done(&index);
}

TEST(an_audience_goes_with_its_last_member)
{
    struct audience_index index;
    struct authority *a, *b;

    CHECK_EQ(audience_index_init(&index, seed), 0);
    enter(&index, &a, AUDIENCE_ADMINS, "t", "");
    enter(&index, &b, AUDIENCE_ADMINS, "t", "");
    audience_index_leave(&index, a, 0);
    audience_index_leave(&index, a, 0); /* not in: fine */
    CHECK_EQ(members_of(find(&index, AUDIENCE_ADMINS, "t", "")), 1);
    audience_index_leave(&index, b, 0);
    CHECK(find(&index, AUDIENCE_ADMINS, "t", "") == NULL);
    CHECK_EQ(index.audiences.count, 0);
    audience_index_done(&index);
}

static unsigned wildcards_over(const struct audience_index *index, const char *tenant,
                               const char *permission, struct audience *ret[8])
{
    struct audience *audience;
    unsigned count = 0;
    size_t size = 0;

    while ((audience = audience_index_next_wildcard(index, bytes_of(tenant), bytes_of(permission),
                                                    &size))) {
        CHECK(count < 8);
        ret[count++] = audience;
    }
    return count;
}

TEST(wildcards_are_found_prefix_by_prefix_the_empty_one_first)
{
    static const char *const held[] = {"*", "doc:*", "doc:re*", "doc:read*", "doc:write*", "x*"};
    struct audience *found[8];
    struct audience_index index;
    struct authority *members[ARRAY_COUNT(held) + 2];

    CHECK_EQ(audience_index_init(&index, seed), 0);
    for (unsigned i = 0; i < ARRAY_COUNT(held); i++)
        enter(&index, &members[i], AUDIENCE_PERMISSION, "t", held[i]);
    enter(&index, &members[6], AUDIENCE_PERMISSION, "t", "doc:read"); /* exact: no wildcard */
    enter(&index, &members[7], AUDIENCE_PERMISSION, "other", "doc:rea*");
    CHECK_EQ(wildcards_over(&index, "t", "doc:read", found), 4);
    for (unsigned i = 0; i < 4; i++)
        CHECK(found[i] == members[i]->members[0].audience);
    CHECK_EQ(wildcards_over(&index, "t", "doc:rea", found), 3);
    CHECK_EQ(wildcards_over(&index, "t", "", found), 1);
    CHECK_EQ(wildcards_over(&index, "other", "doc:read", found), 1);
    CHECK_EQ(wildcards_over(&index, "third", "doc:read", found), 0);
    for (unsigned i = 0; i < ARRAY_COUNT(members); i++)
        audience_index_leave(&index, members[i], 0);
    CHECK_EQ(wildcards_over(&index, "t", "doc:read", found), 0);
    for (size_t size = 0; size < index.wildcard_size_max; size++)
        CHECK_EQ(index.wildcards_by_size[size], 0);
    audience_index_done(&index);
}

TEST(a_wildcard_in_a_role_or_a_user_is_only_a_star)
{
    struct audience *found[8];
    struct audience_index index;
    struct authority *role, *user;

    CHECK_EQ(audience_index_init(&index, seed), 0);
    enter(&index, &role, AUDIENCE_ROLE, "t", "*");
    enter(&index, &user, AUDIENCE_USER, "t", "doc*");
    CHECK_EQ(wildcards_over(&index, "t", "doc:read", found), 0);
    audience_index_leave(&index, role, 0);
    audience_index_leave(&index, user, 0);
    audience_index_done(&index);
}

TEST(a_wildcard_longer_than_any_permission_is_held_and_finds_nothing)
{
    char text[PERMISSION_SIZE_MAX + 100];
    struct audience *found[8];
    struct audience_index index;
    struct authority *member;

    memset(text, 'a', sizeof text);
    text[sizeof text - 2] = '*';
    text[sizeof text - 1] = '\0';
    CHECK_EQ(audience_index_init(&index, seed), 0);
    enter(&index, &member, AUDIENCE_PERMISSION, "t", text);
    text[PERMISSION_SIZE_MAX] = '\0';
    CHECK_EQ(wildcards_over(&index, "t", text, found), 0);
    audience_index_leave(&index, member, 0);
    audience_index_done(&index);
}

/* The index and model's own rule are two ways to one answer. */
TEST(wildcards_agree_with_permission_covers_under_random_permissions)
{
    uint64_t run_seed = 20260105;
    struct random random = random_seeded(&run_seed);
    struct audience_index index;
    struct authority *members[40];
    char texts[40][8];

    CHECK_EQ(audience_index_init(&index, seed), 0);
    for (unsigned i = 0; i < 40; i++) {
        uint32_t roll;
        size_t size;

        random.fill(random.owner, &roll, sizeof roll);
        size = roll % 6;
        for (size_t at = 0; at < size; at++)
            texts[i][at] = "ab"[roll >> (8 + at) & 1];
        memcpy(texts[i] + size, "*", 2);
        enter(&index, &members[i], AUDIENCE_PERMISSION, "t", texts[i]);
    }
    for (unsigned bits = 0; bits < 64; bits++) {
        char permission[8] = {0};
        struct audience *audience;
        size_t size = 0;
        unsigned found = 0, want = 0;

        for (unsigned at = 0; at < bits % 7; at++)
            permission[at] = "ab"[bits >> (at % 6) & 1];
        while ((audience =
                    audience_index_next_wildcard(&index, BYTES("t"), bytes_of(permission), &size)))
            found += members_of(audience);
        for (unsigned i = 0; i < 40; i++)
            want += permission_covers(bytes_of(texts[i]), bytes_of(permission));
        CHECK_EQ(found, want);
    }
    for (unsigned i = 0; i < 40; i++)
        audience_index_leave(&index, members[i], 0);
    audience_index_done(&index);
}
