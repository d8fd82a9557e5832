/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_in.c: an accepted event is stamped, redacted and composed as the protocol says. */
#include "publish.h"

TEST(only_the_type_is_required_and_the_rest_is_made)
{
    struct publish p;

    publish_init(&p);
    CHECK_EQ(publish_text(&p, BYTES("{\"event_type\":\"user_created\"}")), 0);
    CHECK_EQ(p.event->type, EVENT_USER_CREATED);
    CHECK_EQ(p.event->id.size, UUID_SIZE);
    CHECK(!p.event->id_given);
    CHECK_EQ(p.event->level, 0);
    CHECK_EQ(p.event->time_ms, 1700000000123);
    CHECK_EQ(p.redacted, 0);
    CHECK_TEXT(p.event->tenant, "acme");
    CHECK_TEXT(p.event->publisher, "svc");
    CHECK_TEXT(p.event->members[MEMBER_MESSAGE], "A user was created");
    CHECK_TEXT(p.event->members[MEMBER_SECURITY_LEVEL], "LOW");
    CHECK(!shows(p.event, "svc")); /* the publisher is not shown to clients */
    event_unref(p.event);
}

TEST(every_member_is_kept_as_given)
{
    struct publish p;

    publish_init(&p);
    CHECK_EQ(publish_text(&p,
                          BYTES("{\"data\":{\"b\":1,\"a\":[null,1.0]},\"tenant_id\":\"acme\","
                                "\"permission\":\"docs:read\",\"role_name\":\"r\","
                                "\"action\":\"read\",\"resource_id\":\"\",\"resource\":\"docs\","
                                "\"target_user_id\":\"bob\",\"user_name\":\"\xc3\x89va\","
                                "\"user_id\":\"eva\",\"security_level\":\"Critical\","
                                "\"message\":\"a\\n\\tb\",\"event_type\":\"access_denied\","
                                "\"id\":\"A-z_0.9:\"}")),
             0);
    CHECK_TEXT(p.event->json,
               "{\"type\":\"event\",\"id\":\"A-z_0.9:\",\"event_type\":\"access_denied\","
               "\"timestamp\":\"2023-11-14T22:13:20.123Z\",\"message\":\"a\\n\\tb\","
               "\"security_level\":\"Critical\",\"user_id\":\"eva\",\"user_name\":\"\xc3\x89va\","
               "\"target_user_id\":\"bob\",\"resource\":\"docs\",\"resource_id\":\"\","
               "\"action\":\"read\",\"role_name\":\"r\",\"permission\":\"docs:read\","
               "\"tenant_id\":\"acme\",\"data\":{\"b\":1,\"a\":[null,1.0]}}");
    CHECK(p.event->id_given);
    CHECK_EQ(p.event->level, 3);
    event_unref(p.event);
}

TEST(secrets_in_data_are_removed_everywhere_and_counted)
{
    static const struct bytes more[] = {{"iban", 4}};
    const struct redaction redaction = {more, 1};
    struct publish p;

    publish_init(&p);
    p.context.redaction = &redaction;
    CHECK_EQ(publish_text(&p, BYTES("{\"event_type\":\"user_updated\",\"data\":{\"Api_Key\":\"k\","
                                    "\"list\":[{\"password\":1,\"x\":2}],\"I-BAN\":\"DE\"}}")),
             0);
    CHECK_EQ(p.redacted, 3);
    CHECK_TEXT(p.event->data, "{\"list\":[{\"x\":2}]}");
    CHECK(!shows(p.event, "Api_Key"));
    CHECK_EQ(publish_text(&p, BYTES("{\"event_type\":\"user_updated\",\"permission\":\"token\","
                                    "\"data\":{\"token\":1}}")),
             0);
    CHECK_EQ(p.redacted, 1);
    CHECK_TEXT(p.event->data, "{}");
    CHECK_TEXT(p.event->members[MEMBER_PERMISSION], "token"); /* a value, not a name */
    event_unref(p.event);
}

