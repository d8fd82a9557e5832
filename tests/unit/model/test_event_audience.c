/* SPDX-License-Identifier: Apache-2.0 */
/* test_event_audience.c: who an event's keys find: for every type and everybody who might look. */
#include "event_fields.h"

/* Is somebody with this one index word among the event's audience? */
static const struct audience_key *found(const struct event *event, enum audience_kind kind,
                                        const char *tenant, const char *name)
{
    char room[AUDIENCE_KEY_MAX];
    struct bytes text = {room, audience_key_write(room, kind, bytes_of(tenant), bytes_of(name))};

    for (unsigned i = 0; i < event->audience_count; i++)
        if (bytes_equal(event->audience[i].text, text))
            return &event->audience[i];
    return NULL;
}

/* The matrix of the protocol: 14 types, and subject, target, other, administrator, and the same
 * people of another tenant. */
TEST(every_type_is_seen_by_the_people_concerned_and_administrators_of_its_tenant_only)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        bool system = event_type_family((enum event_type)i) == FAMILY_SYSTEM;
        struct event *event = event_about((enum event_type)i, "acme", "alice", "bob");

        CHECK(found(event, AUDIENCE_ADMINS, "acme", ""));
        CHECK_EQ(found(event, AUDIENCE_USER, "acme", "alice") != NULL, !system);
        CHECK_EQ(found(event, AUDIENCE_USER, "acme", "bob") != NULL, !system);
        CHECK(!found(event, AUDIENCE_USER, "acme", "carol"));
        CHECK(!found(event, AUDIENCE_USER, "acme", "publisher"));

        CHECK(!found(event, AUDIENCE_ADMINS, "", ""));
        CHECK(!found(event, AUDIENCE_ADMINS, "globex", ""));
        CHECK(!found(event, AUDIENCE_USER, "globex", "alice"));
        CHECK(!found(event, AUDIENCE_USER, "", "bob"));
        CHECK(!found(event, AUDIENCE_ROLE, "acme", "alice"));
        CHECK_EQ(event->audience_count, system ? 1 : 3);
        event_unref(event);
    }
}

TEST(keys_stand_administrators_first_then_subject_then_target)
{
    struct event *event = event_about(EVENT_ROLE_ASSIGNED, "acme", "alice", "bob");

    CHECK_EQ(event->audience_count, 3);
    CHECK_EQ(event->audience[0].kind, AUDIENCE_ADMINS);
    CHECK_EQ(event->audience[0].view, VIEW_FULL);
    CHECK_TEXT(event->audience[1].name, "alice");
    CHECK_EQ(event->audience[1].view, VIEW_SUBJECT);
    CHECK_TEXT(event->audience[2].name, "bob");
    CHECK_TEXT(event->audience[2].text, "uacme\x1f"
                                        "bob");
    CHECK_EQ(event->audience[2].view, VIEW_TARGET);
    event_unref(event);
}

TEST(an_event_that_names_nobody_is_for_administrators)
{
    for (int i = 0; i < EVENT_TYPES; i++) {
        struct event *event = event_about((enum event_type)i, "", NULL, NULL);

        CHECK_EQ(event->audience_count, 1);
        CHECK(found(event, AUDIENCE_ADMINS, "", ""));
        event_unref(event);
    }
}

TEST(one_person_as_subject_and_target_has_one_key)
{
    struct event *event = event_about(EVENT_USER_DELETED, "acme", "alice", "alice");

    CHECK_EQ(event->audience_count, 2);
    CHECK_EQ(event->audience[1].view, VIEW_SUBJECT);
    event_unref(event);
    event = event_about(EVENT_USER_DELETED, "acme", NULL, "bob");
    CHECK_EQ(event->audience_count, 2);
    CHECK_EQ(event->audience[1].view, VIEW_TARGET);
    event_unref(event);
}

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }
static const struct receiver watchers[] = {
    {RECEIVER_PERMISSION, TEXT("{resource}:{action}")},
    {RECEIVER_ROLE, TEXT("auditor")},
    {RECEIVER_TARGET, {0}},
    {RECEIVER_ROLE, TEXT("auditor")},
    {RECEIVER_PERMISSION, TEXT("docs:read")},
    {RECEIVER_ADMINS, {0}},
    {RECEIVER_PERMISSION, TEXT("{resource}:audit")},
    {RECEIVER_PERMISSION, TEXT("{x}{resource")},
};

