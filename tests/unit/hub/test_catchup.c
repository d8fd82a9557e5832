/* SPDX-License-Identifier: Apache-2.0 */
/* test_catchup.c: replay in slices, then live: nothing is missed, nothing comes twice. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

static struct sample news(const char *user)
{
    return (struct sample){.type = EVENT_USER_UPDATED, .user = user};
}

static void publish_many(const char *user, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        stage_publish(&stage, news(user));
}

static void resume_from(uint64_t n, enum session_kind kind, const char *roles)
{
    client_connect(&client, &stage, kind);
    client_auth(&client, stage_token_for(&stage, "ann", roles), stage_position(&stage, n));
}

static bool reads_events(uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n <= to; n++)
        if (!client_reads_event(&client, n))
            return false;
    return true;
}

static void end(void)
{
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_resume_gives_auth_ok_with_the_asked_position_and_then_everything_since)
{
    begin();
    publish_many("ann", 10);
    resume_from(4, SESSION_CONTROL, NULL);
    CHECK(stage.asked.there && stage.asked.request.first);
    CHECK_EQ(stage.asked.request.hub_index, 3);
    CHECK_EQ(stage.asked.request.from.n, 4);
    CHECK(client_quiet(&client)); /* nothing is promised before history has answered */
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    CHECK(strstr(client.text, stage_position(&stage, 4)));
    CHECK(reads_events(5, 10) && client_quiet(&client));
    CHECK(client.session->state == SESSION_LIVE);
    stage_publish(&stage, news("ann"));
    CHECK(client_reads_event(&client, 11) && client_quiet(&client));
    CHECK_EQ(hub_counters(stage.hub)->resumes, 1);
    end();
}

TEST(a_resume_from_the_head_gives_nothing_and_is_live)
{
    begin();
    publish_many("ann", 3);
    resume_from(3, SESSION_CONTROL, NULL);
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true") && client_quiet(&client));
    stage_publish(&stage, news("ann"));
    CHECK(client_reads_event(&client, 4));
    end();
}

TEST(a_plain_client_resumes_without_a_word)
{
    begin();
    publish_many("ann", 5);
    resume_from(2, SESSION_PLAIN, NULL);
    stage_answer(&stage, 64);
    CHECK(reads_events(3, 5) && client_quiet(&client));
    end();
}

TEST(a_long_past_comes_in_slices_of_any_size)
{
    for (unsigned slice = 1; slice <= 21; slice++) {
        unsigned slices = 0;

        begin();
        publish_many("ann", 10);
        publish_many("ben", 10); /* not for this client */
        publish_many("ann", 10);
        resume_from(0, SESSION_CONTROL, NULL);
        for (; stage.asked.there; slices++) {
            CHECK(slices <= 30);
            stage_answer(&stage, slice);
            CHECK(!stage.asked.there || !stage.asked.request.first);
        }
        CHECK(client_reads(&client, "auth_ok", NULL));
        CHECK(reads_events(1, 10) && reads_events(21, 30) && client_quiet(&client));
        CHECK(client.session->state == SESSION_LIVE);
        end();
    }
}

/* Events announced while it catches up, at every point of it: once, in order. */
TEST(live_events_during_a_catch_up_are_neither_lost_nor_doubled)
{
    for (unsigned slice = 1; slice <= 8; slice++) {
        for (unsigned every = 1; every <= 3; every++) {
            begin();
            publish_many("ann", 12);
            resume_from(0, SESSION_CONTROL, NULL);
            for (unsigned turn = 0; stage.asked.there; turn++) {
                CHECK(turn < 200);
                if (turn % every == 0 && turn < 9)
                    publish_many("ann", 1);
                stage_answer(&stage, slice);
            }
            publish_many("ann", 2);
            CHECK(client_reads(&client, "auth_ok", NULL));
            CHECK(reads_events(1, stage.past_n) && client_quiet(&client));
            end();
        }
    }
}

