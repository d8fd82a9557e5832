/* SPDX-License-Identifier: Apache-2.0 */
/* test_authority.c: like tokens share one authority, unlike ones do not, and nothing is left. */
#include "hub/authority.h"

#include <stdlib.h>

#include "base/random.h"
#include "hub/session.h"
#include "mcp_auth/error.h"
#include "unit.h"

static const uint8_t seed[16] = {7};
static struct audience_index keys;
static struct authority_table table;

static void begin(void)
{
    CHECK_EQ(audience_index_init(&keys, seed), 0);
    CHECK_EQ(authority_table_init(&table, &keys, seed), 0);
}

static void end(void)
{
    authority_table_done(&table);
    CHECK_EQ(keys.audiences.count, 0);
    audience_index_done(&keys);
}

static struct authority *take(const struct claims *claims, struct bytes admin_role)
{
    struct authority_rules rules = {.admin_roles = &admin_role, .admin_roles_count = 1};
    struct authority *authority;
    struct identity *identity;

    CHECK_EQ(identity_new(&identity, claims, NULL, 0, &rules), 0);
    CHECK_EQ(authority_take(&table, identity, &authority), 0);
    identity_unref(identity);
    return authority;
}

static struct claims sample(void)
{
    static const struct bytes roles[] = {{"a", 1}, {"bc", 2}};
    static const struct bytes permissions[] = {{"d:e", 3}};

    return (struct claims){
        .tenant = BYTES("acme"),
        .user = BYTES("ann"),
        .issued_at_ms = 5,
        .expires_at_ms = 6,
        .roles = roles,
        .roles_count = 2,
        .permissions = permissions,
        .permissions_count = 1,
        .key_fingerprint = 9,
    };
}

TEST(tokens_of_two_people_that_allow_the_same_share_one_authority)
{
    struct claims ann = sample(), ben = sample();
    struct authority *first, *second;

    begin();
    ben.user = BYTES("ben");
    ben.issued_at_ms = 50;
    first = take(&ann, BYTES("admin"));
    second = take(&ben, BYTES("admin"));
    CHECK(first == second);
    CHECK(claims_same_authority(&first->claims, &ann));
    CHECK(bytes_equal(first->claims.tenant, ann.tenant));
    CHECK_EQ(first->claims.key_fingerprint, 9);
    CHECK_EQ(keys.audiences.count, 3);
    authority_release(first);
    CHECK_EQ(keys.audiences.count, 3);
    authority_release(second);
    end();
}

TEST(what_differs_in_anything_that_decides_is_another_authority)
{
    static const struct bytes joined[] = {{"ab", 2}, {"c", 1}}, fewer[] = {{"a", 1}};
    static const struct bytes moved[] = {{"bc", 2}, {"d:e", 3}};
    struct claims claims[7];
    struct authority *authorities[ARRAY_COUNT(claims)];

    begin();
    for (unsigned i = 0; i < ARRAY_COUNT(claims); i++)
        claims[i] = sample();
    claims[1].tenant = BYTES("acm");
    claims[2].key_fingerprint = 10;
    claims[3].roles = joined;
    claims[4].roles = fewer;
    claims[4].roles_count = 1;
    claims[5].roles = fewer;
    claims[5].roles_count = 1;
    claims[5].permissions = moved;
    claims[5].permissions_count = 2;
    for (unsigned i = 0; i < ARRAY_COUNT(claims); i++) /* the last by its rules: "a" administers */
        authorities[i] =
            take(&claims[i], i == ARRAY_COUNT(claims) - 1 ? BYTES("a") : BYTES("admin"));
    CHECK(authorities[ARRAY_COUNT(claims) - 1]->admin && !authorities[0]->admin);
    for (unsigned i = 0; i < ARRAY_COUNT(claims); i++) {
        CHECK(claims_same_authority(&authorities[i]->claims, &claims[i]));
        for (unsigned j = 0; j < i; j++)
            CHECK(authorities[i] != authorities[j]);
    }
    for (unsigned i = 0; i < ARRAY_COUNT(claims); i++)
        authority_release(authorities[i]);
    end();
}

#define SESSIONS 300

TEST(every_session_stands_at_its_place_however_others_come_and_go)
{
    static struct session sessions[SESSIONS];
    struct claims claims = sample();
    struct authority *authority;
    uint64_t dice = 3;
    struct random random = random_seeded(&dice);
    unsigned in = 0;

    begin();
    authority = take(&claims, BYTES("admin"));
    for (int step = 0; step < 5000; step++) {
        uint16_t roll;
        struct session *s;

        random.fill(random.owner, &roll, sizeof roll);
        /* Crowds come and leave: the room follows both ways. */
        s = &sessions[roll % (step / 1000 % 2 ? 10 : SESSIONS)];
        if (s->authority) {
            authority_remove(s);
            in--;
        } else {
            CHECK(take(&claims, BYTES("admin")) == authority);
            authority_add(authority, s);
            authority_release(authority);
            in++;
        }
        CHECK_EQ(authority->sessions_count, in);
        CHECK(authority->sessions_room >= in);
        for (unsigned i = 0; step % 50 == 0 && i < in; i++)
            CHECK_EQ(authority->sessions[i]->place, i);
    }
    for (unsigned i = 0; i < SESSIONS; i++)
        if (sessions[i].authority)
            authority_remove(&sessions[i]);
    CHECK(authority->sessions_room <= 16);
    CHECK_EQ(keys.audiences.count, 3); /* held still */
    authority_release(authority);
    end();
}

/* Roles and permissions may be read from one claim, which then fills the token twice over. */
TEST(a_token_full_of_names_that_are_roles_and_permissions_fits)
{
    static char text[TOKEN_SIZE_MAX], tenant[TENANT_SIZE_MAX];
    static struct bytes names[TOKEN_SIZE_MAX / ROLE_SIZE_MAX];
    struct claims claims = sample();
    struct authority *authority;

    memset(text, 'x', sizeof text);
    memset(tenant, 't', sizeof tenant);
    for (unsigned i = 0; i < ARRAY_COUNT(names); i++) {
        text[i * ROLE_SIZE_MAX] = (char)('0' + i); /* of which none is another */
        names[i] = (struct bytes){text + i * ROLE_SIZE_MAX, ROLE_SIZE_MAX};
    }
    claims.tenant = (struct bytes){tenant, sizeof tenant};
    claims.roles = claims.permissions = names;
    claims.roles_count = claims.permissions_count = ARRAY_COUNT(names);
    begin();
    authority = take(&claims, BYTES("admin"));
    CHECK(claims_same_authority(&authority->claims, &claims));
    authority_release(authority);
    end();
}
