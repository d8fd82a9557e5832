/* SPDX-License-Identifier: Apache-2.0 */
/* test_rebase.c: a stream that goes on elsewhere: who stays, who is told, and where all go on. */
#include "stage.h"

static struct stage stage;
static struct client client, plain;
static const struct sample news = {.type = EVENT_USER_UPDATED, .user = "ann"};

static void begin(unsigned events)
{
    stage_init(&stage);
    stage_start(&stage);
    while (events-- > 0)
        stage_publish(&stage, news);
}

static void both_sign_in(void)
{
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ann", NULL);
}

static void resume_from(enum session_kind kind, uint64_t n)
{
    client_connect(&client, &stage, kind);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), stage_position(&stage, n));
}

static void rebase(uint64_t epoch, uint64_t n, enum rebase_kind kind)
{
    hub_rebase(stage.hub, &(struct position){epoch, n, n ? 77 : 0}, kind);
}

/* What stands behind the new head, of the new epoch. */
static void announce(uint64_t n)
{
    struct entry entry = {.event = sample_event(news), .n = n, .check = 78};

    hub_announce(stage.hub, &entry);
    event_unref(entry.event);
}

static void end(void)
{
    client_gone(&client);
    stage_done(&stage);
}

TEST(without_loss_all_stay_and_go_on_behind_the_new_head)
{
    char text[POSITION_SIZE + 1] = "";

    begin(3);
    both_sign_in();
    rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
    CHECK(client_quiet(&client) && client_quiet(&plain));
    announce(3);
    position_write(&(struct position){STAGE_EPOCH + 1, 3, 78}, text);
    CHECK(client_reads(&client, "event", text) && client_reads(&plain, "event", text));
    CHECK_EQ(hub_counters(stage.hub)->head_n, 3);
    client_gone(&plain);
    end();
}

TEST(a_loss_closes_session_clients_4302_and_plain_ones_stay)
{
    begin(3);
    both_sign_in();
    rebase(STAGE_EPOCH, 9, REBASE_LOST);
    CHECK(client_reads(&client, "closing", "\"code\":4302"));
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED) && client_quiet(&plain));
    announce(10);
    CHECK(client_reads(&plain, "event", NULL) && client_quiet(&plain));
    client_gone(&plain);
    end();
}

TEST(what_is_gone_closes_4302_who_may_have_seen_it)
{
    struct client ben;

    begin(1);
    both_sign_in();
    client_sign_in(&ben, &stage, SESSION_CONTROL, "ben", NULL);
    hub_gone(stage.hub, &stage.past[1]);
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED));
    CHECK(client_quiet(&plain) && client_quiet(&ben));
    CHECK_EQ(stage.hub->head.n, 1);
    client_gone(&ben);
    client_gone(&plain);
    end();
}

static void demote(const char *user)
{
    stage_publish(&stage,
                  (struct sample){.type = EVENT_ROLE_REVOKED, .target = user, .role = "admin"});
}

TEST(who_may_see_less_today_may_have_seen_what_is_gone)
{
    struct client ann, ben, filtered;
    uint64_t n;

    begin(0);
    client_sign_in(&ann, &stage, SESSION_CONTROL, "ann", "\"admin\"");
    client_sign_in(&plain, &stage, SESSION_PLAIN, "ann", "\"admin\"");
    client_sign_in(&ben, &stage, SESSION_CONTROL, "ben", NULL);
    client_sign_in(&filtered, &stage, SESSION_CONTROL, "carl", NULL);
    n = stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "carl"});
    CHECK(client_reads_event(&ann, n) && client_reads_event(&plain, n));
    CHECK(client_reads_event(&filtered, n));
    client_say(&filtered, "{\"type\":\"subscribe\",\"event_types\":[\"role_assigned\"]}");
    CHECK(client_reads(&filtered, "subscribed", NULL));
    demote("ann");
    CHECK(client_reads(&ann, "scope_changed", NULL) && client_reads_event(&ann, n + 1));
    CHECK(client_reads_event(&plain, n + 1));
    hub_gone(stage.hub, &stage.past[n]);
    rebase(STAGE_EPOCH + 1, 0, REBASE_TAIL);
    CHECK(client_reads(&ann, "closing", "\"code\":4302"));
    CHECK(client_reads(&filtered, "closing", "\"code\":4302"));
    CHECK(client_quiet(&plain) && client_quiet(&ben));
    client_gone(&ann);
    client_gone(&plain);
    client_gone(&ben);
    client_gone(&filtered);
    stage_done(&stage);
}

