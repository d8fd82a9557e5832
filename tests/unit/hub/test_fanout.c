/* SPDX-License-Identifier: Apache-2.0 */
/* test_fanout.c: exactly those who may see an event get it, once each, composed once a view. */
#include "stage.h"

static struct stage stage;

static void begin(enum privacy privacy)
{
    stage_init(&stage);
    stage.settings.privacy = privacy;
    stage_start(&stage);
}

static unsigned long long encodings(void)
{
    return hub_counters(stage.hub)->encodings;
}

TEST(subject_target_and_administrators_get_an_event_and_nobody_else)
{
    struct client subject, target, admin, other;

    begin(PRIVACY_FULL);
    client_sign_in(&subject, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&target, &stage, SESSION_PLAIN, "ben", NULL);
    client_sign_in(&admin, &stage, SESSION_CONTROL, "root", "\"admin\"");
    client_sign_in(&other, &stage, SESSION_CONTROL, "cid", "\"adm\"");
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_ASSIGNED, .user = "ann", .target = "ben"});
    stage_publish(&stage, (struct sample){.type = EVENT_CONFIGURATION_CHANGED, .user = "ann"});
    stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED});
    CHECK(client_reads_event(&subject, 1) && client_quiet(&subject));
    CHECK(client_reads_event(&target, 1) && client_quiet(&target));
    for (uint64_t n = 1; n <= 3; n++)
        CHECK(client_reads_event(&admin, n));
    CHECK(client_quiet(&admin) && client_quiet(&other));
    CHECK_EQ(hub_counters(stage.hub)->frames_sent, 5);
    CHECK_EQ(hub_counters(stage.hub)->events_announced, 3);
    client_gone(&subject);
    client_gone(&target);
    client_gone(&admin);
    client_gone(&other);
    stage_done(&stage);
}

TEST(tenants_never_mix)
{
    struct client here, there, admin_there;
    char claims[128];

    begin(PRIVACY_FULL);
    client_sign_in(&here, &stage, SESSION_CONTROL, "ann", NULL);
    client_connect(&there, &stage, SESSION_CONTROL);
    client_auth(&there, stage_token(&stage, "\"sub\":\"ann\",\"tenant_id\":\"t\""), NULL);
    client_connect(&admin_there, &stage, SESSION_CONTROL);
    snprintf(claims, sizeof claims, "\"sub\":\"x\",\"tenant_id\":\"t\",\"roles\":\"admin\"");
    client_auth(&admin_there, stage_token(&stage, claims), NULL);
    CHECK(client_reads(&there, "auth_ok", NULL) && client_reads(&admin_there, "auth_ok", NULL));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    stage_publish(&stage,
                  (struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .tenant = "t"});
    CHECK(client_reads_event(&here, 1) && client_quiet(&here));
    CHECK(client_reads_event(&there, 2) && client_quiet(&there));
    CHECK(client_reads_event(&admin_there, 2) && client_quiet(&admin_there));
    client_gone(&here);
    client_gone(&there);
    client_gone(&admin_there);
    stage_done(&stage);
}

TEST(a_session_found_by_several_keys_gets_the_event_once)
{
    struct policy policy = sample_policy();
    struct client client;

    begin(PRIVACY_FULL);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client,
                stage_token(&stage,
                            "\"sub\":\"ann\",\"roles\":[\"admin\",\"watch\"],\"permissions\":"
                            "[\"doc:read\",\"doc:*\",\"*\",\"d*\",\"doc:read*\"]"),
                NULL);
    CHECK(client_reads(&client, "auth_ok", NULL));
    stage_publish(&stage, (struct sample){.type = EVENT_SECURITY_VIOLATION,
                                          .user = "ann",
                                          .resource = "doc",
                                          .action = "read",
                                          .policy = &policy});
    CHECK(client_reads_event(&client, 1) && client_quiet(&client));
    CHECK_EQ(hub_counters(stage.hub)->frames_sent, 1);
    client_gone(&client);
    stage_done(&stage);
}

