/* SPDX-License-Identifier: Apache-2.0 */
/* test_alone.c: what is delivered while the bus is away comes once to each connection. */
#include "stage.h"

static struct stage stage;
static struct client ann, late;
static const struct sample news = {.type = EVENT_USER_UPDATED, .user = "ann"};

static void begin(void)
{
    stage_init(&stage);
    stage.settings.rate_messages = 0;
    stage_start(&stage);
    stage_publish(&stage, news);
    stage_publish(&stage, news);
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", NULL);
    hub_bus_state(stage.hub, BUS_DEGRADED);
}

static void resume_from(uint64_t n)
{
    client_connect(&late, &stage, SESSION_CONTROL);
    client_auth(&late, stage_token_for(&stage, "ann", NULL), stage_position(&stage, n));
}

static void end(void)
{
    client_gone(&ann);
    stage_done(&stage);
}

TEST(an_event_delivered_alone_carries_the_last_position_and_comes_once)
{
    begin();
    stage_alone(&stage, news);
    CHECK(client_reads_alone(&ann, 1, stage_position(&stage, 2)) && client_quiet(&ann));
    CHECK_EQ(stage_come_back(&stage, 1), 3);
    CHECK(client_quiet(&ann));
    CHECK_EQ(stage.hub->head.n, 3);
    CHECK_EQ(stage.hub->alones.count, 0);
    stage_publish(&stage, news);
    CHECK(client_reads_event(&ann, 4) && client_quiet(&ann));
    end();
}

