/* SPDX-License-Identifier: Apache-2.0 */
/* test_authenticate.c: what a well-signed token may claim, and what it is answered otherwise. */
#include <stdio.h>

#include "auth/authenticate.h"
#include "auth/token_mint.h"
#include "auth/tokens.h"
#include "mcp_auth/error.h"
#include "unit.h"

#define NOW_S 1800000000LL
#define NOW_MS (NOW_S * 1000)
#define LEEWAY_MS 30000

static const struct bytes admin_roles[] = {BYTES("admin")};

static struct token_rules usual(void)
{
    return (struct token_rules){
        .claims = {BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                   BYTES("tenant_id")},
        .authority = {admin_roles, 1, 5000},
        .leeway_ms = LEEWAY_MS,
        .age_max_ms = 30LL * 86400 * 1000,
    };
}

/* Signs this payload well, and asks. */
static enum auth_result ask_all(const struct token_rules *rules, const struct fence_table *fences,
                                const char *payload, int64_t wall_ms, struct identity **ret)
{
    struct keyring *ring = tokens_ring(SECRET, NULL);
    struct strbuf token;
    const char *why = "unset";
    enum auth_result result;

    strbuf_init(&token, 64 * 1024);
    CHECK_EQ(token_mint(&token, SECRET, bytes_of(payload)), 0);
    result = tokens_authenticate(ring, rules, fences, strbuf_bytes(&token), wall_ms, ret, &why);
    CHECK((result == AUTH_OK) == (why == NULL));
    strbuf_done(&token);
    keyring_unref(ring);
    return result;
}

static enum auth_result ask(const struct token_rules *rules, const char *payload)
{
    struct identity *identity = NULL;
    enum auth_result result = ask_all(rules, NULL, payload, NOW_MS, &identity);

    CHECK((result == AUTH_OK) == (identity != NULL));
    identity_unref(identity);
    return result;
}

/* {"sub":"u", CLAIMS} under the usual rules, at NOW. */
static enum auth_result ask_claims(const char *format, ...) PRINTF_LIKE(1, 2);
static enum auth_result ask_claims(const char *format, ...)
{
    struct token_rules rules = usual();
    char payload[1024] = "{\"sub\":\"u\",";
    va_list args;

    va_start(args, format);
    vsnprintf(payload + strlen(payload), sizeof payload - 64, format, args);
    va_end(args);
    strcat(payload, "}");
    return ask(&rules, payload);
}

TEST(a_good_token_gives_its_identity)
{
    struct token_rules rules = usual();
    struct identity *identity;

    CHECK_EQ(ask_all(&rules, NULL,
                     "{\"sub\":\"u1\",\"name\":\"Ada\",\"roles\":[\"admin\",\"x\"],\"permissions\":"
                     "[\"doc:*\"],\"tenant_id\":\"t\",\"iat\":1799999000,\"exp\":1800000060,"
                     "\"jti\":\"j\",\"more\":[1,{}]}",
                     NOW_MS, &identity),
             AUTH_OK);
    CHECK(identity->admin);
    CHECK_TEXT(identity->claims.user, "u1");
    CHECK_TEXT(identity->claims.tenant, "t");
    CHECK_TEXT(identity->claims.token_id, "j");
    CHECK(identity->claims.issued_at_ms == 1799999000000);
    CHECK(identity->claims.expires_at_ms == 1800000060000);
    CHECK(claims_hold_permission(&identity->claims, BYTES("doc:read")));
    identity_unref(identity);
}

/* exp at NOW. Before: until exp. In the leeway: let in, until its end. Then: expired. */
TEST(the_leeway_forgives_clocks_at_the_door_and_does_not_prolong_a_stay)
{
    static const struct {
        int64_t at_ms, until_ms; /* -1: expired */
    } rows[] = {{-1000, 0},
                {-1, 0},
                {0, LEEWAY_MS},
                {1, LEEWAY_MS},
                {LEEWAY_MS - 1, LEEWAY_MS},
                {LEEWAY_MS, -1},
                {LEEWAY_MS + 1, -1},
                {86400000, -1}};
    struct token_rules rules = usual();

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct identity *identity = NULL;
        enum auth_result result = ask_all(&rules, NULL, "{\"sub\":\"u\",\"exp\":1800000000}",
                                          NOW_MS + rows[i].at_ms, &identity);

        CHECK_EQ(result, rows[i].until_ms < 0 ? AUTH_EXPIRED : AUTH_OK);
        if (identity)
            CHECK(identity->claims.expires_at_ms == NOW_MS + rows[i].until_ms);
        identity_unref(identity);
    }
}