TEST(an_answer_ahead_of_this_hub_is_skipped_when_it_is_announced)
{
    uint64_t n;

    begin();
    publish_many("ann", 3);
    n = stage_append(&stage, news("ann")); /* in history, on its way to this hub */
    resume_from(1, SESSION_CONTROL, NULL);
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(2, 4));
    stage_announce(&stage, n);
    CHECK(client_quiet(&client));
    stage_publish(&stage, news("ann"));
    CHECK(client_reads_event(&client, 5) && client_quiet(&client));
    end();
}

TEST(what_was_had_is_still_known_when_a_ping_comes_before_it_is_announced)
{
    uint64_t first;

    stage_init(&stage);
    stage.settings.rate_messages = 0; /* so that nothing else is to be kept */
    stage_start(&stage);
    first = stage_append(&stage, news("ann")); /* in history, and here not announced */
    resume_from(first - 1, SESSION_PLAIN, NULL);
    stage_answer(&stage, 64);
    CHECK(client_reads_event(&client, first));
    stage_advance(&stage, stage.settings.heartbeat_ms);
    CHECK(client.session->extras != NULL);
    stage_announce(&stage, first);
    CHECK(client_quiet(&client));
    session_pong(client.session);
    stage_advance(&stage, stage.settings.heartbeat_ms);
    CHECK(client.session->extras == NULL); /* and then nothing of it is kept */
    stage_publish(&stage, news("ann"));
    CHECK(client_reads_event(&client, first + 1));
    end();
}

TEST(a_replay_is_cut_by_todays_identity_and_filter)
{
    struct policy policy = sample_policy();
    struct sample watched = {.type = EVENT_SECURITY_VIOLATION,
                             .resource = "doc",
                             .action = "read",
                             .policy = &policy,
                             .level = "HIGH"};

    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    stage_publish(&stage, watched);
    watched.action = "write";
    stage_publish(&stage, watched);
    stage_publish(&stage, news("ann"));
    client_connect(&client, &stage, SESSION_CONTROL);
    client_say(&client,
               "{\"type\":\"auth\",\"token\":\"%s\",\"position\":\"%s\",\"subscribe\":"
               "{\"min_security_level\":\"HIGH\"}}",
               stage_token(&stage, "\"sub\":\"ann\",\"permissions\":[\"doc:r*\"]"),
               stage_position(&stage, 0));
    CHECK(client_reads(&client, "subscribed", NULL));
    stage_answer(&stage, 64); /* the wildcard's chain holds both, of which it covers one */
    CHECK(client_reads(&client, "auth_ok", NULL));
    CHECK(client_reads_event(&client, 2) && client_quiet(&client));
    end();
}

TEST(privacy_counts_in_a_replay_too)
{
    struct policy policy = sample_policy();

    stage_init(&stage);
    stage.settings.privacy = PRIVACY_NONE;
    stage_start(&stage);
    stage_publish(&stage, (struct sample){.type = EVENT_SECURITY_VIOLATION,
                                          .user = "ben",
                                          .user_name = "Ben Oh",
                                          .policy = &policy});
    resume_from(0, SESSION_CONTROL, "\"watch\"");
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", NULL) && client_reads_event(&client, 1));
    CHECK(!strstr(client.text, "Ben Oh"));
    end();
}

TEST(a_lost_position_means_live_from_the_head_or_4301_for_a_plain_client)
{
    begin();
    publish_many("ann", 5);
    resume_from(2, SESSION_CONTROL, NULL);
    stage_answer_with(&stage, RESUME_LOST);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":false"));
    CHECK(strstr(client.text, stage_position(&stage, 5)) && client_quiet(&client));
    stage_publish(&stage, news("ann"));
    CHECK(client_reads_event(&client, 6) && client_quiet(&client));
    CHECK_EQ(hub_counters(stage.hub)->resumes_lost, 1);
    client_gone(&client);
    resume_from(2, SESSION_PLAIN, NULL);
    stage_answer_with(&stage, RESUME_LOST);
    CHECK(client_closed(&client, CLOSE_POSITION_LOST) && client_read(&client) == NULL);
    client_gone(&client);
    resume_from(2, SESSION_CONTROL, NULL);
    stage_answer_with(&stage, RESUME_AHEAD);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":false"));
    end();
}

