/* SPDX-License-Identifier: Apache-2.0 */
/* test_token.c: a made token is one that a server with the same settings accepts. */
#include "unit.h"

#include "base/clock.h"
#include "mcp_auth/token.h"
#include "node/settings.h"
#include "server/dev.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static mcp_auth_options *options_with(const char *const *pairs)
{
    mcp_auth_options *options;

    CHECK_EQ(mcp_auth_options_new(&options), 0);
    for (; *pairs; pairs += 2)
        CHECK_EQ(mcp_auth_options_set(options, pairs[0], pairs[1]), 0);
    return options;
}

static mcp_auth_token_claims claims_of(const char *user)
{
    static const char *const roles[] = {"admin", "auditor", NULL};
    int64_t now = clock_now().wall_ms / 1000;

    return (mcp_auth_token_claims){.size = sizeof(mcp_auth_token_claims),
                                   .user = user,
                                   .roles = roles,
                                   .issued_at = now,
                                   .expires_at = now + 600};
}

/* Nothing is wrong in these tests, so nobody is told. */
static void no_problem(void *owner, const char *text)
{
    (void)owner;
    fail_msg("%s", text);
}

/* What inspect says of a token made with these claims. */
static char *inspected(mcp_auth_options *options, const mcp_auth_token_claims *claims)
{
    char *token, *answer;

    CHECK_EQ(mcp_auth_token_mint(options, claims, &token), 0);
    CHECK_EQ(mcp_auth_token_inspect(options, token, &answer), 0);
    mcp_auth_text_free(token);
    return answer;
}

TEST(a_made_token_is_accepted_with_issuer_and_audience)
{
    mcp_auth_options *options = options_with(
        (const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, "MCP_AUTH_TOKEN_ISSUER", "https://issuer",
                         "MCP_AUTH_TOKEN_AUDIENCE", "realtime", NULL});
    mcp_auth_token_claims claims = claims_of("alice");
    char *answer = inspected(options, &claims);

    CHECK(strstr(answer, "\"sub\":\"alice\""));
    CHECK(strstr(answer, "\"iss\":\"https://issuer\""));
    CHECK(strstr(answer, "\"aud\":\"realtime\""));
    CHECK(strstr(answer, "\"signature\":\"valid\",\"accepted\":true"));
    mcp_auth_text_free(answer);
    mcp_auth_options_free(options);
}

TEST(claims_go_where_pointers_say)
{
    mcp_auth_options *options =
        options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, "MCP_AUTH_ROLES_CLAIM",
                                      "/realm~1a/roles", "MCP_AUTH_TENANT_CLAIM",
                                      "/realm~1a/tenant", "MCP_AUTH_USER_CLAIM", "/uid", NULL});
    mcp_auth_token_claims claims = claims_of("alice");
    char *answer;

    claims.tenant = "t\"1";
    answer = inspected(options, &claims);
    CHECK(strstr(answer, "\"realm/a\":{\"tenant\":\"t\\\"1\",\"roles\":[\"admin\",\"auditor\"]}"));
    CHECK(strstr(answer, "\"uid\":\"alice\""));
    CHECK(strstr(answer, "\"accepted\":true"));
    mcp_auth_text_free(answer);
    mcp_auth_options_free(options);
}

TEST(an_expired_token_has_a_valid_signature_and_is_not_accepted)
{
    mcp_auth_options *options = options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, NULL});
    mcp_auth_token_claims claims = claims_of("alice");
    char *answer;

    claims.issued_at -= 7200;
    claims.expires_at -= 7200;
    answer = inspected(options, &claims);
    CHECK(strstr(answer, "\"signature\":\"valid\",\"accepted\":false,\"why\":"));
    mcp_auth_text_free(answer);
    mcp_auth_options_free(options);
}

