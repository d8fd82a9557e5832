/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_stored.c: what one instance stores another reads as the same event, or refuses. */
#include "wire/event_stored.h"

#include <stdio.h>

#include "publish.h"
#include "wire/control.h"

static void same_text(struct bytes a, struct bytes b)
{
    CHECK_EQ(bytes_present(a), bytes_present(b));
    CHECK(bytes_equal(a, b));
}

static void same_event(const struct event *a, const struct event *b)
{
    CHECK_EQ(a->control, b->control);
    CHECK_EQ(a->type, b->type);
    CHECK_EQ(a->level, b->level);
    CHECK_EQ(a->id_given, b->id_given);
    CHECK_EQ(a->same_person, b->same_person);
    CHECK_EQ(a->no_effects, b->no_effects);
    CHECK_EQ(a->has_fence, b->has_fence);
    CHECK_EQ(a->withdraws_nothing, b->withdraws_nothing);
    CHECK_EQ(a->time_ms, b->time_ms);
    CHECK(a->fingerprint == b->fingerprint);
    same_text(a->id, b->id);
    same_text(a->tenant, b->tenant);
    same_text(a->publisher, b->publisher);
    same_text(a->data, b->data);
    same_text(a->json, b->json);
    for (int i = 0; i < EVENT_MEMBERS; i++)
        same_text(a->members[i], b->members[i]);
    CHECK_EQ(a->audience_count, b->audience_count);
    for (unsigned i = 0; i < a->audience_count; i++)
        same_text(a->audience[i].text, b->audience[i].text);
    CHECK_EQ(a->fence.scope, b->fence.scope);
    CHECK_EQ(a->fence.not_before_ms, b->fence.not_before_ms);
    same_text(a->fence.tenant, b->fence.tenant);
    same_text(a->fence.user, b->fence.user);
    same_text(a->fence.name, b->fence.name);
}

/* Through the fields, of which every byte lies in a block of its own. */
static void comes_back(const struct event *event)
{
    struct stored_fields stored;
    struct event *back;
    char *copy = malloc(event->json.size);

    CHECK(copy != NULL);
    event_stored_out(event, &stored);
    memcpy(copy, stored.json.data, stored.json.size);
    stored.json.data = copy;
    CHECK_EQ(event_stored_in(&back, &stored, &policy_default), 0);
    free(copy);
    same_event(event, back);
    event_unref(back);
}

static void published_comes_back(struct publish *p, const char *json)
{
    CHECK_EQ(publish_text(p, bytes_of(json)), 0);
    comes_back(p->event);
}

TEST(a_stored_event_is_read_as_it_was_with_every_member)
{
    struct publish p;

    publish_init(&p);
    published_comes_back(&p, "{\"event_type\":\"policy_updated\"}");
    published_comes_back(
        &p, "{\"event_type\":\"role_revoked\",\"id\":\"a.b:c-d_1\",\"message\":\"m\","
            "\"security_level\":\"High\",\"user_id\":\"ann\",\"user_name\":\"Ann\","
            "\"target_user_id\":\"bob\",\"resource\":\"doc\",\"resource_id\":\"7\","
            "\"action\":\"read\",\"role_name\":\"editor\",\"permission\":\"doc:read\","
            "\"tenant_id\":\"acme\",\"data\":{\"a\":[1,-2.5,{\"b\":null}],\"c\":\"\\u0001\"}}");
    CHECK(p.event->has_fence);
    published_comes_back(&p, "{\"event_type\":\"permission_revoked\",\"user_id\":\"ann\","
                             "\"resource\":\"doc\",\"action\":\"*\"}");
    published_comes_back(&p, "{\"event_type\":\"role_revoked\",\"user_id\":\"ann\"}");
    CHECK(p.event->withdraws_nothing);
    p.context.any_tenant = true;
    p.context.tenant = BYTES("");
    p.context.publisher = BYTES("");
    published_comes_back(&p, "{\"event_type\":\"user_deleted\",\"user_id\":\"ann\"}");
    event_unref(p.event);
}

TEST(a_stored_event_keeps_unicode_and_escapes)
{
    struct publish p;

    publish_init(&p);
    published_comes_back(
        &p, "{\"event_type\":\"user_updated\",\"user_id\":\"\\u00e9\\\"\\\\/\\ud83d\\ude00\","
            "\"user_name\":\"\xe2\x82\xac\",\"message\":\"a\\n\\tb\",\"role_name\":\"\\u0041\","
            "\"data\":{\"\\ud83d\\ude00\":\"\\b\\f\"}}");
    CHECK_TEXT(p.event->members[MEMBER_USER_ID], "\xc3\xa9\"\\/\xf0\x9f\x98\x80");
    CHECK_TEXT(p.event->members[MEMBER_MESSAGE], "a\n\tb");
    event_unref(p.event);
}