TEST(exp_is_a_finite_number_within_reason)
{
    static const char *const bad[] = {"\"a\":1",
                                      "\"exp\":null",
                                      "\"exp\":\"1900000000\"",
                                      "\"exp\":true",
                                      "\"exp\":[1900000000]",
                                      "\"exp\":{}",
                                      "\"exp\":1e300",
                                      "\"exp\":-1e300",
                                      "\"exp\":1e12",
                                      "\"exp\":-1e12",
                                      "\"exp\":100000000001",
                                      "\"exp\":-100000000001",
                                      "\"exp\":9223372036854775807",
                                      "\"exp\":-9223372036854775808",
                                      "\"EXP\":1900000000"};

    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++)
        CHECK_EQ(ask_claims("%s", bad[i]), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":100000000000"), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1e11"), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1.8000001e9"), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":0"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":-1"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":-0.5"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":-1e11"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":1799999970"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":1799999971"), AUTH_OK);
}

TEST(a_fraction_of_a_second_counts)
{
    struct token_rules rules = usual();
    struct identity *identity;

    CHECK_EQ(ask_all(&rules, NULL, "{\"sub\":\"u\",\"exp\":1800000000.75,\"iat\":1799999999.25}",
                     NOW_MS, &identity),
             AUTH_OK);
    CHECK(identity->claims.expires_at_ms == NOW_MS + 750);
    CHECK(identity->claims.issued_at_ms == NOW_MS - 750);
    identity_unref(identity);
    CHECK_EQ(ask_all(&rules, NULL, "{\"sub\":\"u\",\"exp\":2000000000,\"iat\":-0.0001}", 500,
                     &identity),
             AUTH_OK);
    CHECK(identity->claims.issued_at_ms == -1); /* towards the past on both sides of 1970 */
    identity_unref(identity);
}

/* A number that overflows is no JSON for us; it never comes to the claims. */
TEST(exp_of_1e400_is_refused)
{
    struct keyring *ring = tokens_ring(SECRET, NULL);
    struct token_rules rules = usual();
    struct identity *identity = NULL;
    struct strbuf token;
    const char *why;

    strbuf_init(&token, 4096);
    tokens_make(&token, JWT_HS256, NULL, SECRET, BYTES("{\"alg\":\"HS256\"}"),
                BYTES("{\"sub\":\"u\",\"exp\":1e400}"));
    CHECK_EQ(tokens_authenticate(ring, &rules, NULL, strbuf_bytes(&token), NOW_MS, &identity, &why),
             AUTH_FAILED);
    strbuf_done(&token);
    keyring_unref(ring);
}

TEST(nbf_may_lie_ahead_by_the_leeway_and_no_more)
{
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":%lld", NOW_S), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":%lld", NOW_S + 30), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":%lld", NOW_S + 31), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":-5.5"), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":null"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":\"0\""), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"nbf\":1e300"), AUTH_FAILED);
}

TEST(iat_may_lie_ahead_by_the_leeway_and_behind_by_the_greatest_age)
{
    const long long month = 30 * 86400;

    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":%lld", NOW_S + 30), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":%lld", NOW_S + 31), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":%lld", NOW_S - month + 1), AUTH_OK);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":%lld", NOW_S - month), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":-1"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":null"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":\"%lld\"", NOW_S), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"iat\":1e300"), AUTH_FAILED);
    /* old and expired is expired: a new token will do */
    CHECK_EQ(ask_claims("\"exp\":1700000000,\"iat\":1600000000"), AUTH_EXPIRED);
}

