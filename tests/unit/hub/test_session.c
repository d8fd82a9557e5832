/* SPDX-License-Identifier: Apache-2.0 */
/* test_session.c: bytes on their way to one client, the slow one, and the last words to a closed one. */
#include "stage.h"

static struct stage stage;
static struct client client;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

static struct sample news(size_t size)
{
    return (struct sample){.type = EVENT_USER_UPDATED, .user = "ann", .json_size = size};
}

TEST(the_outlet_is_woken_once_until_it_has_sent_everything)
{
    struct bytes out;

    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    CHECK_EQ(client.wakes, 0);
    stage_publish(&stage, news(300));
    stage_publish(&stage, news(300));
    CHECK_EQ(client.wakes, 1);
    out = session_output(client.session, NULL, 0);
    CHECK(out.size > 600); /* both events in one send */
    session_sent(client.session, out.size - 1);
    stage_publish(&stage, news(300));
    CHECK_EQ(client.wakes, 1);
    out = session_output(client.session, NULL, 0);
    session_sent(client.session, out.size);
    CHECK_EQ(session_output(client.session, NULL, 0).size, 0);
    stage_publish(&stage, news(300));
    CHECK_EQ(client.wakes, 2);
    client_gone(&client);
    stage_done(&stage);
}

TEST(two_clients_of_a_view_share_the_same_bytes)
{
    struct client other;

    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&other, &stage, SESSION_PLAIN, "ann", NULL);
    stage_publish(&stage, news(300));
    CHECK(session_output(client.session, NULL, 0).data ==
          session_output(other.session, NULL, 0).data);
    client_gone(&client);
    client_gone(&other);
    stage_done(&stage);
}

TEST(a_slow_reader_is_cut_at_its_ceiling_and_closed_4202)
{
    struct client slow;
    size_t queued = 0;

    stage_init(&stage);
    stage.settings.outbox_bytes_max = 4000;
    stage_start(&stage);
    client_sign_in(&slow, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, news(1000));
    CHECK(client_reads_event(&client, 1));
    strbuf_put_bytes(&slow.wire, (struct bytes){session_output(slow.session, NULL, 0).data, 10});
    session_sent(slow.session, 10); /* the first event is begun */
    while (!slow.closed) {
        CHECK(outbox_bytes(&slow.session->outbox) <= 4000);
        queued = outbox_bytes(&slow.session->outbox);
        CHECK(client_reads_event(&client, stage_publish(&stage, news(1000))));
    }
    CHECK(queued > 3000);
    CHECK(client_closed(&slow, CLOSE_SLOW_CONSUMER));
    CHECK(outbox_bytes(&slow.session->outbox) < 1500);
    CHECK(client_reads_event(&slow, 1)); /* what was begun is whole, then the last words */
    CHECK(client_reads(&slow, "closing", "\"code\":4202,\"reason\":\"Slow consumer\""));
    CHECK(strstr(slow.text, "retry_after_ms"));
    CHECK(client_read(&slow) == NULL);
    CHECK(client_quiet(&client));
    client_gone(&slow);
    client_gone(&client);
    stage_done(&stage);
}

TEST(an_event_that_just_fits_the_ceiling_is_queued)
{
    size_t size;

    begin();
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    stage_publish(&stage, news(1000));
    size = outbox_bytes(&client.session->outbox);
    stage.hub->settings.outbox_bytes_max = 2 * size;
    stage_publish(&stage, news(1000));
    CHECK(!client.closed);
    CHECK_EQ(outbox_bytes(&client.session->outbox), 2 * size);
    stage_publish(&stage, news(1000));
    CHECK(client_closed(&client, CLOSE_SLOW_CONSUMER));
    CHECK_EQ(outbox_bytes(&client.session->outbox),
             0); /* nothing was begun, and it speaks no control */
    CHECK(outbox_empty(&client.session->outbox));
    client_gone(&client);
    stage_done(&stage);
}

/* A stalled client pins segments of the log; over the ceiling of all, who has been behind for
 * longest goes first. */