TEST(who_may_see_less_today_stays_where_nothing_is_gone)
{
    begin(1);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", "\"admin\"");
    demote("ann");
    CHECK(client_reads(&client, "scope_changed", NULL) && client_reads_event(&client, 2));
    rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
    CHECK(client_quiet(&client));
    hub_gone(stage.hub, &(struct entry){.event = stage.past[1].event, .n = 3});
    client_gone(&client);
    rebase(STAGE_EPOCH + 2, 2, REBASE_TAIL); /* told, and over */
    client_sign_in(&client, &stage, SESSION_CONTROL, "ben", "\"admin\"");
    demote("ben");
    CHECK(client_reads(&client, "scope_changed", NULL) && client_reads(&client, "event", NULL));
    rebase(STAGE_EPOCH + 3, 2, REBASE_TAIL);
    CHECK(client_quiet(&client));
    end();
}

TEST(what_was_had_before_says_nothing_of_the_numbers_after)
{
    begin(9);
    resume_from(SESSION_CONTROL, 8);
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", NULL) && client_reads_event(&client, 9));
    rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
    announce(3);
    CHECK(client_reads(&client, "event", NULL) && client_quiet(&client));
    end();
}

TEST(a_catch_up_of_the_same_epoch_asks_again)
{
    struct asked before;

    begin(4);
    resume_from(SESSION_CONTROL, 1);
    before = stage.asked;
    stage.past[5] = (struct entry){sample_event(news), 5, 0, 0};
    stage.past[5].check =
        position_check(STAGE_EPOCH, 5, BYTES(""), stage.past[5].event->id, BYTES(""));
    stage.past_n = 5;
    hub_rebase(stage.hub, &(struct position){STAGE_EPOCH, 5, stage.past[5].check}, REBASE_TAIL);
    CHECK_EQ(stage.asked_count, 2);
    CHECK(stage.asked.request.first && stage.asked.request.serial != before.request.serial);
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    for (uint64_t n = 2; n <= 4; n++)
        CHECK(client_reads_event(&client, n));
    CHECK(client_reads(&client, "event", NULL) && client_quiet(&client));
    end();
}

TEST(an_answer_that_waits_for_the_rebase_is_asked_for_again_by_it)
{
    begin(4);
    resume_from(SESSION_CONTROL, 1);
    stage_answer_with(&stage, RESUME_REBASE);
    CHECK(client_quiet(&client) && client.session->state == SESSION_CATCHUP);
    CHECK_EQ(stage.asked_count, 1);
    hub_rebase(stage.hub, &(struct position){STAGE_EPOCH, 4, stage.past[4].check}, REBASE_FIRST);
    CHECK_EQ(stage.asked_count, 2);
    stage_answer(&stage, 64);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true") && client_reads_event(&client, 2));
    end();
}

TEST(a_catch_up_of_another_epoch_begins_anew_or_closes_4302)
{
    begin(4);
    resume_from(SESSION_CONTROL, 1); /* nothing was promised yet */
    rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":false") && client_quiet(&client));
    CHECK(client.session->state == SESSION_LIVE);
    end();

    begin(4);
    resume_from(SESSION_CONTROL, 1);
    stage_answer(&stage, 1);
    rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true") && client_reads_event(&client, 2));
    CHECK(client_reads(&client, "closing", "\"code\":4302"));
    end();
}

TEST(a_plain_catch_up_of_another_epoch_is_4301)
{
    for (int answered = 0; answered < 2; answered++) {
        begin(4);
        resume_from(SESSION_PLAIN, 1);
        if (answered)
            stage_answer(&stage, 1);
        rebase(STAGE_EPOCH + 1, 2, REBASE_TAIL);
        CHECK(!answered || client_reads_event(&client, 2));
        CHECK(client_closed(&client, CLOSE_POSITION_LOST));
        end();
    }
}

static void come_ahead(uint64_t epoch)
{
    static char text[POSITION_SIZE + 1];

    begin(2);
    hub_bus_state(stage.hub, BUS_DEGRADED);
    position_write(&(struct position){epoch, 6, 66}, text);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), text);
    stage_answer_with(&stage, epoch == STAGE_EPOCH ? RESUME_AHEAD : RESUME_LOST);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
}

