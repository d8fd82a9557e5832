/* SPDX-License-Identifier: Apache-2.0 */
/* test_enter.c: where an identity stands in the index, and what it may see. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(const char *claims)
{
    stage_init(&stage);
    stage_start(&stage);
    client_connect(&client, &stage, SESSION_PLAIN);
    client_auth(&client, stage_token(&stage, claims), NULL);
    CHECK(session_signed_in(client.session));
}

static bool sees(struct sample sample, enum view *ret_view)
{
    struct event *event = sample_event(sample);
    bool result = session_may_see(client.session, event, ret_view);

    event_unref(event);
    return result;
}

static void end(void)
{
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_session_stands_under_its_user_roles_permissions_and_as_administrator)
{
    begin("\"sub\":\"ann\",\"roles\":[\"r\",\"admin\",\"r\"],\"permissions\":[\"p\",\"q*\"]");
    CHECK_EQ(client.session->authority->members_count,
             5); /* administrators, 2 roles, 2 permissions */
    CHECK_EQ(stage.hub->audience.audiences.count, 5);
    CHECK(user_index_find(&stage.hub->users, BYTES("u\x1f"
                                                   "ann")) == client.session);
    end();
}

TEST(the_view_is_that_of_the_first_key_that_finds_it)
{
    struct policy policy = sample_policy();
    enum view view;

    begin("\"sub\":\"ann\",\"roles\":\"watch\"");
    CHECK(sees((struct sample){.type = EVENT_SECURITY_VIOLATION, .user = "ann", .policy = &policy},
               &view));
    CHECK_EQ(view, VIEW_SUBJECT);
    CHECK(sees((struct sample){.type = EVENT_SECURITY_VIOLATION, .policy = &policy}, &view));
    CHECK_EQ(view, VIEW_WATCHER);
    CHECK(sees((struct sample){.type = EVENT_USER_UPDATED, .user = "ben", .target = "ann"}, &view));
    CHECK_EQ(view, VIEW_TARGET);
    CHECK(!sees((struct sample){.type = EVENT_USER_UPDATED, .user = "ben"}, &view));
    CHECK(!sees((struct sample){.type = EVENT_POLICY_UPDATED, .user = "ann"}, &view));
    end();
}

TEST(another_tenant_is_not_seen_even_when_every_name_is_the_same)
{
    enum view view;

    begin("\"sub\":\"ann\",\"roles\":\"admin\",\"tenant_id\":\"t\"");
    CHECK(sees((struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .tenant = "t"}, &view));
    CHECK_EQ(view, VIEW_FULL);
    CHECK(!sees((struct sample){.type = EVENT_USER_UPDATED, .user = "ann"}, &view));
    CHECK(!sees((struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .tenant = "tt"}, &view));
    end();
}
