/* SPDX-License-Identifier: Apache-2.0 */
/* test_event.c: an event is one allocation that has decided its audience and its effect. */
#include "model/event.h"

#include "event_fields.h"
#include "unit.h"

TEST(an_event_holds_copies_of_all_it_was_made_of)
{
    char user[] = "alice";
    struct event_fields fields = fields_of(EVENT_ACCESS_DENIED, "acme");
    struct event *event;

    fields.members[MEMBER_USER_ID] = (struct bytes){user, 5};
    fields.members[MEMBER_RESOURCE] = BYTES("");
    fields.data = BYTES("{\"a\":1}");
    fields.id_given = true;
    CHECK_EQ(event_new(&event, &fields, BYTES("{}"), 77, &policy_default), 0);
    memset(user, 'x', 5);
    CHECK_TEXT(event->members[MEMBER_USER_ID], "alice");
    CHECK_TEXT(event->members[MEMBER_RESOURCE], "");
    CHECK(bytes_present(event->members[MEMBER_RESOURCE]));
    CHECK(!bytes_present(event->members[MEMBER_ACTION]));
    CHECK_TEXT(event->id, "e1");
    CHECK_TEXT(event->tenant, "acme");
    CHECK_TEXT(event->publisher, "publisher");
    CHECK_TEXT(event->data, "{\"a\":1}");
    CHECK_TEXT(event->json, "{}");
    CHECK_EQ(event->fingerprint, 77);
    CHECK_EQ(event->level, 2);
    CHECK(event->id_given && !event->same_person && !event->has_fence);
    CHECK_EQ(event->time_ms, 1234);
    CHECK(event->size > sizeof *event);
    CHECK(event_ref(event) == event);
    event_unref(event);
    event_unref(event);
    event_unref(NULL);
}

TEST(what_stands_in_the_json_is_not_held_twice)
{
    struct bytes json = BYTES("{\"id\":\"e9\",\"user_id\":\"alice\",\"data\":{\"a\":1}}");
    struct event_fields fields = fields_of(EVENT_ACCESS_DENIED, "acme");
    struct event *apart, *within;

    fields.members[MEMBER_USER_ID] = BYTES("alice");
    fields.id = BYTES("e9");
    fields.data = BYTES("{\"a\":1}");
    CHECK_EQ(event_new(&apart, &fields, json, 0, &policy_default), 0);
    fields.id = (struct bytes){json.data + 7, 2};
    fields.members[MEMBER_USER_ID] = (struct bytes){json.data + 22, 5};
    fields.data = (struct bytes){json.data + 36, 7};
    CHECK_EQ(event_new(&within, &fields, json, 0, &policy_default), 0);
    CHECK_EQ(within->size, apart->size - 2 - 5 - 7);
    CHECK_TEXT(within->id, "e9");
    CHECK_TEXT(within->members[MEMBER_USER_ID], "alice");
    CHECK_TEXT(within->data, "{\"a\":1}");
    CHECK(within->id.data > within->json.data && within->json.data != json.data);
    event_unref(apart);
    event_unref(within);
}

TEST(same_person_needs_a_person)
{
    struct event *event = event_about(EVENT_USER_UPDATED, "t", NULL, NULL);

    CHECK(!event->same_person);
    event_unref(event);
    event = event_about(EVENT_USER_UPDATED, "t", "a", "a");
    CHECK(event->same_person);
    event_unref(event);
    event = event_about(EVENT_USER_UPDATED, "t", "a", "b");
    CHECK(!event->same_person);
    event_unref(event);
}

static void check_no_fence(struct event_fields *fields)
{
    struct event *event;

    CHECK_EQ(event_new(&event, fields, BYTES("{}"), 0, &policy_default), 0);
    CHECK(!event->has_fence);
    /* Not by its type, or for want of a name: only the second is worth a warning. */
    CHECK_EQ(event->withdraws_nothing, policy_default.rules[fields->type].effect != EFFECT_NONE);
    event_unref(event);
}

static void check_fence(struct event_fields *fields, const char *user, enum fence_scope scope,
                        const char *name)
{
    struct event *event;

    CHECK_EQ(event_new(&event, fields, BYTES("{}"), 0, &policy_default), 0);
    CHECK(event->has_fence && !event->withdraws_nothing);
    CHECK(bytes_equal(event->fence.user, bytes_of(user)));
    CHECK_TEXT(event->fence.tenant, "acme");
    CHECK_EQ(event->fence.scope, scope);
    CHECK(bytes_equal(event->fence.name, bytes_of(name)));
    CHECK_EQ(event->fence.not_before_ms, 1234);
    event_unref(event);
}