TEST(roles_and_permissions_find_watchers_wildcards_too)
{
    static const struct {
        const char *claims;
        bool finds;
    } cases[] = {
        {"\"roles\":[\"watch\"]", true},           {"\"roles\":[\"watcher\"]", false},
        {"\"permissions\":[\"doc:read\"]", true},  {"\"permissions\":[\"doc:rea\"]", false},
        {"\"permissions\":[\"doc:*\"]", true},     {"\"permissions\":[\"*\"]", true},
        {"\"permissions\":[\"doc:read*\"]", true}, {"\"permissions\":[\"doc:reader*\"]", false},
        {"\"permissions\":[\"doc:r*d\"]", false},  {"\"roles\":[\"doc:read\"]", false},
        {"\"permissions\":[\"watch\"]", false},    {"\"roles\":[\"*\"]", false},
        {"\"permissions\":[\"\"]", false},
    };
    struct policy policy = sample_policy();
    struct client clients[ARRAY_COUNT(cases)];
    char claims[128];

    begin(PRIVACY_FULL);
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        snprintf(claims, sizeof claims, "\"sub\":\"w%zu\",%s", i, cases[i].claims);
        client_connect(&clients[i], &stage, SESSION_PLAIN);
        client_auth(&clients[i], stage_token(&stage, claims), NULL);
        CHECK(session_signed_in(clients[i].session));
    }
    stage_publish(&stage, (struct sample){.type = EVENT_SECURITY_VIOLATION,
                                          .resource = "doc",
                                          .action = "read",
                                          .policy = &policy});
    stage_publish(&stage, (struct sample){.type = EVENT_SECURITY_VIOLATION,
                                          .resource = "doc",
                                          .action = "read",
                                          .tenant = "t",
                                          .policy = &policy});
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        if (cases[i].finds)
            CHECK(client_reads_event(&clients[i], 1));
        CHECK(client_quiet(&clients[i]));
        client_gone(&clients[i]);
    }
    stage_done(&stage);
}

TEST(an_event_nobody_may_see_is_not_composed)
{
    struct client client;

    begin(PRIVACY_FULL);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    client_say(&client, "{\"type\":\"subscribe\",\"event_types\":[\"role_assigned\"]}");
    CHECK(client_reads(&client, "subscribed", NULL));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "stranger"});
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK_EQ(encodings(), 0);
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(an_event_is_composed_once_for_all_receivers_of_a_view)
{
    struct client clients[20];

    begin(PRIVACY_FULL);
    for (int i = 0; i < 20; i++)
        client_sign_in(&clients[i], &stage, i % 2 ? SESSION_PLAIN : SESSION_CONTROL, "ann",
                       i % 3 ? NULL : "\"admin\"");
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK_EQ(encodings(), 1); /* without privacy all views are the same bytes */
    for (int i = 0; i < 20; i++) {
        CHECK(client_reads_event(&clients[i], 1));
        client_gone(&clients[i]);
    }
    stage_done(&stage);
}

TEST(privacy_makes_one_frame_per_view)
{
    struct policy policy = sample_policy();
    struct sample sample = {.type = EVENT_SECURITY_VIOLATION,
                            .user = "ann",
                            .user_name = "Ann Lee",
                            .policy = &policy};
    struct client admin, subject[2], watcher[3];

    begin(PRIVACY_NONE);
    client_sign_in(&admin, &stage, SESSION_CONTROL, "root", "\"admin\"");
    for (int i = 0; i < 2; i++)
        client_sign_in(&subject[i], &stage, SESSION_CONTROL, "ann", i ? "\"watch\"" : NULL);
    for (int i = 0; i < 3; i++)
        client_sign_in(&watcher[i], &stage, SESSION_PLAIN, "cid", "\"watch\"");
    stage_publish(&stage, sample);
    CHECK_EQ(encodings(), 3);
    CHECK(client_reads(&admin, "event", "\"user_name\":\"Ann Lee\""));
    CHECK(client_quiet(&admin));
    for (int i = 0; i < 2; i++) { /* who is both is shown what the subject is shown */
        CHECK(client_reads(&subject[i], "event", "\"user_name\":\"Ann Lee\""));
        CHECK(client_quiet(&subject[i]));
        client_gone(&subject[i]);
    }
    for (int i = 0; i < 3; i++) {
        CHECK(client_reads_event(&watcher[i], 1));
        CHECK(!strstr(watcher[i].text, "Ann Lee") && !strstr(watcher[i].text, "\"user_id\""));
        client_gone(&watcher[i]);
    }
    client_gone(&admin);
    stage_done(&stage);
}

