/* SPDX-License-Identifier: Apache-2.0 */
/* test_enforce.c: what an event takes away is gone before it is announced, and from nobody else. */
#include "stage.h"

static struct stage stage;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

static void sign_in_with(struct client *client, enum session_kind kind, const char *claims)
{
    client_connect(client, &stage, kind);
    client_auth(client, stage_token(&stage, claims), NULL);
    CHECK(session_signed_in(client->session));
    CHECK(kind == SESSION_PLAIN || client_reads(client, "auth_ok", NULL));
}

TEST(a_demoted_administrator_does_not_see_the_administrator_event_published_next)
{
    struct client demoted, plain, admin;
    uint64_t n;

    begin();
    client_sign_in(&demoted, &stage, SESSION_CONTROL, "ann", "\"admin\",\"r\"");
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ann", "\"admin\"");
    client_sign_in(&admin, &stage, SESSION_CONTROL, "root", "\"admin\"");
    n = stage_append(&stage,
                     (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "admin"});
    stage_effect(&stage, n);
    CHECK(client_reads(&demoted, "scope_changed", "\"roles\":[\"r\"],\"permissions\":[]"));
    stage_announce(&stage, n);
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    CHECK(client_reads_event(&demoted, 1)); /* as the target */
    CHECK(client_reads_event(&plain, 1));
    CHECK(client_quiet(&demoted) && client_quiet(&plain));
    CHECK(client_reads_event(&admin, 1) && client_reads_event(&admin, 2));
    CHECK(client_quiet(&admin));
    CHECK_EQ(hub_counters(stage.hub)->effects, 1);
    CHECK_EQ(hub_counters(stage.hub)->scope_changes, 2);
    client_gone(&demoted);
    client_gone(&plain);
    client_gone(&admin);
    stage_done(&stage);
}

TEST(a_revoked_permission_is_gone_from_live_sessions_wildcards_by_their_own_name)
{
    struct policy policy = sample_policy();
    struct sample news = {.type = EVENT_SECURITY_VIOLATION,
                          .resource = "doc",
                          .action = "read",
                          .policy = &policy};
    struct client client;

    begin();
    sign_in_with(&client, SESSION_CONTROL,
                 "\"sub\":\"ann\",\"permissions\":[\"doc:read\",\"doc:write\",\"do*\"]");
    stage_publish(&stage, (struct sample){.type = EVENT_PERMISSION_REVOKED,
                                          .user = "ann",
                                          .permission = "doc:*"});
    CHECK(client_reads(&client, "scope_changed", "\"permissions\":[\"do*\"]"));
    CHECK(client_reads_event(&client, 1));
    CHECK(client_reads_event(&client, stage_publish(&stage, news))); /* by the wildcard it holds */
    stage_publish(&stage, (struct sample){.type = EVENT_PERMISSION_REVOKED,
                                          .user = "ann",
                                          .permission = "do*"});
    CHECK(client_reads(&client, "scope_changed", "\"permissions\":[]"));
    CHECK(client_reads_event(&client, 3));
    stage_publish(&stage, news);
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(nothing_is_said_when_nothing_changes)
{
    struct client client;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", "\"r\"");
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "other"});
    CHECK(client_reads_event(&client, 1) && client_quiet(&client));
    CHECK_EQ(hub_counters(stage.hub)->scope_changes, 0);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_fence_touches_its_own_user_and_tenant_only)
{
    struct client other, elsewhere;

    begin();
    client_sign_in(&other, &stage, SESSION_CONTROL, "ben", "\"r\"");
    sign_in_with(&elsewhere, SESSION_CONTROL,
                 "\"sub\":\"ann\",\"roles\":[\"r\"],\"tenant_id\":\"t\"");
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "r"});
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    CHECK(client_quiet(&other) && client_quiet(&elsewhere));
    CHECK_EQ(hub_counters(stage.hub)->scope_changes, 0);
    client_gone(&other);
    client_gone(&elsewhere);
    stage_done(&stage);
}