TEST(an_event_delivered_alone_is_for_those_who_may_see_it)
{
    begin();
    client_sign_in(&late, &stage, SESSION_PLAIN, "ben", NULL);
    stage_alone(&stage, news);
    CHECK(client_quiet(&late));
    stage_alone(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ben"});
    CHECK(client_reads_alone(&late, 2, stage_position(&stage, 2)) && client_quiet(&late));
    client_gone(&late);
    end();
}

TEST(who_comes_meanwhile_is_given_what_has_not_come_back)
{
    begin();
    for (int i = 0; i < 3; i++)
        stage_alone(&stage, news);
    stage_alone(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ben"});
    CHECK_EQ(stage_come_back(&stage, 1), 3);
    client_sign_in(&late, &stage, SESSION_CONTROL, "ann", NULL); /* from here on */
    CHECK(client_reads_alone(&late, 2, stage_position(&stage, 3)));
    CHECK(client_reads_alone(&late, 3, stage_position(&stage, 3)) && client_quiet(&late));
    CHECK(late.session->state == SESSION_LIVE);
    CHECK_EQ(stage_come_back(&stage, 2), 4);
    CHECK_EQ(stage_come_back(&stage, 3), 5);
    CHECK(client_quiet(&late));
    client_gone(&late);
    end();
}

TEST(a_plain_client_and_a_stream_are_given_it_as_well)
{
    begin();
    stage_alone(&stage, news);
    client_sign_in(&late, &stage, SESSION_PLAIN, "ann", NULL);
    CHECK(client_reads_alone(&late, 1, stage_position(&stage, 2)) && client_quiet(&late));
    client_gone(&late);
    client_stream(&late, &stage, stage_token_for(&stage, "ann", NULL), NULL, NULL);
    CHECK(strstr(client_text(&late), "\"id\":\"a1\""));
    client_gone(&late);
    end();
}

TEST(a_resume_gives_the_past_and_then_what_has_not_come_back)
{
    begin();
    stage_alone(&stage, news);
    stage_alone(&stage, news);
    stage_come_back(&stage, 1);
    resume_from(1);
    stage_answer(&stage, 64);
    CHECK(client_reads(&late, "auth_ok", "\"resumed\":true") && client_reads_event(&late, 2));
    CHECK(client_reads_alone(&late, 1, stage_position(&stage, 3))); /* in its place */
    CHECK(client_reads_alone(&late, 2, stage_position(&stage, 3)) && client_quiet(&late));
    stage_come_back(&stage, 2);
    CHECK(client_quiet(&late));
    client_gone(&late);
    end();
}

/* It comes back while the one who asked waits for the answer, or between its slices. */
TEST(what_comes_back_during_a_catch_up_comes_once)
{
    begin();
    stage_alone(&stage, news);
    resume_from(0);
    stage_answer(&stage, 1);
    stage_come_back(&stage, 1);
    stage_alone(&stage, news);
    stage_answer(&stage, 1);
    stage_answer(&stage, 64);
    CHECK(client_reads(&late, "auth_ok", NULL));
    CHECK(client_reads_event(&late, 1) && client_reads_event(&late, 2));
    CHECK(client_reads_alone(&late, 1, stage_position(&stage, 3)));
    CHECK(client_reads_alone(&late, 2, stage_position(&stage, 3)) && client_quiet(&late));
    client_gone(&late);
    end();
}

/* More than a slow reader has room for: the rest waits, and what comes back in between is not given
 * again out of the past. */
TEST(a_long_outage_comes_piece_by_piece_and_nothing_twice)
{
    struct sample large = {.type = EVENT_USER_UPDATED, .user = "ann", .json_size = 4000};
    unsigned read = 0;

    begin();
    for (int i = 0; i < 40; i++) {
        stage_alone(&stage, large);
        CHECK(client_read(&ann) != NULL);
    }
    client_connect(&late, &stage, SESSION_CONTROL);
    client_auth(&late, stage_token_for(&stage, "ann", NULL), NULL);
    CHECK(late.session->state == SESSION_CATCHUP && !stage.asked.there);
    CHECK(outbox_bytes(&late.session->outbox) < 80000);
    for (uint64_t serial = 1; serial <= 30; serial++)
        stage_come_back(&stage, serial);
    CHECK(client_reads(&late, "auth_ok", "\"resumed\":false"));
    for (int turn = 0; turn < 20; turn++) {
        while (client_read(&late))
            read++;
        if (stage.asked.there)
            stage_answer(&stage, 8);
    }
    CHECK_EQ(read, 40);
    CHECK(late.session->state == SESSION_LIVE && !late.closed);
    CHECK(client_quiet(&ann));
    client_gone(&late);
    end();
}

TEST(many_are_looked_at_a_piece_at_a_time)
{
    begin();
    for (int i = 0; i < 600; i++)
        stage_alone(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ben"});
    stage_alone(&stage, news);
    client_sign_in(&late, &stage, SESSION_CONTROL, "ann", NULL);
    CHECK(stage.asked.there); /* a turn of the others comes between */
    stage_answer(&stage, 64);
    CHECK(client_quiet(&late));
    stage_answer(&stage, 64);
    CHECK(client_reads_alone(&late, 601, stage_position(&stage, 2)) && client_quiet(&late));
    CHECK(late.session->state == SESSION_LIVE);
    client_gone(&late);
    end();
}

TEST(what_will_not_come_back_is_given_to_nobody_else)
{
    begin();
    for (int i = 0; i < 3; i++)
        stage_alone(&stage, news);
    hub_forget_alone(stage.hub, 2);
    hub_forget_alone(stage.hub, 2);
    client_sign_in(&late, &stage, SESSION_CONTROL, "ann", NULL);
    CHECK(client_reads_alone(&late, 1, stage_position(&stage, 2)));
    CHECK(client_reads_alone(&late, 3, stage_position(&stage, 2)) && client_quiet(&late));
    client_gone(&late);
    end();
}

TEST(a_user_deleted_alone_gets_that_event_and_goes)
{
    begin();
    stage_alone(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    CHECK(client_reads_alone(&ann, 1, stage_position(&stage, 2)));
    CHECK(client_reads(&ann, "closing", NULL) && client_closed(&ann, CLOSE_ACCOUNT_REMOVED));
    CHECK_EQ(hub_effect(stage.hub, stage.alone[1].event), 0); /* again, when it comes back */
    stage_come_back(&stage, 1);
    CHECK_EQ(stage.hub->head.n, 3);
    end();
}

TEST(a_filter_counts_for_what_is_given_later)
{
    begin();
    stage_alone(&stage, news);
    stage_alone(&stage,
                (struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .level = "HIGH"});
    client_connect(&late, &stage, SESSION_CONTROL);
    client_say(&late,
               "{\"type\":\"auth\",\"token\":\"%s\",\"subscribe\":"
               "{\"min_security_level\":\"HIGH\"}}",
               stage_token_for(&stage, "ann", NULL));
    CHECK(client_reads(&late, "auth_ok", NULL));
    CHECK(client_reads_alone(&late, 2, stage_position(&stage, 2)));
    CHECK(client_reads(&late, "subscribed", NULL) && client_quiet(&late));
    client_gone(&late);
    end();
}
