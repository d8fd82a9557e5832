/* SPDX-License-Identifier: Apache-2.0 */
/* test_receive.c: what a client may say after sign-in, and what it gets for anything else. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(enum session_kind kind)
{
    stage_init(&stage);
    stage_start(&stage);
    client_sign_in(&client, &stage, kind, "ann", NULL);
}

TEST(a_ping_is_answered_with_its_id)
{
    begin(SESSION_CONTROL);
    client_say(&client, "{\"type\":\"ping\"}");
    CHECK(client_reads(&client, "pong", NULL));
    CHECK(strcmp(client.text, "{\"type\":\"pong\"}") == 0);
    client_say(&client, "{\"type\":\"ping\",\"id\":{\"a\":[1,null]}}");
    CHECK(client_reads(&client, "pong", "\"id\":{\"a\":[1,null]}}"));
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_bad_message_is_answered_and_closes_4005)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"type\":\"event\"}",
        "{\"type\":7}",
        "{\"type\":\"ping\",\"more\":1}",
        "{\"type\":\"subscribe\",\"event_types\":\"x\"}",
        "{\"type\":\"subscribe\",\"event_types\":[\"no_such_type\"]}",
        "{\"type\":\"subscribe\",\"min_security_level\":\"SEVERE\"}",
        "{\"type\":\"ping\",\"type\":\"ping\"}",
    };

    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        begin(SESSION_CONTROL);
        client_say(&client, "%s", bad[i]);
        CHECK(client_reads(&client, "error", "\"retryable\":false"));
        CHECK(client_reads(&client, "closing", "\"code\":4005"));
        CHECK(client_read(&client) == NULL);
        CHECK(client_closed(&client, CLOSE_BAD_MESSAGE));
        client_gone(&client);
        stage_done(&stage);
    }
}

TEST(a_plain_client_is_closed_for_a_bad_message_without_a_word)
{
    begin(SESSION_PLAIN);
    session_receive_binary(client.session);
    CHECK(client_closed(&client, CLOSE_BAD_MESSAGE));
    CHECK(client_read(&client) == NULL);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_closed_session_hears_nothing_more)
{
    begin(SESSION_CONTROL);
    client_say(&client, "x");
    CHECK(client_reads(&client, "error", NULL) && client_reads(&client, "closing", NULL));
    client_say(&client, "{\"type\":\"ping\"}");
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL);
    session_receive_binary(client.session);
    session_pong(client.session);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_read(&client) == NULL);
    CHECK(!session_signed_in(client.session));
    client_gone(&client);
    stage_done(&stage);
}

TEST(every_message_counts_towards_the_rate_and_one_too_many_closes_4203)
{
    stage_init(&stage);
    stage.settings.rate_messages = 5;
    stage.settings.rate_window_ms = 60000;
    stage_start(&stage);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL); /* the first one */
    stage_advance(&stage, 10000);
    for (int i = 0; i < 4; i++) {
        client_say(&client, "{\"type\":\"ping\"}");
        CHECK(client_reads(&client, "pong", NULL));
    }
    client_say(&client, "{\"type\":\"ping\"}");
    CHECK(client_reads(&client, "closing", "\"code\":4203"));
    CHECK(strstr(client.text, "\"retry_after_ms\":50000}"));
    CHECK(client_closed(&client, CLOSE_RATE_LIMIT));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_new_window_of_the_rate_begins_after_the_old_one)
{
    stage_init(&stage);
    stage.settings.rate_messages = 2;
    stage.settings.rate_window_ms = 1000;
    stage_start(&stage);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    for (int i = 0; i < 10; i++) {
        stage_advance(&stage, 1000);
        client_say(&client, "{\"type\":\"ping\"}");
        client_say(&client, "{\"type\":\"ping\"}");
        CHECK(client_reads(&client, "pong", NULL) && client_reads(&client, "pong", NULL));
    }
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_message_may_be_larger_after_sign_in)
{
    stage_init(&stage);
    stage_start(&stage);
    client_connect(&client, &stage, SESSION_CONTROL);
    CHECK_EQ(session_message_size_max(client.session), 20 * 1024);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL);
    CHECK_EQ(session_message_size_max(client.session), 64 * 1024);
    client_gone(&client);
    stage_done(&stage);
}

TEST(messages_are_counted)
{
    begin(SESSION_CONTROL);
    client_say(&client, "{\"type\":\"ping\"}");
    client_say(&client, "{\"type\":\"subscribe\"}");
    CHECK_EQ(hub_counters(stage.hub)->messages_received, 3);
    client_gone(&client);
    stage_done(&stage);
}