TEST(a_deleted_user_receives_that_very_event_and_is_closed_4002)
{
    struct client control, plain, filtered;
    uint64_t before, n;

    begin();
    client_sign_in(&control, &stage, SESSION_CONTROL, "ann", "\"admin\"");
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&filtered, &stage, SESSION_CONTROL, "ann", NULL);
    client_say(&filtered, "{\"type\":\"subscribe\",\"event_types\":[\"user_created\"]}");
    CHECK(client_reads(&filtered, "subscribed", NULL));
    before = stage_append(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    n = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_effect(&stage, n); /* the effect overtakes what is announced before it */
    CHECK_EQ(hub_counters(stage.hub)->sessions, 3);
    CHECK_EQ(stage.hub->users.count, 0); /* found by nothing any more */
    CHECK_EQ(control.session->authority->sessions_count, 0);
    CHECK_EQ(plain.session->authority->sessions_count, 0);
    stage_announce(&stage, before);
    CHECK(client_quiet(&control) && client_quiet(&plain)); /* nothing but that very event */
    client_say(&control, "{\"type\":\"ping\"}");
    CHECK(client_quiet(&control));
    stage_announce(&stage, n);
    CHECK(client_reads_event(&control, n));
    CHECK(client_reads(&control, "closing", "\"code\":4002"));
    CHECK(client_closed(&control, CLOSE_ACCOUNT_REMOVED) && client_read(&control) == NULL);
    CHECK(client_reads_event(&plain, n));
    CHECK(client_closed(&plain, CLOSE_ACCOUNT_REMOVED) && client_read(&plain) == NULL);
    CHECK(
        client_reads(&filtered, "closing", "\"code\":4002")); /* its filter leaves the event out */
    CHECK(client_closed(&filtered, CLOSE_ACCOUNT_REMOVED));
    CHECK_EQ(stage.admitted, 0);
    client_gone(&control);
    client_gone(&plain);
    client_gone(&filtered);
    stage_done(&stage);
}

TEST(who_loses_everything_by_another_type_is_closed_4102)
{
    struct policy policy = policy_default;
    struct client client;
    uint64_t n;

    policy.rules[EVENT_SECURITY_VIOLATION].effect = EFFECT_FENCE_EVERYTHING;
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    n = stage_publish(&stage, (struct sample){.type = EVENT_SECURITY_VIOLATION,
                                              .user = "ann",
                                              .policy = &policy});
    CHECK(client_reads_event(&client, n));
    CHECK(client_reads(&client, "closing", "\"code\":4102"));
    CHECK(client_closed(&client, CLOSE_TOKEN_REVOKED));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_leaving_session_may_go_before_its_event_comes)
{
    struct client gone, expired;
    uint64_t n;

    begin();
    client_sign_in(&gone, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&expired, &stage, SESSION_CONTROL, "ann", NULL);
    n = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_effect(&stage, n);
    client_gone(&gone);
    stage_advance(&stage, 3600 * 1000 + 30000); /* pings and the end of the token are due */
    CHECK(!expired.closed || client_closed(&expired, CLOSE_TOKEN_EXPIRED));
    stage_announce(&stage, n);
    CHECK(expired.closed);
    client_gone(&expired);
    stage_done(&stage);
}

TEST(two_deletions_of_one_user_close_once)
{
    struct client client;
    uint64_t first, second;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    first = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    second = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_effect(&stage, first);
    stage_effect(&stage, second);
    stage_announce(&stage, first);
    CHECK(client_reads_event(&client, first));
    CHECK(client_closed(&client, CLOSE_ACCOUNT_REMOVED));
    stage_announce(&stage, second);
    CHECK(client_reads(&client, "closing", NULL) && client_read(&client) == NULL);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_token_newer_than_the_fence_keeps_everything)
{
    struct client newer;
    char claims[128];

    begin();
    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"roles\":[\"r\"],\"iat\":%lld",
             (long long)(STAGE_WALL_MS / 1000 + 6));
    stage_advance(&stage, 10000);
    sign_in_with(&newer, SESSION_CONTROL, claims);
    stage_publish(&stage, (struct sample){.type = EVENT_ROLE_REVOKED,
                                          .target = "ann",
                                          .role = "r",
                                          .time_ms = STAGE_WALL_MS});
    CHECK(client_reads_event(&newer, 1) && client_quiet(&newer));
    stage_publish(&stage, (struct sample){.type = EVENT_ROLE_REVOKED,
                                          .target = "ann",
                                          .role = "r",
                                          .time_ms = STAGE_WALL_MS + 1000}); /* now it does */
    CHECK(client_reads(&newer, "scope_changed", "\"roles\":[]"));
    client_gone(&newer);
    stage_done(&stage);
}