TEST(the_largest_event_comes_back)
{
    static const char head[] = "{\"event_type\":\"user_updated\",\"id\":\"x\",\"data\":{\"a\":\"";
    char *json = malloc(EVENT_SIZE_MAX + 1);
    struct publish p;
    size_t size = EVENT_SIZE_MAX;

    CHECK(json != NULL);
    publish_init(&p);
    do { /* the frame has more members than what was given */
        size--;
        memset(json, 'x', size);
        memcpy(json, head, sizeof head - 1);
        memcpy(json + size - 3, "\"}}", 3);
    } while (publish_text(&p, (struct bytes){json, size}) == MCP_AUTH_E_TOO_BIG);
    CHECK(p.event != NULL);
    CHECK_EQ(p.event->json.size, EVENT_SIZE_MAX);
    comes_back(p.event);
    event_unref(p.event);
    free(json);
}

TEST(an_event_without_effects_has_none_where_it_is_read)
{
    struct stored_fields stored;
    struct event *back;
    struct publish p;

    publish_init(&p);
    CHECK_EQ(publish_text(&p, BYTES("{\"event_type\":\"user_deleted\",\"user_id\":\"ann\"}")), 0);
    event_stored_out(p.event, &stored);
    CHECK(!stored.no_effects);
    stored.no_effects = true;
    CHECK_EQ(event_stored_in(&back, &stored, &policy_default), 0);
    CHECK(back->no_effects && !back->has_fence && !back->withdraws_nothing);
    comes_back(back);
    event_unref(back);
    event_unref(p.event);
}

static void control_comes_back(enum event_control control, const char *user, const char *body)
{
    uint64_t seed = 1;
    struct random random = random_seeded(&seed);
    struct event_context context = {.any_tenant = true,
                                    .tenant = BYTES(""),
                                    .publisher = BYTES("root"),
                                    .wall_ms = INT64_C(1700000000123),
                                    .random = &random};
    struct event_problem problem;
    struct event *event;

    CHECK_EQ(control_in(&event, control, bytes_of(user), bytes_of(body), &context, &problem), 0);
    comes_back(event);
    event_unref(event);
}

TEST(a_stored_control_entry_does_again_what_it_did)
{
    control_comes_back(CONTROL_REVOCATION, NULL, "{\"user_id\":\"a\\\"\xc3\xa9\"}");
    control_comes_back(CONTROL_REVOCATION, NULL,
                       "{\"token_id\":\"t\\\\\",\"tenant_id\":\"acme\",\"reason\":\"lost\"}");
    control_comes_back(CONTROL_DISCONNECT, "ann", "");
    control_comes_back(CONTROL_DISCONNECT, "ann", "{\"tenant_id\":\"acme\",\"reason\":\"now\"}");
}

/* A good entry, of which a test spoils one thing. */
static struct stored_fields good(const char *json)
{
    return (struct stored_fields){
        .id = BYTES("i"),
        .tenant = BYTES("acme"),
        .type = BYTES("user_updated"),
        .json = bytes_of(json),
    };
}

#define HEAD "{\"type\":\"event\",\"id\":\"i\",\"event_type\":\"user_updated\","
#define TIME "\"timestamp\":\"2023-11-14T22:13:20.123Z\""
#define REST ",\"message\":\"m\",\"security_level\":\"LOW\""
#define TENANT ",\"tenant_id\":\"acme\""
#define WHOLE HEAD TIME REST TENANT

static int read_back(const struct stored_fields *stored, struct event **ret)
{
    return event_stored_in(ret, stored, &policy_default);
}

static void refused(const struct stored_fields *stored)
{
    struct event *event;

    CHECK_EQ(read_back(stored, &event), MCP_AUTH_E_INVALID);
    CHECK_EQ(event_stored_unreadable(&event, stored), 0);
    CHECK_EQ(event->control, CONTROL_UNREADABLE);
    CHECK_EQ(event->audience_count, 0);
    CHECK(!event_has_effect(event));
    event_unref(event);
}

