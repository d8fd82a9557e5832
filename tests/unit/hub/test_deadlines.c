/* SPDX-License-Identifier: Apache-2.0 */
/* test_deadlines.c: sign-in in time, pings, heartbeats, and the end of a token, by a clock of ours. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

TEST(who_does_not_sign_in_in_time_is_closed_4205)
{
    begin();
    client_connect(&client, &stage, SESSION_CONTROL);
    stage_advance(&stage, 9999);
    CHECK(client_quiet(&client));
    CHECK(hub_deadline(stage.hub) <= stage.now.mono_ms + 1);
    stage_advance(&stage, 1);
    CHECK(client_closed(&client, CLOSE_AUTHENTICATION_TIMEOUT));
    CHECK(client_reads(&client, "closing", "\"code\":4205"));
    CHECK_EQ(hub_counters(stage.hub)->waiting, 0);
    client_gone(&client);
    stage_done(&stage);
}

TEST(who_signed_in_is_not_closed_for_it_later)
{
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_advance(&stage, 10000);
    stage_advance(&stage, 10000);
    CHECK(client_quiet(&client));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_control_session_gets_heartbeats_with_its_position)
{
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_POLICY_UPDATED}); /* for others */
    for (int i = 0; i < 3; i++) {
        stage_advance(&stage, 29999);
        CHECK(client_quiet(&client));
        stage_advance(&stage, 1);
        CHECK(client_reads(&client, "heartbeat", stage_position(&stage, 1)));
        CHECK(strstr(client.text, "\"bus\":\"ok\"}"));
        CHECK(client_quiet(&client));
        session_pong(client.session);
    }
    client_gone(&client);
    stage_done(&stage);
}

TEST(heartbeats_come_every_five_seconds_while_the_bus_is_not_ok)
{
    begin();
    hub_bus_state(stage.hub, BUS_NONE);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    for (int i = 0; i < 5; i++) {
        stage_advance(&stage, 4999);
        CHECK(client_quiet(&client));
        stage_advance(&stage, 1);
        CHECK(client_reads(&client, "heartbeat", "\"bus\":\"none\""));
        CHECK(client_quiet(&client));
    }
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_heartbeat_shorter_than_five_seconds_stays_as_it_is)
{
    stage_init(&stage);
    stage.settings.heartbeat_ms = 2000;
    stage_start(&stage);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    for (int i = 0; i < 4; i++) {
        stage_advance(&stage, 2000);
        CHECK(client_reads(&client, "heartbeat", NULL) && client_quiet(&client));
        session_pong(client.session);
    }
    CHECK_EQ(client.pings, 4);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_plain_session_gets_pings_and_no_heartbeats)
{
    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    stage_advance(&stage, 29999);
    CHECK(client_quiet(&client));
    CHECK_EQ(client.pings, 0);
    stage_advance(&stage, 1);
    CHECK(client_quiet(&client));
    CHECK_EQ(client.pings, 1);
    client_gone(&client);
    stage_done(&stage);
}

TEST(who_does_not_answer_a_ping_is_closed_4201)
{
    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    stage_advance(&stage, 30000);
    stage_advance(&stage, 29999);
    CHECK(client_quiet(&client));
    stage_advance(&stage, 1);
    CHECK(client_closed(&client, CLOSE_HEARTBEAT_TIMEOUT));
    client_gone(&client);
    stage_done(&stage);
}

/* Its host's server asks it; only the rest goes on as ever. */
TEST(who_is_watched_by_somebody_else_is_neither_pinged_nor_missed)
{
    struct client control;

    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&control, &stage, SESSION_CONTROL, "ann", NULL);
    session_is_watched(client.session);
    session_is_watched(control.session);
    for (unsigned i = 0; i < 4; i++) {
        stage_advance(&stage, 30000);
        CHECK(client_reads(&control, "heartbeat", NULL));
    }
    CHECK(client_quiet(&client));
    CHECK_EQ(client.pings + control.pings, 0);
    client_gone(&control);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_pong_or_any_message_answers_a_ping)
{
    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    stage_advance(&stage, 30000);
    session_pong(client.session);
    stage_advance(&stage, 30000);
    CHECK(client_quiet(&client));
    client_say(&client, "{\"type\":\"ping\"}");
    stage_advance(&stage, 30000);
    CHECK(client_quiet(&client));
    CHECK_EQ(client.pings, 3);
    stage_advance(&stage, 30000);
    CHECK(client_closed(&client, CLOSE_HEARTBEAT_TIMEOUT));
    client_gone(&client);
    stage_done(&stage);
}