static struct event *event_watched(const char *resource, const char *action)
{
    struct policy policy = policy_default;
    struct event_fields fields = fields_of(EVENT_ACCESS_DENIED, "acme");
    struct event *event;

    policy.rules[EVENT_ACCESS_DENIED].receivers = watchers;
    policy.rules[EVENT_ACCESS_DENIED].receivers_count = ARRAY_COUNT(watchers);
    fields.members[MEMBER_USER_ID] = BYTES("alice");
    fields.members[MEMBER_TARGET_USER_ID] = BYTES("bob");
    fields.members[MEMBER_RESOURCE] = bytes_of(resource);
    fields.members[MEMBER_ACTION] = bytes_of(action);
    CHECK_EQ(event_new(&event, &fields, BYTES("{}"), 0, &policy), 0);
    return event;
}

TEST(a_policy_finds_watchers_by_role_and_filled_in_permission)
{
    struct event *event = event_watched("wiki", "edit");

    CHECK_EQ(event->audience_count, 7);
    CHECK_EQ(event->audience[0].kind, AUDIENCE_ADMINS);
    CHECK_EQ(event->audience[1].view, VIEW_TARGET);
    CHECK(
        !found(event, AUDIENCE_USER, "acme", "alice")); /* this policy does not name the subject */
    CHECK_EQ(found(event, AUDIENCE_ROLE, "acme", "auditor")->view, VIEW_WATCHER);
    CHECK_EQ(found(event, AUDIENCE_PERMISSION, "acme", "wiki:edit")->view, VIEW_WATCHER);
    CHECK(found(event, AUDIENCE_PERMISSION, "acme", "docs:read"));
    CHECK(found(event, AUDIENCE_PERMISSION, "acme", "wiki:audit"));
    CHECK(found(event, AUDIENCE_PERMISSION, "acme", "{x}{resource")); /* not our placeholders */
    event_unref(event);
}

TEST(equal_filled_in_permissions_are_folded)
{
    struct event *event = event_watched("docs", "read");

    CHECK_EQ(event->audience_count, 6);
    event_unref(event);
}

TEST(a_template_whose_member_is_absent_or_empty_finds_nobody)
{
    struct event *event = event_watched("wiki", NULL);

    CHECK(!found(event, AUDIENCE_PERMISSION, "acme", "wiki:"));
    CHECK(found(event, AUDIENCE_PERMISSION, "acme", "wiki:audit"));
    event_unref(event);
    event = event_watched("", "edit");
    CHECK(!found(event, AUDIENCE_PERMISSION, "acme", ":edit"));
    CHECK(!found(event, AUDIENCE_PERMISSION, "acme", ":audit"));
    event_unref(event);
}

TEST(what_is_filled_in_stays_literal)
{
    struct event *event = event_watched("{action}", "*");

    CHECK(found(event, AUDIENCE_PERMISSION, "acme", "{action}:*"));
    CHECK(!found(event, AUDIENCE_PERMISSION, "acme", "*:*"));
    for (unsigned i = 0; i < event->audience_count; i++)
        CHECK(event->audience[i].kind != AUDIENCE_ANY_PERMISSION);
    event_unref(event);
}

TEST(a_filled_in_permission_longer_than_any_finds_nobody)
{
    char resource[RESOURCE_SIZE_MAX + 1], action[ACTION_SIZE_MAX + 2];
    struct event *event;
    unsigned fitting;

    memset(resource, 'r', sizeof resource);
    resource[RESOURCE_SIZE_MAX] = '\0';
    memset(action, 'a', sizeof action);
    action[ACTION_SIZE_MAX] = '\0';
    event = event_watched(resource, action); /* exactly PERMISSION_SIZE_MAX */
    fitting = event->audience_count;
    event_unref(event);
    action[ACTION_SIZE_MAX] = 'a'; /* beyond what event_in lets pass */
    action[ACTION_SIZE_MAX + 1] = '\0';
    event = event_watched(resource, action);
    CHECK_EQ(event->audience_count, fitting - 1);
    event_unref(event);
}