TEST(what_no_instance_composed_is_refused_and_never_more)
{
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "1",
        "{}",
        HEAD TIME REST TENANT ",\"position\":\"x\"}",
        HEAD TIME REST TENANT ",\"data\":[]}",
        HEAD TIME REST TENANT ",\"data\":\"\"}",
        HEAD TIME REST TENANT ",\"user_id\":null}",
        HEAD TIME REST TENANT ",\"user_id\":\"\\u001f\"}",
        HEAD TIME REST TENANT ",\"role_name\":7}",
        HEAD TIME REST TENANT ",\"id\":\"i\"}",
        HEAD TIME REST "}",
        HEAD TIME TENANT ",\"message\":\"m\"}",
        HEAD TIME TENANT ",\"security_level\":\"LOW\"}",
        HEAD TIME TENANT ",\"message\":\"m\",\"security_level\":\"HUGE\"}",
        HEAD "\"timestamp\":\"yesterday\"" REST TENANT "}",
        HEAD "\"message\":\"m\",\"security_level\":\"LOW\"" TENANT "}",
        "{\"type\":\"event\",\"event_type\":\"user_updated\"," TIME REST TENANT "}",
        "{\"type\":\"heartbeat\",\"id\":\"i\",\"event_type\":\"user_updated\"," TIME REST TENANT
        "}",
        "{\"type\":\"event\",\"id\":\"i\",\"event_type\":\"role_revoked\"," TIME REST TENANT "}",
        "{\"type\":\"event\",\"id\":\"j\",\"event_type\":\"user_updated\"," TIME REST TENANT "}",
    };
    struct stored_fields stored = good(WHOLE "}");
    struct event *event;

    CHECK_EQ(read_back(&stored, &event), 0);
    CHECK_EQ(event->time_ms, INT64_C(1700000000123));
    event_unref(event);
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        stored = good(bad[i]);
        refused(&stored);
    }
}

TEST(fields_that_do_not_fit_the_json_are_refused)
{
    static char long_text[EVENT_SIZE_MAX + 2];
    struct stored_fields stored;

    memset(long_text, ' ', sizeof long_text - 1);
    memcpy(long_text, WHOLE "}", sizeof WHOLE);
    stored = good(long_text);
    refused(&stored);
    stored = (struct stored_fields){0};
    refused(&stored);
    stored = good(WHOLE "}");
    stored.tenant = BYTES("globex");
    refused(&stored);
    stored = good(WHOLE "}");
    stored.type = BYTES("a_type_of_tomorrow");
    refused(&stored);
    stored = good(WHOLE "}");
    stored.type = BYTES("$revocation");
    refused(&stored);
    stored = good(WHOLE "}");
    stored.by = BYTES("\xff");
    refused(&stored);
    stored.by = (struct bytes){long_text, USER_ID_SIZE_MAX + 1};
    refused(&stored);
    stored = good(WHOLE ",\"user_id\":\"ann\"}");
    stored.id = (struct bytes){long_text, EVENT_ID_SIZE_MAX + 1};
    stored.tenant = (struct bytes){long_text, TENANT_SIZE_MAX + 1};
    refused(&stored);
}

TEST(a_control_entry_of_another_shape_is_refused)
{
    static const char *const bad[] = {
        "{\"type\":\"$disconnect\",\"id\":\"i\"," TIME TENANT ",\"user_id\":\"ann\"}",
        "{\"type\":\"$revocation\",\"id\":\"i\"," TIME TENANT "}",
        "{\"type\":\"$revocation\",\"id\":\"i\"," TIME TENANT ",\"user_id\":\"\"}",
        "{\"type\":\"$revocation\",\"id\":\"i\"," TIME TENANT
        ",\"user_id\":\"ann\",\"token_id\":\"t\"}",
    };
    struct stored_fields stored;

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        stored = good(bad[i]);
        stored.type = BYTES("$revocation");
        refused(&stored);
    }
    stored = good("{\"type\":\"$disconnect\",\"id\":\"i\"," TIME TENANT ",\"token_id\":\"t\"}");
    stored.type = BYTES("$disconnect");
    refused(&stored);
    stored = good("{\"type\":\"$tomorrow\",\"id\":\"i\"," TIME TENANT ",\"user_id\":\"ann\"}");
    stored.type = BYTES("$tomorrow");
    refused(&stored);
}

TEST(members_of_a_newer_version_stay_in_the_json)
{
    struct stored_fields stored =
        good(WHOLE ",\"weather\":{\"type\":[\"fine\"]},\"user_id\":\"ann\"}");
    struct event *event;

    CHECK_EQ(read_back(&stored, &event), 0);
    CHECK(shows(event, "\"weather\":{\"type\":[\"fine\"]}"));
    CHECK_TEXT(event->members[MEMBER_USER_ID], "ann");
    event_unref(event);
}