TEST(an_administrator_who_is_only_a_watcher_still_sees_everything)
{
    static const struct receiver watchers[] = {{RECEIVER_ROLE, {"watch", 5}}};
    struct policy policy = policy_default;
    struct client admin, watcher;

    policy.rules[EVENT_ACCESS_DENIED].receivers = watchers;
    policy.rules[EVENT_ACCESS_DENIED].receivers_count = 1;
    begin(PRIVACY_NONE);
    client_sign_in(&admin, &stage, SESSION_CONTROL, "root", "\"admin\",\"watch\"");
    client_sign_in(&watcher, &stage, SESSION_CONTROL, "cid", "\"watch\"");
    stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED,
                                          .user = "ann",
                                          .user_name = "Ann Lee",
                                          .policy = &policy});
    CHECK(client_reads(&admin, "event", "Ann Lee"));
    CHECK(client_reads_event(&watcher, 1) && !strstr(watcher.text, "Ann Lee"));
    client_gone(&admin);
    client_gone(&watcher);
    stage_done(&stage);
}

TEST(a_filter_narrows_by_type_level_and_resource)
{
    struct client client;
    uint64_t n;

    begin(PRIVACY_FULL);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    client_say(&client, "{\"type\":\"subscribe\",\"event_types\":[\"access_denied\"],"
                        "\"resources\":[\"doc/*\",\"exact\"],\"min_security_level\":\"MEDIUM\"}");
    CHECK(client_reads(&client, "subscribed", "\"resources\":[\"doc/*\",\"exact\"]"));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED,
                                          .user = "ann",
                                          .resource = "exact",
                                          .level = "HIGH"});
    stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED,
                                          .user = "ann",
                                          .resource = "exact",
                                          .level = "LOW"});
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ACCESS_DENIED, .user = "ann", .level = "HIGH"});
    stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED,
                                          .user = "ben",
                                          .resource = "exact",
                                          .level = "HIGH"});
    CHECK(client_quiet(&client));
    n = stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED,
                                              .user = "ann",
                                              .resource = "exact",
                                              .level = "warning"});
    CHECK(client_reads_event(&client, n));
    n = stage_publish(&stage, (struct sample){.type = EVENT_ACCESS_DENIED,
                                              .user = "ann",
                                              .resource = "doc/7",
                                              .level = "HIGH"});
    CHECK(client_reads_event(&client, n));
    client_say(&client, "{\"type\":\"subscribe\"}"); /* replaces it by none */
    CHECK(client_reads(&client, "subscribed", "\"user_deleted\""));
    n = stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_reads_event(&client, n));
    client_gone(&client);
    stage_done(&stage);
}

TEST(an_expired_token_gets_no_event_even_before_its_timer)
{
    struct client expired, other;

    begin(PRIVACY_FULL);
    client_connect(&expired, &stage, SESSION_PLAIN);
    client_auth(&expired, stage_token(&stage, "\"sub\":\"ann\",\"exp\":1700000010"), NULL);
    client_sign_in(&other, &stage, SESSION_PLAIN, "ann", NULL);
    stage.now.wall_ms += 10000; /* jumps: no timer is due */
    stage_advance(&stage, 0);
    CHECK(!expired.closed || client_closed(&expired, CLOSE_TOKEN_EXPIRED));
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_closed(&expired, CLOSE_TOKEN_EXPIRED));
    CHECK(client_read(&expired) == NULL);
    CHECK(client_reads_event(&other, 1));
    client_gone(&expired);
    client_gone(&other);
    stage_done(&stage);
}

/* Closing takes a session out of the very list that is being walked. */
TEST(sessions_that_are_closed_while_an_event_fans_out_do_not_stop_it)
{
    struct client clients[8];

    begin(PRIVACY_FULL);
    for (int mask = 0; mask < 256; mask++) {
        uint64_t n;

        for (int i = 0; i < 8; i++) {
            client_connect(&clients[i], &stage, SESSION_PLAIN);
            client_auth(&clients[i],
                        mask >> i & 1 ? stage_token(&stage, "\"sub\":\"ann\",\"exp\":1700000010")
                                      : stage_token_for(&stage, "ann", NULL),
                        NULL);
            CHECK(session_signed_in(clients[i].session));
        }
        stage.hub->now.wall_ms = STAGE_WALL_MS + 10000; /* and no timer looks */
        n = stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
        for (int i = 0; i < 8; i++) {
            CHECK_EQ(clients[i].closed, mask >> i & 1);
            if (!(mask >> i & 1))
                CHECK(client_reads_event(&clients[i], n));
            CHECK(client_read(&clients[i]) == NULL);
            client_gone(&clients[i]);
        }
        stage.hub->now.wall_ms = STAGE_WALL_MS;
    }
    stage_done(&stage);
}