TEST(many_sessions_of_one_user_all_lose_it_whatever_they_hold)
{
    struct client clients[30];
    uint64_t n;

    begin();
    for (int i = 0; i < 30; i++)
        client_sign_in(&clients[i], &stage, SESSION_CONTROL, "ann",
                       i % 3 == 0   ? "\"r\",\"admin\""
                       : i % 3 == 1 ? "\"admin\""
                                    : NULL);
    n = stage_append(&stage, (struct sample){.type = EVENT_ROLE_REVOKED,
                                             .user = "root",
                                             .target = "ann",
                                             .role = "admin"});
    stage_effect(&stage, n);
    for (int i = 0; i < 30; i++) {
        if (i % 3 != 2)
            CHECK(client_reads(&clients[i], "scope_changed",
                               i % 3 ? "\"roles\":[]" : "\"roles\":[\"r\"]"));
        CHECK(client_quiet(&clients[i]));
    }
    stage_announce(&stage, n);
    for (int i = 0; i < 30; i++) {
        CHECK(client_reads_event(&clients[i], n) && client_quiet(&clients[i]));
        client_gone(&clients[i]);
    }
    stage_done(&stage);
}

TEST(a_fence_is_kept_while_any_token_it_covers_could_be_accepted)
{
    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    CHECK_EQ(fence_table_count(&stage.hub->fences), 1);
    for (int day = 0; day < 30; day++)
        stage_advance(&stage, 86400000);
    CHECK_EQ(fence_table_count(&stage.hub->fences), 1);
    stage_advance(&stage, 120000); /* 30 days, the skew, and a round of housekeeping */
    CHECK_EQ(fence_table_count(&stage.hub->fences), 0);
    stage_done(&stage);
}

/* As when a publisher gives it to two instances, and the stream has the other one's. */
TEST(the_event_that_removed_a_user_may_come_as_another_instance_stored_it)
{
    struct sample removal = {.type = EVENT_USER_DELETED, .id = "gone", .target = "ann"};
    struct sample news = {.type = EVENT_ROLE_REVOKED, .id = "gone", .target = "ann", .role = "r"};
    struct client client;
    struct event *event;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    removal.time_ms = stage.now.wall_ms + 3;
    event = sample_event(removal);
    CHECK_EQ(hub_effect(stage.hub, event), 0);
    stage_publish(&stage, news); /* what only has the same id is not shown */
    removal.time_ms = 0;
    removal.target = "ben";
    stage_publish(&stage, removal);
    CHECK(client_quiet(&client));
    removal.target = "ann";
    stage_publish(&stage, removal);
    CHECK(client_reads(&client, "event", "\"event_type\":\"user_deleted\""));
    CHECK(client_reads(&client, "closing", "\"code\":4002"));
    CHECK(client_closed(&client, CLOSE_ACCOUNT_REMOVED));
    event_unref(event);
    client_gone(&client);
    stage_done(&stage);
}

/* It was enforced when it came in, and turned out to have been published before. */
TEST(who_lost_everything_by_an_event_that_does_not_come_goes_all_the_same)
{
    struct client client;
    struct event *event;

    stage_init(&stage);
    stage_start(&stage);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    event = sample_event(
        (struct sample){.type = EVENT_USER_DELETED, .target = "ann", .time_ms = stage.now.wall_ms});
    CHECK_EQ(hub_effect(stage.hub, event), 0);
    stage_advance(&stage, LEAVING_MS - 1);
    CHECK(client_quiet(&client));
    stage_advance(&stage, 1);
    CHECK(client_reads(&client, "closing", "4002"));
    CHECK(client_closed(&client, CLOSE_ACCOUNT_REMOVED));
    event_unref(event);
    client_gone(&client);
    stage_done(&stage);
}