TEST(the_tenant_is_the_publishers_unless_it_may_name_any)
{
    static const struct {
        bool any;
        const char *own, *json, *tenant; /* tenant NULL: refused */
    } rows[] = {
        {false, "acme", "{\"event_type\":\"user_created\"}", "acme"},
        {false, "acme", "{\"event_type\":\"user_created\",\"tenant_id\":\"acme\"}", "acme"},
        {false, "acme", "{\"event_type\":\"user_created\",\"tenant_id\":\"globex\"}", NULL},
        {false, "acme", "{\"event_type\":\"user_created\",\"tenant_id\":\"\"}", NULL},
        {false, "", "{\"event_type\":\"user_created\",\"tenant_id\":\"acme\"}", NULL},
        {false, "", "{\"event_type\":\"user_created\",\"tenant_id\":\"\"}", ""},
        {false, "", "{\"event_type\":\"user_created\"}", ""},
        {true, "", "{\"event_type\":\"user_created\",\"tenant_id\":\"globex\"}", "globex"},
        {true, "", "{\"event_type\":\"user_created\"}", ""},
        {true, "acme", "{\"event_type\":\"user_created\",\"tenant_id\":\"\"}", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct publish p;
        int r;

        publish_init(&p);
        p.context.any_tenant = rows[i].any;
        p.context.tenant = bytes_of(rows[i].own);
        r = publish_text(&p, bytes_of(rows[i].json));
        CHECK_EQ(r, rows[i].tenant ? 0 : MCP_AUTH_E_REFUSED);
        if (r < 0) {
            CHECK_EQ(p.problem.code, ERROR_WRONG_TENANT);
            assert_string_equal(p.problem.member, "tenant_id");
            continue;
        }
        CHECK(bytes_equal(p.event->tenant, bytes_of(rows[i].tenant)));
        CHECK_EQ(shows(p.event, "\"tenant_id\""), rows[i].tenant[0] != '\0');
        event_unref(p.event);
    }
}

static uint64_t fingerprint(const char *json)
{
    struct publish p;
    uint64_t hash;

    publish_init(&p);
    CHECK_EQ(publish_text(&p, bytes_of(json)), 0);
    hash = p.event->fingerprint;
    event_unref(p.event);
    return hash;
}

TEST(equal_bodies_have_equal_fingerprints_and_others_have_not)
{
    uint64_t plain =
        fingerprint("{\"event_type\":\"user_created\",\"id\":\"1\",\"user_id\":\"a\"}");

    CHECK(plain == fingerprint("{\"user_id\":\"a\",\"event_type\":\"user_created\",\"id\":\"2\"}"));
    CHECK(plain == fingerprint("{\"id\":\"3\",\"event_type\":\"user_created\",\"user_id\":\"a\","
                               "\"tenant_id\":\"acme\",\"message\":\"A user was created\","
                               "\"security_level\":\"LOW\"}"));
    CHECK(plain != fingerprint("{\"id\":\"3\",\"event_type\":\"user_created\",\"user_id\":\"b\"}"));
    CHECK(plain != fingerprint("{\"id\":\"3\",\"event_type\":\"user_updated\",\"user_id\":\"a\"}"));
    CHECK(plain !=
          fingerprint("{\"id\":\"3\",\"event_type\":\"user_created\",\"target_user_id\":\"a\"}"));
    CHECK(plain !=
          fingerprint(
              "{\"id\":\"3\",\"event_type\":\"user_created\",\"user_id\":\"a\",\"data\":{}}"));
    /* There is no other body of an id that the server made. */
    CHECK_EQ(fingerprint("{\"event_type\":\"user_created\"}"), 0);
}

TEST(effect_and_audience_are_decided_on_the_way_in)
{
    struct publish p;

    publish_init(&p);
    CHECK_EQ(publish_text(&p, BYTES("{\"event_type\":\"role_revoked\",\"user_id\":\"boss\","
                                    "\"target_user_id\":\"bob\",\"role_name\":\"admin\"}")),
             0);
    CHECK(p.event->has_fence);
    CHECK_TEXT(p.event->fence.user, "bob");
    CHECK_TEXT(p.event->fence.name, "admin");
    CHECK_EQ(p.event->fence.not_before_ms, 1700000000123);
    CHECK_EQ(p.event->audience_count, 3);
    event_unref(p.event);
}