TEST(a_misshapen_position_or_one_of_another_epoch_is_lost_without_asking)
{
    static const char *const bad[] = {
        "",
        "x",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "not-a-position-of-32-characters!",
    };

    begin();
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        client_connect(&client, &stage, SESSION_CONTROL);
        client_auth(&client, stage_token_for(&stage, "ann", NULL), bad[i]);
        CHECK(client_reads(&client, "auth_ok", "\"resumed\":false") && client_quiet(&client));
        client_gone(&client);
        client_connect(&client, &stage, SESSION_PLAIN);
        client_auth(&client, stage_token_for(&stage, "ann", NULL), bad[i]);
        CHECK(client_closed(&client, CLOSE_POSITION_LOST));
        client_gone(&client);
    }
    CHECK_EQ(stage.asked_count, 0);
    stage_done(&stage);
}

TEST(what_is_evicted_in_the_middle_of_a_catch_up_closes_4301)
{
    begin();
    publish_many("ann", 10);
    resume_from(0, SESSION_CONTROL, NULL);
    stage_answer(&stage, 3);
    CHECK(stage.asked.there);
    stage_answer_with(&stage, RESUME_LOST); /* never a hole */
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(1, 3));
    CHECK(client_reads(&client, "closing", "\"code\":4301"));
    CHECK(client_closed(&client, CLOSE_POSITION_LOST));
    end();
}

TEST(a_history_that_cannot_be_asked_closes_4208)
{
    begin();
    stage.deaf = true;
    resume_from(0, SESSION_CONTROL, NULL);
    CHECK(client_closed(&client, CLOSE_INTERNAL));
    end();
}

/* With new rights it asks anew; what the change would tell it is not told to one that is closed. */
TEST(a_history_that_cannot_be_asked_again_closes_4208)
{
    begin();
    publish_many("ann", 3);
    resume_from(0, SESSION_CONTROL, "\"editor\"");
    CHECK(stage.asked.there);
    stage.deaf = true;
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "editor"});
    CHECK(client_closed(&client, CLOSE_INTERNAL));
    client_gone(&client);

    stage.deaf = false;
    stage_advance(&stage, 60000); /* the fence is of tokens before */
    resume_from(0, SESSION_CONTROL, NULL);
    stage_answer(&stage, 1); /* auth_ok was said, and more is asked for */
    stage.deaf = true;
    client_auth(&client, stage_token_for(&stage, "ann", "\"viewer\""), NULL);
    CHECK(client_closed(&client, CLOSE_INTERNAL));
    end();
}

TEST(a_client_that_does_not_read_gets_its_past_slice_by_slice)
{
    begin();
    for (int i = 0; i < 100; i++)
        stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED,
                                              .user = "ann",
                                              .json_size = 4000});
    resume_from(0, SESSION_CONTROL, NULL);
    stage_answer(&stage, 20); /* 80 kB: over what is waited for */
    CHECK(!stage.asked.there);
    CHECK(outbox_bytes(&client.session->outbox) > CATCHUP_RESUME_BELOW);
    stage_publish(&stage, news("ann")); /* passes it by, and is not lost */
    CHECK(!client.closed);
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(1, 20));
    for (int turn = 0; stage.asked.there; turn++) {
        CHECK(turn < 20);
        stage_answer(&stage, 20);
        CHECK(outbox_bytes(&client.session->outbox) <= 2 * 20 * 4200);
        for (uint64_t n = 21 + 20 * (uint64_t)turn; n <= 40 + 20 * (uint64_t)turn && n <= 101; n++)
            CHECK(client_reads_event(&client, n));
    }
    CHECK(client_quiet(&client) && client.session->state == SESSION_LIVE);
    end();
}

