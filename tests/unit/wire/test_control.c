/* SPDX-License-Identifier: Apache-2.0 */
/* test_control.c: what an administrator may withdraw, and what is wrong with a request to do so. */
#include "wire/control.h"

#include "mcp_auth/error.h"
#include "unit.h"

static uint64_t random_state = 1;

static int read_as(bool any_tenant, enum event_control control, const char *user, const char *body,
                   struct event **ret, struct event_problem *problem)
{
    struct random random = random_seeded(&random_state);
    struct event_context context = {.any_tenant = any_tenant,
                                    .tenant = any_tenant ? BYTES("") : BYTES("acme"),
                                    .publisher = BYTES("root"),
                                    .wall_ms = INT64_C(1700000000123),
                                    .random = &random};

    *problem = (struct event_problem){0};
    return control_in(ret, control, bytes_of(user), bytes_of(body), &context, problem);
}

static void refused(const char *body, enum error_code code, const char *member)
{
    struct event_problem problem;
    struct event *event;

    CHECK(read_as(false, CONTROL_REVOCATION, NULL, body, &event, &problem) < 0);
    CHECK_EQ(problem.code, code);
    assert_string_equal(problem.member, member);
    CHECK(problem.reason[0] != '\0');
}

TEST(a_revocation_names_a_user_or_a_token)
{
    struct event_problem problem;
    struct event *event;

    CHECK_EQ(read_as(false, CONTROL_REVOCATION, NULL, "{\"user_id\":\"ann\",\"reason\":\"left\"}",
                     &event, &problem),
             0);
    CHECK_EQ(event->control, CONTROL_REVOCATION);
    CHECK_EQ(event->fence.scope, FENCE_EVERYTHING);
    CHECK_EQ(event->fence.not_before_ms, INT64_C(1700000000123));
    CHECK_TEXT(event->tenant, "acme");
    CHECK_TEXT(event->publisher, "root");
    CHECK(strstr(event->json.data, "\"type\":\"$revocation\""));
    CHECK(strstr(event->json.data, "\"reason\":\"left\""));
    event_unref(event);
    CHECK_EQ(read_as(true, CONTROL_REVOCATION, NULL,
                     "{\"token_id\":\"t1\",\"tenant_id\":\"other\"}", &event, &problem),
             0);
    CHECK_EQ(event->fence.scope, FENCE_TOKEN);
    CHECK_TEXT(event->tenant, "other");
    event_unref(event);
}

TEST(a_disconnection_needs_no_body)
{
    struct event_problem problem;
    struct event *event;

    CHECK_EQ(read_as(false, CONTROL_DISCONNECT, "ann", "", &event, &problem), 0);
    CHECK_TEXT(event->members[MEMBER_USER_ID], "ann");
    CHECK(strstr(event->json.data, "\"type\":\"$disconnect\""));
    event_unref(event);
    CHECK_EQ(read_as(false, CONTROL_DISCONNECT, "ann", "{\"user_id\":\"bob\"}", &event, &problem),
             MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.code, ERROR_UNKNOWN_MEMBER);
    CHECK_EQ(read_as(false, CONTROL_DISCONNECT, "a\nb", "", &event, &problem), MCP_AUTH_E_INVALID);
}

TEST(what_is_wrong_with_a_revocation_is_named)
{
    char long_id[400];

    memset(long_id, 'x', sizeof long_id);
    memcpy(long_id, "{\"token_id\":\"", 13);
    memcpy(long_id + 13 + 257, "\"}", 3);
    refused("{}", ERROR_MISSING_MEMBER, "user_id");
    refused("{\"user_id\":\"\"}", ERROR_INVALID_MEMBER, "user_id");
    refused("{\"user_id\":null}", ERROR_INVALID_MEMBER, "user_id");
    refused("{\"token_id\":\"\"}", ERROR_INVALID_MEMBER, "token_id");
    refused(long_id, ERROR_INVALID_MEMBER, "token_id");
    refused("{\"user_id\":\"a\",\"token_id\":\"b\"}", ERROR_INVALID_MEMBER, "token_id");
    refused("{\"user_id\":\"a\",\"reason\":\"a\\nb\"}", ERROR_INVALID_MEMBER, "reason");
    refused("{\"user_id\":\"a\",\"else\":1}", ERROR_UNKNOWN_MEMBER, "else");
    refused("{\"user_id\":\"a\",\"tenant_id\":\"b\"}", ERROR_WRONG_TENANT, "tenant_id");
    refused("[]", ERROR_BAD_REQUEST, "");
    refused("{\"user_id\"", ERROR_BAD_JSON, "");
}
