/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_draft.c: an event given in texts is what the same event in JSON is, or refused so. */
#include "publish.h"

static int publish_texts(struct publish *p, const struct event_texts *texts)
{
    event_unref(p->event);
    p->event = NULL;
    p->problem = (struct event_problem){0};
    return event_in_texts(&p->event, texts, &p->context, &p->redacted, &p->problem);
}

TEST(texts_make_the_event_that_their_json_makes)
{
    const struct event_texts texts = {
        .type = BYTES("role_assigned"),
        .id = BYTES("a.1"),
        .members = {[MEMBER_MESSAGE] = BYTES("say \"hi\"\n"),
                    [MEMBER_TARGET_USER_ID] = BYTES("bob"),
                    [MEMBER_ROLE_NAME] = BYTES("\xc3\x89"
                                               "diteur"),
                    [MEMBER_RESOURCE_ID] = BYTES("")},
        .data = BYTES("{ \"a\": 1.0, \"password\": \"p\" }"),
    };
    struct publish p, q;

    publish_init(&p);
    publish_init(&q);
    CHECK_EQ(publish_texts(&p, &texts), 0);
    CHECK_EQ(publish_text(&q, BYTES("{\"event_type\":\"role_assigned\",\"id\":\"a.1\","
                                    "\"message\":\"say \\\"hi\\\"\\n\",\"target_user_id\":\"bob\","
                                    "\"role_name\":\"\xc3\x89"
                                    "diteur\",\"resource_id\":\"\","
                                    "\"data\":{\"a\":1.0,\"password\":\"p\"}}")),
             0);
    CHECK(bytes_equal(p.event->json, q.event->json));
    CHECK_EQ(p.event->fingerprint, q.event->fingerprint);
    CHECK_EQ(p.event->audience_count, q.event->audience_count);
    CHECK_TEXT(p.event->data, "{\"a\":1.0}");
    CHECK_EQ(p.redacted, 1);
    event_unref(p.event);
    event_unref(q.event);
}

TEST(texts_are_refused_in_the_words_for_json)
{
    static const struct {
        struct event_texts texts;
        enum error_code code;
        const char *member, *reason;
    } rows[] = {
        {{{0}}, ERROR_MISSING_MEMBER, "event_type", "is required"},
        {{.type = {"user_create", 11}},
         ERROR_INVALID_MEMBER,
         "event_type",
         "is not known; did you mean user_created?"},
        {{.type = {"user_created", 12}, .id = {"", 0}},
         ERROR_INVALID_MEMBER,
         "id",
         "must not be empty"},
        {{.type = {"user_created", 12}, .members[MEMBER_USER_ID] = {"a\nb", 3}},
         ERROR_INVALID_MEMBER,
         "user_id",
         "must not hold control characters"},
        {{.type = {"user_created", 12}, .members[MEMBER_TENANT_ID] = {"b", 1}},
         ERROR_WRONG_TENANT,
         "tenant_id",
         "must be the publisher's own tenant, or left out"},
        {{.type = {"user_created", 12}, .data = {"[]", 2}},
         ERROR_INVALID_MEMBER,
         "data",
         "must be an object"},
    };
    struct publish p;

    publish_init(&p);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        CHECK(publish_texts(&p, &rows[i].texts) < 0);
        CHECK_EQ(p.problem.code, rows[i].code);
        assert_string_equal(p.problem.member, rows[i].member);
        assert_string_equal(p.problem.reason, rows[i].reason);
    }
}