TEST(a_token_ends_with_its_age_when_that_is_before_its_exp)
{
    static const struct {
        long long issued_s, until_s;
    } rows[] = {{NOW_S - 60, NOW_S - 60 + 600},
                {NOW_S - 599, NOW_S + 1},
                {NOW_S, NOW_S + 600},
                {NOW_S + 30, NOW_S + 630},
                {NOW_S + 1, NOW_S + 601}};
    struct token_rules rules = usual();
    char payload[128];

    rules.age_max_ms = 600000;
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        struct identity *identity = NULL;

        snprintf(payload, sizeof payload, "{\"sub\":\"u\",\"exp\":1900000000,\"iat\":%lld}",
                 rows[i].issued_s);
        CHECK_EQ(ask_all(&rules, NULL, payload, NOW_MS, &identity), AUTH_OK);
        CHECK(identity && identity->claims.expires_at_ms == rows[i].until_s * 1000);
        identity_unref(identity);
    }
}

TEST(a_token_that_is_expired_and_wrong_is_wrong)
{
    CHECK_EQ(ask_claims("\"exp\":1700000000"), AUTH_EXPIRED);
    CHECK_EQ(ask_claims("\"exp\":1700000000,\"roles\":7"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1700000000,\"nbf\":1900000000"), AUTH_FAILED);
}

TEST(the_issuer_must_be_the_configured_one)
{
    static const char *const bad[] = {"",
                                      "\"iss\":\"https://b\",",
                                      "\"iss\":\"https://a/\",",
                                      "\"iss\":null,",
                                      "\"iss\":[\"https://a\"],",
                                      "\"iss\":1,",
                                      "\"iss\":\"HTTPS://A\",",
                                      "\"iss\":\"*\","};
    struct token_rules rules = usual();
    char payload[256];

    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        snprintf(payload, sizeof payload, "{%s\"sub\":\"u\",\"exp\":1900000000}", bad[i]);
        rules.issuer = BYTES("https://a");
        CHECK_EQ(ask(&rules, payload), AUTH_FAILED);
        rules.issuer = BYTES("*");
        CHECK_EQ(ask(&rules, payload), AUTH_OK);
        rules.issuer = (struct bytes){0};
        CHECK_EQ(ask(&rules, payload), AUTH_OK);
    }
    rules.issuer = BYTES("https://a");
    CHECK_EQ(ask(&rules, "{\"iss\":\"https://a\",\"sub\":\"u\",\"exp\":1900000000}"), AUTH_OK);
}

TEST(the_audience_must_name_the_configured_one)
{
    static const char *const bad[] = {"",
                                      "\"aud\":\"other\",",
                                      "\"aud\":null,",
                                      "\"aud\":7,",
                                      "\"aud\":[],",
                                      "\"aud\":[\"other\"],",
                                      "\"aud\":{\"me\":1},",
                                      "\"aud\":[\"me\",7],",
                                      "\"aud\":[[\"me\"]],",
                                      "\"aud\":\"me2\",",
                                      "\"aud\":\"Me\",",
                                      "\"aud\":\"*\","};
    static const char *const good[] = {"\"aud\":\"me\",", "\"aud\":[\"me\"],",
                                       "\"aud\":[\"other\",\"me\"],"};
    struct token_rules rules = usual();
    char payload[256];

    for (unsigned i = 0; i < ARRAY_COUNT(bad) + ARRAY_COUNT(good); i++) {
        bool is_good = i >= ARRAY_COUNT(bad);

        snprintf(payload, sizeof payload, "{%s\"sub\":\"u\",\"exp\":1900000000}",
                 is_good ? good[i - ARRAY_COUNT(bad)] : bad[i]);
        rules.audience = BYTES("me");
        CHECK_EQ(ask(&rules, payload), is_good ? AUTH_OK : AUTH_FAILED);
        rules.audience = BYTES("*");
        CHECK_EQ(ask(&rules, payload), AUTH_OK);
    }
}