TEST(who_was_ahead_and_is_passed_by_catches_up_from_its_place)
{
    come_ahead(STAGE_EPOCH);
    stage_alone(&stage, news);
    CHECK(client_read(&client) != NULL);
    rebase(STAGE_EPOCH, 9, REBASE_FIRST); /* what this instance has missed this client has not */
    CHECK(stage.asked.there && !stage.asked.request.first);
    CHECK_EQ(stage.asked.request.from.n, 6);
    CHECK_EQ(stage.asked.request.from.check, 66);
    {
        struct entry past[2] = {stage.alone[1], {sample_event(news), 8, 88, 0}};
        struct resume_answer answer = {
            .session = stage.asked.request.session,
            .serial = stage.asked.request.serial,
            .outcome = RESUME_SLICE,
            .entries = past,
            .entries_count = 2,
            .upto = {STAGE_EPOCH, 9, 77},
        };

        past[0].n = 7; /* it has come back, and this client has had it */
        hub_resume_answer(stage.hub, &answer);
        event_unref(past[1].event);
    }
    CHECK(client_reads(&client, "event", "\"id\":\"sample\"") && client_quiet(&client));
    CHECK(client.session->state == SESSION_LIVE);
    end();
}

TEST(who_is_still_ahead_stays_so)
{
    come_ahead(STAGE_EPOCH);
    rebase(STAGE_EPOCH, 5, REBASE_FIRST);
    CHECK(client_quiet(&client));
    announce(6);
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED)); /* another one than it had */
    end();
}

TEST(who_is_ahead_when_the_stream_lost_its_end_or_more_resumes_on_a_new_connection)
{
    static const enum rebase_kind kinds[] = {REBASE_TAIL, REBASE_LOST};

    for (unsigned i = 0; i < ARRAY_COUNT(kinds); i++) {
        come_ahead(STAGE_EPOCH);
        stage_alone(&stage, news);
        CHECK(client_read(&client) != NULL);
        rebase(STAGE_EPOCH, 9, kinds[i]); /* the past has no mark of what it was given alone */
        CHECK(client_reads(&client, "closing", "\"code\":4206"));
        CHECK(client_closed(&client, CLOSE_BUS_GAP));
        end();
    }
}

TEST(who_catches_up_and_was_given_some_alone_resumes_on_a_new_connection_too)
{
    come_ahead(STAGE_EPOCH);
    stage_alone(&stage, news);
    CHECK(client_read(&client) != NULL);
    rebase(STAGE_EPOCH, 9, REBASE_FIRST);
    CHECK(client.session->state == SESSION_CATCHUP);
    rebase(STAGE_EPOCH, 8, REBASE_TAIL);
    CHECK(client_closed(&client, CLOSE_BUS_GAP));
    end();
}

TEST(a_place_of_the_epoch_that_the_bus_turns_out_to_have_is_good)
{
    come_ahead(STAGE_EPOCH + 1);
    rebase(STAGE_EPOCH + 1, 5, REBASE_FIRST);
    CHECK(client_quiet(&client));
    {
        struct entry entry = {.event = sample_event(news), .n = 6, .check = 66};

        hub_announce(stage.hub, &entry);
        event_unref(entry.event);
    }
    CHECK(client_quiet(&client)); /* had */
    announce(7);
    CHECK(client_reads(&client, "event", NULL) && client_quiet(&client));
    end();
}

TEST(a_place_of_another_epoch_than_the_bus_has_closes_4302)
{
    come_ahead(STAGE_EPOCH + 1);
    rebase(STAGE_EPOCH + 2, 5, REBASE_FIRST);
    CHECK(client_closed(&client, CLOSE_EPOCH_CHANGED));
    end();
}

TEST(an_isolated_hub_closes_everybody_4206_and_lets_nobody_in_until_it_ends)
{
    begin(1);
    both_sign_in();
    hub_isolate(stage.hub, true);
    CHECK(client_closed(&client, CLOSE_BUS_GAP) && client_closed(&plain, CLOSE_BUS_GAP));
    client_gone(&client);
    client_gone(&plain);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), NULL);
    CHECK(client_closed(&client, CLOSE_BUS_GAP));
    client_gone(&client);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, "no token", NULL);
    CHECK(client_closed(&client, CLOSE_AUTHENTICATION_FAILED));
    client_gone(&client);
    hub_isolate(stage.hub, false);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    end();
}