TEST(over_the_ceiling_of_the_frame_log_the_oldest_backlog_is_relieved)
{
    struct client oldest, younger, reader;
    uint64_t n;

    stage_init(&stage);
    stage.settings.frame_log_bytes_max = 8 * SEGMENT_SIZE;
    stage.settings.outbox_bytes_max = 64 * SEGMENT_SIZE;
    stage_start(&stage);
    client_sign_in(&oldest, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, news(30000));
    stage_publish(&stage, news(30000));
    client_sign_in(&younger, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&reader, &stage, SESSION_CONTROL, "ann", NULL);
    n = stage_publish(&stage, news(30000));
    CHECK(client_reads_event(&reader, n));
    while (!oldest.closed) {
        CHECK(stage.past_n < 100);
        n = stage_publish(&stage, news(30000));
        CHECK(client_reads_event(&reader, n));
        CHECK(stage.hub->pool.bytes <= 8 * SEGMENT_SIZE);
    }
    CHECK(client_closed(&oldest, CLOSE_SLOW_CONSUMER));
    CHECK(client_quiet(&reader));
    while (!younger.closed) {
        CHECK(stage.past_n < 200);
        n = stage_publish(&stage, news(30000));
        CHECK(client_reads_event(&reader, n));
        CHECK(stage.hub->pool.bytes <= 8 * SEGMENT_SIZE);
    }
    CHECK(client_closed(&younger, CLOSE_SLOW_CONSUMER));
    CHECK(client_quiet(&reader));
    client_gone(&oldest);
    client_gone(&younger);
    client_gone(&reader);
    stage_done(&stage);
}

TEST(who_caught_up_in_between_is_no_longer_the_oldest)
{
    struct client first, second;

    stage_init(&stage);
    stage.settings.frame_log_bytes_max = 8 * SEGMENT_SIZE;
    stage.settings.outbox_bytes_max = 64 * SEGMENT_SIZE;
    stage_start(&stage);
    client_sign_in(&first, &stage, SESSION_PLAIN, "ann", NULL);
    client_sign_in(&second, &stage, SESSION_PLAIN, "ann", NULL);
    for (uint64_t n = 1; n <= 8; n++)
        stage_publish(&stage, news(30000));
    for (uint64_t n = 1; n <= 8; n++)
        CHECK(client_reads_event(&first, n)); /* empty: it starts anew, behind the second */
    while (!second.closed) {
        CHECK(stage.past_n < 100);
        stage_publish(&stage, news(30000));
    }
    CHECK(client_closed(&second, CLOSE_SLOW_CONSUMER));
    CHECK(!first.closed);
    for (uint64_t n = 9; n <= stage.past_n; n++)
        CHECK(client_reads_event(&first, n));
    client_gone(&first);
    client_gone(&second);
    stage_done(&stage);
}

TEST(closing_says_so_once_and_then_nothing)
{
    begin();
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, news(100));
    session_close(client.session, CLOSE_DRAINING, 1500);
    session_close(client.session, CLOSE_INTERNAL, 0); /* closing twice is fine */
    stage_publish(&stage, news(100));
    CHECK(client_closed(&client, CLOSE_DRAINING));
    CHECK(client_reads_event(&client, 1)); /* what waited is still sent */
    CHECK(client_reads(&client, "closing",
                       "\"code\":4200,\"reason\":\"Server is shutting down\","
                       "\"retry_after_ms\":1500}"));
    CHECK(client_read(&client) == NULL);
    CHECK_EQ(hub_counters(stage.hub)->closes[CLOSE_DRAINING], 1);
    CHECK_EQ(hub_counters(stage.hub)->closes[CLOSE_INTERNAL], 0);
    CHECK_EQ(hub_counters(stage.hub)->sessions, 0);
    client_gone(&client);
    stage_done(&stage);
}

TEST(a_connection_may_go_in_any_state_with_anything_waiting)
{
    begin();
    client_connect(&client, &stage, SESSION_CONTROL);
    client_gone(&client);
    client_sign_in(&client, &stage, SESSION_PLAIN, "ann", NULL);
    stage_publish(&stage, news(1000));
    client_gone(&client);
    client_connect(&client, &stage, SESSION_CONTROL);
    client_auth(&client, stage_token_for(&stage, "ann", NULL), stage_position(&stage, 0));
    client_gone(&client); /* in the middle of its catch-up; the answer finds nobody */
    stage_answer(&stage, 64);
    client_sign_in(&client, &stage, SESSION_CONTROL, "ann", NULL);
    session_close(client.session, CLOSE_DRAINING, 0);
    client_gone(&client);
    CHECK_EQ(hub_counters(stage.hub)->sessions, 0);
    CHECK_EQ(hub_counters(stage.hub)->waiting, 0);
    stage_publish(&stage, news(1000));
    stage_done(&stage);
}