TEST(claims_of_the_wrong_type_or_shape_fail)
{
    struct token_rules rules = usual();
    char payload[512], user[258] = {0};

    CHECK_EQ(ask(&rules, "{\"exp\":1900000000}"), AUTH_FAILED);
    CHECK_EQ(ask(&rules, "{\"exp\":1900000000,\"sub\":1}"), AUTH_FAILED);
    CHECK_EQ(ask(&rules, "{\"exp\":1900000000,\"sub\":null}"), AUTH_FAILED);
    CHECK_EQ(ask(&rules, "{\"exp\":1900000000,\"sub\":\"\"}"), AUTH_FAILED);
    CHECK_EQ(ask(&rules, "{\"exp\":1900000000,\"sub\":\"a\\nb\"}"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"roles\":{\"admin\":true}"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"permissions\":[1]"), AUTH_FAILED);
    CHECK_EQ(ask_claims("\"exp\":1900000000,\"tenant_id\":7"), AUTH_FAILED);
    for (int size = 256; size <= 257; size++) {
        memset(user, 'u', (size_t)size);
        snprintf(payload, sizeof payload, "{\"exp\":1900000000,\"sub\":\"%s\"}", user);
        CHECK_EQ(ask(&rules, payload), size == 256 ? AUTH_OK : AUTH_FAILED);
    }
}

TEST(a_fence_over_everything_answers_fenced_until_a_newer_token_comes)
{
    static const uint8_t seed[16];
    struct fence fence = {BYTES("t"), BYTES("u"), FENCE_EVERYTHING, {0}, NOW_MS - 100000};
    struct token_rules rules = usual();
    struct identity *identity = NULL;
    struct fence_table fences;

    fence_table_init(&fences, seed);
    CHECK_EQ(fence_table_add(&fences, &fence), 0);
    CHECK_EQ(ask_all(&rules, &fences,
                     "{\"sub\":\"u\",\"tenant_id\":\"t\",\"exp\":1900000000,\"iat\":1799999900}",
                     NOW_MS, &identity),
             AUTH_FENCED);
    CHECK_EQ(ask_all(&rules, &fences, "{\"sub\":\"u\",\"tenant_id\":\"t\",\"exp\":1900000000}",
                     NOW_MS, &identity),
             AUTH_FENCED); /* no iat: covered */
    CHECK(!identity);
    /* expired comes before fenced: a new token answers both */
    CHECK_EQ(ask_all(&rules, &fences, "{\"sub\":\"u\",\"tenant_id\":\"t\",\"exp\":1700000000}",
                     NOW_MS, &identity),
             AUTH_EXPIRED);
    CHECK_EQ(ask_all(&rules, &fences,
                     "{\"sub\":\"u\",\"tenant_id\":\"t\",\"exp\":1900000000,\"iat\":1799999906}",
                     NOW_MS, &identity),
             AUTH_OK);
    identity_unref(identity);
    CHECK_EQ(ask_all(&rules, &fences, "{\"sub\":\"u\",\"exp\":1900000000,\"iat\":1}", 2000,
                     &identity),
             AUTH_OK); /* the same name in another tenant */
    identity_unref(identity);
    fence_table_done(&fences);
}

TEST(a_fence_over_a_role_takes_that_role_only)
{
    static const uint8_t seed[16];
    struct fence fence = {BYTES(""), BYTES("u"), FENCE_ROLE, BYTES("admin"), NOW_MS};
    struct token_rules rules = usual();
    struct fence_table fences;
    struct identity *identity;

    fence_table_init(&fences, seed);
    CHECK_EQ(fence_table_add(&fences, &fence), 0);
    CHECK_EQ(ask_all(&rules, &fences,
                     "{\"sub\":\"u\",\"roles\":[\"admin\",\"x\"],\"exp\":1900000000}", NOW_MS,
                     &identity),
             AUTH_OK);
    CHECK(!identity->admin);
    CHECK(claims_hold_role(&identity->claims, BYTES("x")));
    CHECK(!claims_hold_role(&identity->claims, BYTES("admin")));
    identity_unref(identity);
    fence_table_done(&fences);
}
