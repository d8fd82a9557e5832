/* SPDX-License-Identifier: Apache-2.0 */
/* test_ahead.c: a client that knows more of the stream than this instance is let in, and checked. */
#include "stage.h"

static struct stage stage;
static struct client client;
static const struct sample news = {.type = EVENT_USER_UPDATED, .user = "ann"};
static const struct sample others = {.type = EVENT_USER_UPDATED, .user = "ben"};
static char asked[POSITION_SIZE + 1];
static const enum session_kind kinds[] = {SESSION_CONTROL, SESSION_PLAIN};
static const enum close_reason lost_codes[] = {CLOSE_EPOCH_CHANGED, CLOSE_POSITION_LOST};

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
    stage_publish(&stage, news);
    stage_publish(&stage, news);
}

/* The place of an event that other instances have, three on; its text in `asked`. */
static void write_ahead(void)
{
    stage_append(&stage, news);
    stage_append(&stage, news);
    stage_append(&stage, others);
    strcpy(asked, stage_position(&stage, 5));
}

static void ask(enum session_kind kind, const char *position)
{
    client_connect(&client, &stage, kind);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), position);
}

static void come(enum session_kind kind)
{
    write_ahead();
    ask(kind, asked);
    stage_answer_with(&stage, RESUME_AHEAD);
}

static void end(void)
{
    client_gone(&client);
    stage_done(&stage);
}

TEST(who_is_ahead_keeps_its_position_until_the_instance_has_come_there)
{
    begin();
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true") && strstr(client.text, asked));
    stage_announce(&stage, 3);
    CHECK(client_quiet(&client)); /* it has had that one */
    session_pong(client.session);
    stage_advance(&stage, 30000);
    CHECK(client_reads(&client, "heartbeat", asked));
    stage_announce(&stage, 4);
    stage_announce(&stage, 5); /* which is not for this client, and is the one it names */
    CHECK(client_quiet(&client));
    stage_publish(&stage, news);
    CHECK(client_reads_event(&client, 6) && client_quiet(&client));
    session_pong(client.session);
    stage_advance(&stage, 30000);
    CHECK(client_reads(&client, "heartbeat", stage_position(&stage, 6)));
    CHECK_EQ(stage.hub->ahead_n, UINT64_MAX);
    end();
}

static void pass_another(void)
{
    write_ahead();
    stage.past[5].check ^= 1; /* what stands there is another event */
}

TEST(a_place_that_turns_out_never_to_exist_closes_4302)
{
    begin();
    pass_another();
    ask(SESSION_CONTROL, asked);
    stage_answer_with(&stage, RESUME_AHEAD);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    stage_announce(&stage, 3);
    stage_announce(&stage, 4);
    CHECK(client_quiet(&client));
    stage_announce(&stage, 5);
    CHECK(client_reads(&client, "closing", "\"code\":4302"));
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED));
    end();
}

/* Up to here, and no further. */
static void shrink(uint64_t n)
{
    while (stage.past_n > n)
        event_unref(stage.past[stage.past_n--].event);
}

TEST(a_place_that_the_stream_does_not_come_to_is_given_up_after_a_while)
{
    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++) {
        begin();
        hub_bus_state(stage.hub, BUS_DEGRADED);
        come(kinds[i]);
        CHECK(kinds[i] == SESSION_PLAIN || client_reads(&client, "auth_ok", "\"resumed\":true"));
        stage_advance(&stage, 20000);
        shrink(2); /* they were in the tail that is lost */
        hub_bus_state(stage.hub, BUS_OK);
        CHECK(hub_deadline(stage.hub) <= stage.now.mono_ms + 5000);
        stage_advance(&stage, 4999);
        CHECK_EQ(stage_publish(&stage, news), 3); /* at one of the places that the client has had */
        CHECK(client.session->state == SESSION_LIVE);
        stage_advance(&stage, 1);
        CHECK(client_closed(&client, lost_codes[i]));
        end();
    }
}

TEST(a_place_that_the_stream_has_is_waited_for_and_so_is_a_new_one)
{
    begin();
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    stage_advance(&stage, 6000); /* this instance is late by that */
    CHECK(client.session->state == SESSION_LIVE);
    client_gone(&client);
    ask(SESSION_CONTROL, asked);
    stage_answer_with(&stage, RESUME_AHEAD);
    shrink(2);
    stage_advance(&stage, 4999);
    CHECK(client.session->state == SESSION_LIVE);
    stage_advance(&stage, 1);
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED));
    end();
}

TEST(a_plain_client_at_such_a_place_is_told_that_its_position_is_lost)
{
    begin();
    pass_another();
    event_unref(stage.past[5].event);
    stage.past[5].event = sample_event(news);
    ask(SESSION_PLAIN, asked);
    stage_answer_with(&stage, RESUME_AHEAD);
    for (uint64_t n = 3; n <= 5; n++)
        stage_announce(&stage, n);
    CHECK(client_closed(&client, CLOSE_POSITION_LOST)); /* by the fifth */
    end();
}

TEST(an_instance_without_a_bus_is_behind_nobody)
{
    begin();
    hub_bus_state(stage.hub, BUS_NONE);
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":false"));
    end();
}

TEST(what_is_delivered_alone_comes_to_who_is_ahead_with_its_own_position)
{
    begin();
    hub_bus_state(stage.hub, BUS_DEGRADED);
    stage_alone(&stage, news);
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    CHECK(client_reads_alone(&client, 1, asked));
    stage_alone(&stage, news);
    CHECK(client_reads_alone(&client, 2, asked) && client_quiet(&client));
    end();
}

TEST(a_renewal_of_who_is_ahead_repeats_its_position)
{
    begin();
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", asked));
    client_auth(&client, stage_token_for(&stage, "ann", "\"editor\""), NULL);
    CHECK(client_reads(&client, "auth_ok", asked) && client_quiet(&client));
    end();
}

TEST(another_epoch_is_judged_when_the_bus_is_back)
{
    const struct position other = {STAGE_EPOCH + 1, 1, 7};
    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++) {
        begin();
        hub_bus_state(stage.hub, BUS_DEGRADED);
        position_write(&other, asked);
        ask(kinds[i], asked);
        stage_answer_with(&stage, RESUME_LOST); /* for it cannot be judged */
        CHECK(kinds[i] == SESSION_PLAIN || client_reads(&client, "auth_ok", "\"resumed\":true"));
        stage_publish(&stage, news); /* may be of a stream that is no more */
        stage_alone(&stage, news);
        CHECK(client_reads_alone(&client, 1, asked) && client_quiet(&client));
        hub_bus_state(stage.hub, BUS_OK);
        CHECK(client_closed(&client, lost_codes[i]));
        end();
    }
}

TEST(a_position_of_no_epoch_is_lost_even_while_the_bus_is_away)
{
    begin();
    hub_bus_state(stage.hub, BUS_DEGRADED);
    position_write(&(struct position){0, 1, 7}, asked);
    ask(SESSION_CONTROL, asked);
    CHECK(!stage.asked.there && client_reads(&client, "auth_ok", "\"resumed\":false"));
    end();
}

TEST(who_is_ahead_and_deleted_goes_with_that_event)
{
    uint64_t n;

    begin();
    come(SESSION_CONTROL);
    CHECK(client_reads(&client, "auth_ok", NULL));
    n = stage_append(&stage, (struct sample){.type = EVENT_USER_DELETED, .target = "ann"});
    stage_effect(&stage, n);
    for (uint64_t at = 3; at <= n; at++)
        stage_announce(&stage, at);
    CHECK(client_reads_event(&client, n) && client_reads(&client, "closing", "4002"));
    end();
}