TEST(only_three_types_fence_whatever_else_they_carry)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        struct event_fields fields = fields_of((enum event_type)i, "acme");

        fields.members[MEMBER_USER_ID] = BYTES("alice");
        fields.members[MEMBER_ROLE_NAME] = BYTES("editor");
        fields.members[MEMBER_PERMISSION] = BYTES("docs:*");
        fields.members[MEMBER_RESOURCE] = BYTES("docs");
        fields.members[MEMBER_ACTION] = BYTES("read");
        switch (i) {
        case EVENT_USER_DELETED:
            check_fence(&fields, "alice", FENCE_EVERYTHING, NULL);
            break;
        case EVENT_ROLE_REVOKED:
            check_fence(&fields, "alice", FENCE_ROLE, "editor");
            break;
        case EVENT_PERMISSION_REVOKED:
            check_fence(&fields, "alice", FENCE_PERMISSION, "docs:*");
            break;
        default:
            check_no_fence(&fields);
        }
    }
}

TEST(a_fence_is_on_the_target_if_there_is_one)
{
    struct event_fields fields = fields_of(EVENT_USER_DELETED, "acme");

    check_no_fence(&fields); /* nobody is named */
    fields.members[MEMBER_TARGET_USER_ID] = BYTES("bob");
    check_fence(&fields, "bob", FENCE_EVERYTHING, NULL);
    fields.members[MEMBER_USER_ID] = BYTES("alice");
    check_fence(&fields, "bob", FENCE_EVERYTHING, NULL);
    fields.members[MEMBER_TARGET_USER_ID] = (struct bytes){0};
    check_fence(&fields, "alice", FENCE_EVERYTHING, NULL);
}

TEST(without_a_name_for_what_is_revoked_there_is_no_fence)
{
    struct event_fields fields = fields_of(EVENT_ROLE_REVOKED, "acme");

    fields.members[MEMBER_USER_ID] = BYTES("alice");
    fields.members[MEMBER_PERMISSION] = BYTES("docs:read");
    check_no_fence(&fields);

    fields = fields_of(EVENT_PERMISSION_REVOKED, "acme");
    fields.members[MEMBER_USER_ID] = BYTES("alice");
    fields.members[MEMBER_ROLE_NAME] = BYTES("editor");
    fields.members[MEMBER_RESOURCE] = BYTES("docs");
    check_no_fence(&fields);
    fields.members[MEMBER_ACTION] = BYTES("");
    check_no_fence(&fields);
    fields.members[MEMBER_ACTION] = BYTES("read");
    check_fence(&fields, "alice", FENCE_PERMISSION, "docs:read");
}

TEST(the_fingerprint_is_of_what_the_publisher_gave)
{
    struct event_fields fields = fields_of(EVENT_ACCESS_DENIED, "acme"), other = fields;
    uint64_t before = event_fingerprint(&fields);

    other.id = BYTES("another");
    other.id_given = !other.id_given;
    other.time_ms = 99;
    other.publisher = BYTES("somebody");
    other.members[MEMBER_TENANT_ID] = BYTES("acme"); /* named or not, it is the same */
    CHECK(event_fingerprint(&other) == before);

    other = fields;
    other.type = EVENT_USER_CREATED;
    CHECK(event_fingerprint(&other) != before);
    other = fields;
    other.tenant = BYTES("acme2");
    CHECK(event_fingerprint(&other) != before);
    other = fields;
    other.data = BYTES("{}");
    CHECK(event_fingerprint(&other) != before);
    for (int i = 0; i < EVENT_MEMBERS; i++) {
        if (i == MEMBER_TENANT_ID)
            continue;
        other = fields;
        other.members[i] = BYTES("x");
        CHECK(event_fingerprint(&other) != before);
    }
}

TEST(a_value_in_another_member_is_another_fingerprint)
{
    struct event_fields a = fields_of(EVENT_ACCESS_DENIED, "acme"), b = a;

    a.members[MEMBER_USER_ID] = BYTES("x");
    b.members[MEMBER_USER_NAME] = BYTES("x");
    CHECK(event_fingerprint(&a) != event_fingerprint(&b));
    b = a;
    b.members[MEMBER_USER_NAME] = BYTES("");
    CHECK(event_fingerprint(&a) != event_fingerprint(&b));
}

TEST(members_have_the_names_and_order_of_the_frame)
{
    CHECK_TEXT(event_member_text(MEMBER_MESSAGE), "message");
    CHECK_TEXT(event_member_text(MEMBER_TARGET_USER_ID), "target_user_id");
    CHECK_TEXT(event_member_text(MEMBER_TENANT_ID), "tenant_id");
    CHECK_EQ(event_member_size_max(MEMBER_PERMISSION), PERMISSION_SIZE_MAX);
    CHECK_EQ(EVENT_MEMBERS, 11);
}