TEST(a_renewal_during_a_catch_up_asks_again_with_the_new_keys)
{
    struct asked before;

    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    publish_many("ann", 3);
    resume_from(0, SESSION_CONTROL, NULL);
    before = stage.asked;
    client_auth(&client, stage_token_for(&stage, "ann", "\"admin\""), NULL);
    CHECK_EQ(stage.asked_count, 2);
    CHECK(stage.asked.request.serial != before.request.serial);
    /* The first answer was for other keys: it is dropped. */
    {
        struct resume_answer stale = {.session = before.request.session,
                                      .serial = before.request.serial,
                                      .outcome = RESUME_LOST};

        hub_resume_answer(stage.hub, &stale);
        CHECK(client_quiet(&client));
    }
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", "\"roles\":[\"admin\"]"));
    CHECK(strstr(client.text, "\"resumed\":true"));
    CHECK(reads_events(1, 4) && client_quiet(&client));
    end();
}

TEST(a_renewal_between_two_slices_goes_on_from_where_it_is)
{
    begin();
    publish_many("ann", 3);
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    publish_many("ann", 3);
    resume_from(0, SESSION_CONTROL, "\"admin\"");
    stage_answer(&stage, 2);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL); /* with less */
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(1, 2));
    CHECK(client_reads(&client, "auth_ok", "\"roles\":[]"));
    CHECK(strstr(client.text, stage_position(&stage, 2)));
    CHECK_EQ(stage.asked.request.from.n, 2);
    stage_answer(&stage, 64);
    CHECK(client_reads_event(&client, 3) && reads_events(5, 7) && client_quiet(&client));
    end();
}

TEST(an_effect_during_a_catch_up_takes_its_part_of_the_past_away)
{
    uint64_t n;

    begin();
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    publish_many("ann", 2);
    resume_from(0, SESSION_CONTROL, "\"admin\"");
    stage_answer(&stage, 1);
    CHECK(client_reads(&client, "auth_ok", NULL) && client_reads_event(&client, 1));
    n = stage_append(&stage,
                     (struct sample){.type = EVENT_ROLE_REVOKED, .target = "ann", .role = "admin"});
    stage_effect(&stage, n);
    CHECK(client_reads(&client, "scope_changed", "\"roles\":[]"));
    stage_announce(&stage, n);
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED});
    stage_answer(&stage, 64);
    CHECK(reads_events(2, 4) && client_quiet(&client));
    end();
}

TEST(a_user_deleted_during_a_catch_up_is_closed_4002)
{
    begin();
    publish_many("ann", 5);
    resume_from(0, SESSION_CONTROL, NULL);
    stage_answer(&stage, 2);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(1, 2));
    CHECK(client_reads(&client, "closing", "\"code\":4002"));
    CHECK(client_closed(&client, CLOSE_ACCOUNT_REMOVED));
    stage_answer(&stage, 64); /* for nobody */
    CHECK(client_read(&client) == NULL);
    end();
}

TEST(a_token_that_ends_during_a_catch_up_gets_no_more_of_it)
{
    begin();
    publish_many("ann", 5);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token(&stage, "\"sub\":\"ann\",\"exp\":1700000010"),
                stage_position(&stage, 0));
    stage.now.wall_ms += 10000;
    stage_advance(&stage, 0);
    if (!client.closed)
        stage_answer(&stage, 64);
    CHECK(client_closed(&client, CLOSE_TOKEN_EXPIRED));
    CHECK(client_reads(&client, "closing", NULL) && client_read(&client) == NULL);
    end();
}

TEST(a_heartbeat_during_a_catch_up_tells_the_cursor)
{
    begin();
    for (int i = 0; i < 40; i++)
        stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED,
                                              .user = "ann",
                                              .json_size = 4000});
    resume_from(0, SESSION_CONTROL, NULL);
    stage_advance(&stage, 30000);
    CHECK(client_quiet(&client)); /* nothing is promised yet */
    stage_answer(&stage, 20);
    session_pong(client.session);
    stage_advance(&stage, 30000);
    CHECK(client_reads(&client, "auth_ok", NULL) && reads_events(1, 20));
    CHECK(client_reads(&client, "heartbeat", stage_position(&stage, 20)));
    end();
}