static void sign_in_until(int64_t expires_s)
{
    char claims[64];

    snprintf(claims, sizeof claims, "\"sub\":\"ann\",\"exp\":%lld", (long long)expires_s);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token(&stage, claims), NULL);
    CHECK(client_reads(&client, "auth_ok", NULL));
}

TEST(a_connection_ends_with_its_token_4101)
{
    begin();
    sign_in_until(STAGE_WALL_MS / 1000 + 12);
    stage_advance(&stage, 11999);
    CHECK(!client.closed);
    stage_advance(&stage, 1);
    CHECK(client_closed(&client, CLOSE_TOKEN_EXPIRED));
    CHECK_EQ(stage.admitted, 0);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_wall_clock_that_jumps_ahead_is_noticed_by_the_next_ping_or_message)
{
    begin();
    sign_in_until(STAGE_WALL_MS / 1000 + 3000);
    stage.now.wall_ms += 3000000;
    stage_advance(&stage, 30000);
    CHECK(client_closed(&client, CLOSE_TOKEN_EXPIRED));
    client_gone(&client);
    stage_done(&stage);
    begin();
    sign_in_until(STAGE_WALL_MS / 1000 + 3000);
    stage.now.wall_ms += 3000000;
    stage_advance(&stage, 0);
    client_say(&client, "{\"type\":\"ping\"}");
    CHECK(client_closed(&client, CLOSE_TOKEN_EXPIRED));
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_wall_clock_that_jumps_back_keeps_the_connection_and_the_rhythm)
{
    begin();
    sign_in_until(STAGE_WALL_MS / 1000 + 20);
    stage.now.wall_ms -= 3600000;
    for (int i = 0; i < 20; i++) {
        stage_advance(&stage, 30000);
        session_pong(client.session);
        CHECK(client_reads(&client, "heartbeat", NULL));
    }
    CHECK(client_quiet(&client));
    CHECK_EQ(client.pings, 20);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_hub_tells_when_it_wants_to_be_called_next)
{
    int64_t deadline_ms;

    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    for (int i = 0; i < 200 && !client.closed; i++) { /* it may be early, and never late */
        deadline_ms = hub_deadline(stage.hub);
        CHECK(deadline_ms > stage.now.mono_ms);
        stage_advance(&stage, deadline_ms - stage.now.mono_ms);
    }
    CHECK(client_closed(&client, CLOSE_HEARTBEAT_TIMEOUT));
    CHECK_EQ(stage.now.mono_ms, 5000 + 60000);
    client_gone(&client);
    stage_done(&stage);
}

TEST(heartbeats_are_pulled_forward_when_the_bus_goes_away)
{
    struct client other;

    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_advance(&stage, 3000);
    client_sign_in(&other, &stage, SESSION_CONTROL, "ben", NULL);
    stage_advance(&stage, 4000); /* due in 23 and 26 seconds */
    hub_bus_state(stage.hub, BUS_DEGRADED);
    stage_advance(&stage, 999);
    CHECK(client_quiet(&client) && client_quiet(&other));
    stage_advance(&stage, 1);
    CHECK(client_reads(&other, "heartbeat", "\"bus\":\"degraded\"") && client_quiet(&client));
    stage_advance(&stage, 2000);
    CHECK(client_reads(&client, "heartbeat", "\"bus\":\"degraded\""));
    stage_advance(&stage, 5000);
    CHECK(client_reads(&other, "heartbeat", NULL) && client_reads(&client, "heartbeat", NULL));
    hub_bus_state(stage.hub, BUS_OK);
    stage_advance(&stage, 5000);
    CHECK(client_reads(&client, "heartbeat", "\"bus\":\"ok\""));
    client_gone(&other);
    client_gone(&client);
    stage_done(&stage);
}

TEST(many_heartbeats_are_pulled_forward_a_piece_at_a_time)
{
    enum { MANY = 1500 };
    struct client *many = calloc(MANY, sizeof *many);
    unsigned heard = 0;

    CHECK(many != NULL);
    stage_init(&stage);
    stage.places = MANY;
    stage_start(&stage);
    for (int i = 0; i < MANY; i++)
        client_sign_in(&many[i], &stage, SESSION_CONTROL, "ann", NULL);
    stage_advance(&stage, 1000);
    hub_bus_state(stage.hub, BUS_DEGRADED);
    CHECK_EQ(hub_deadline(stage.hub), stage.now.mono_ms + 1);
    for (int i = 0; i < 50; i++)
        stage_advance(&stage, 100);
    for (int i = 0; i < MANY; i++) {
        heard += client_reads(&many[i], "heartbeat", "degraded");
        client_gone(&many[i]);
    }
    CHECK_EQ(heard, MANY);
    free(many);
    stage_done(&stage);
}