TEST(a_token_of_another_secret_is_shown_and_not_accepted)
{
    mcp_auth_options *ours = options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, NULL});
    mcp_auth_options *theirs =
        options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET "x", NULL});
    mcp_auth_options *none = options_with((const char *[]){NULL});
    mcp_auth_token_claims claims = claims_of("alice");
    char *token, *answer;

    CHECK_EQ(mcp_auth_token_mint(theirs, &claims, &token), 0);
    CHECK_EQ(mcp_auth_token_inspect(ours, token, &answer), 0);
    CHECK(strstr(answer, "\"signature\":\"invalid\",\"accepted\":false"));
    mcp_auth_text_free(answer);
    CHECK_EQ(mcp_auth_token_inspect(none, token, &answer), 0);
    CHECK(strstr(answer, "\"signature\":\"not checked\",\"accepted\":false"));
    mcp_auth_text_free(answer);
    mcp_auth_text_free(token);
    mcp_auth_options_free(ours);
    mcp_auth_options_free(theirs);
    mcp_auth_options_free(none);
}

TEST(what_cannot_be_made_or_read_is_refused)
{
    mcp_auth_options *options = options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, NULL});
    mcp_auth_options *none = options_with((const char *[]){NULL});
    mcp_auth_options *nested =
        options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, "MCP_AUTH_USER_CLAIM", "/sub",
                                      "MCP_AUTH_ROLES_CLAIM", "/sub/roles", NULL});
    mcp_auth_token_claims claims = claims_of("alice"), nobody = claims_of(""),
                          odd = claims_of("\xff");
    static const char *const odd_tokens[] = {"", "a.b", "a.b.c.d", "e30.e30", "e30.!.", "W10..x"};
    char *text;

    CHECK_EQ(mcp_auth_token_mint(none, &claims, &text), MCP_AUTH_E_INVALID);
    CHECK_EQ(mcp_auth_token_mint(options, &nobody, &text), MCP_AUTH_E_INVALID);
    CHECK_EQ(mcp_auth_token_mint(options, &odd, &text), MCP_AUTH_E_INVALID);
    CHECK_EQ(mcp_auth_token_mint(nested, &claims, &text), MCP_AUTH_E_INVALID);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_JWT_ALGORITHMS", "HS384"), 0);
    CHECK_EQ(mcp_auth_token_mint(options, &claims, &text), MCP_AUTH_E_INVALID); /* short secret */
    for (size_t i = 0; i < ARRAY_COUNT(odd_tokens); i++)
        CHECK_EQ(mcp_auth_token_inspect(none, odd_tokens[i], &text), MCP_AUTH_E_INVALID);
    mcp_auth_options_free(options);
    mcp_auth_options_free(none);
    mcp_auth_options_free(nested);
}

TEST(a_token_with_a_crit_header_is_shown_and_never_accepted)
{
    /* {"alg":"HS256","crit":["x"]} . {"sub":"a"} . signature */
    static const char token[] = "eyJhbGciOiJIUzI1NiIsImNyaXQiOlsieCJdfQ.eyJzdWIiOiJhIn0.AAAA";
    mcp_auth_options *options = options_with((const char *[]){"MCP_AUTH_JWT_SECRET", SECRET, NULL});
    char *answer;

    CHECK_EQ(mcp_auth_token_inspect(options, token, &answer), 0);
    CHECK(strstr(answer, "\"crit\":[\"x\"]"));
    CHECK(strstr(answer, "\"signature\":\"invalid\",\"accepted\":false"));
    mcp_auth_text_free(answer);
    mcp_auth_options_free(options);
}

TEST(the_demo_tokens_are_three_and_use_the_configured_administrator)
{
    struct settings_builder *builder;
    struct settings *settings = NULL;
    struct strbuf json;

    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "--admin-roles", BYTES("chief"), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_set_dev(builder), 0);
    CHECK_EQ(settings_finish(builder, no_problem, NULL, &settings), 0);
    strbuf_init(&json, 65536);
    CHECK_EQ(dev_tokens_json(settings, &json), 0);
    CHECK_EQ(strbuf_terminate(&json), 0);
    CHECK(strstr(json.data, "{\"name\":\"alice\",\"roles\":[\"user\"],\"token\":\"ey"));
    CHECK(strstr(json.data, "{\"name\":\"admin\",\"roles\":[\"chief\"],\"token\":\"ey"));
    strbuf_done(&json);
    settings_free(settings);
    settings_builder_free(builder);
}
