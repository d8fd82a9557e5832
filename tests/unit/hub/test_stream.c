/* SPDX-License-Identifier: Apache-2.0 */
/* test_stream.c: a session whose frames are server-sent events, beside those of WebSockets. */
#include "stage.h"
#include "wire/push.h"
#include "wire/push_stream.h"

static struct stage stage;

static void begin(void)
{
    stage_init(&stage);
    stage_start(&stage);
}

TEST(a_stream_is_in_at_once_and_has_the_same_object_as_a_websocket)
{
    struct client stream, socket;
    const char *text, *data;
    char expected[256];

    begin();
    client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), NULL, NULL);
    CHECK(session_signed_in(stream.session));
    snprintf(expected, sizeof expected, "event: auth_ok\nid: %s\ndata: {\"type\":\"auth_ok\",",
             stage_position(&stage, 0));
    text = client_text(&stream);
    CHECK(strncmp(text, expected, strlen(expected)) == 0);
    CHECK(strcmp(text + strlen(text) - 3, "}\n\n") == 0);
    client_sign_in(&socket, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK(client_reads_event(&socket, 1));
    snprintf(expected, sizeof expected, "event: event\nid: %s\ndata: ", stage_position(&stage, 1));
    text = client_text(&stream);
    CHECK(strncmp(text, expected, strlen(expected)) == 0);
    data = text + strlen(expected);
    CHECK(strncmp(data, socket.text, strlen(socket.text)) == 0);
    CHECK(strcmp(data + strlen(socket.text), "\n\n") == 0);
    CHECK_EQ(hub_counters(stage.hub)->encodings, 2); /* once a form */
    client_gone(&stream);
    client_gone(&socket);
    stage_done(&stage);
}

TEST(a_frame_is_composed_once_for_all_streams)
{
    struct client streams[5];

    begin();
    for (int i = 0; i < 5; i++)
        client_stream(&streams[i], &stage, stage_token_for(&stage, "ann", NULL), NULL, NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK_EQ(hub_counters(stage.hub)->encodings, 1);
    for (int i = 0; i < 5; i++) {
        CHECK(strstr(client_text(&streams[i]), "event: event\n"));
        client_gone(&streams[i]);
    }
    stage_done(&stage);
}

TEST(a_stream_resumes_from_its_last_event_id)
{
    struct client stream;
    const char *text;

    begin();
    for (int i = 0; i < 3; i++)
        stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), NULL,
                  stage_position(&stage, 1));
    stage_answer(&stage, 10);
    text = client_text(&stream);
    CHECK(strstr(text, "\"resumed\":true"));
    CHECK(!strstr(text, "\"id\":\"e1\"") && strstr(text, "\"id\":\"e2\""));
    CHECK(strstr(text, "\"id\":\"e3\""));
    client_gone(&stream);
    client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), NULL, "nonsense");
    CHECK(strstr(client_text(&stream), "\"resumed\":false"));
    client_gone(&stream);
    stage_done(&stage);
}

TEST(a_filter_narrows_a_stream)
{
    struct filter *filter;
    struct client stream;

    begin();
    CHECK_EQ(filter_new(&filter, BIT(EVENT_USER_CREATED), 0, false, NULL, 0), 0);
    client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), filter, NULL);
    (void)client_text(&stream);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
    CHECK_EQ(strlen(client_text(&stream)), 0);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_CREATED, .user = "ann"});
    CHECK(strstr(client_text(&stream), "\"id\":\"e2\""));
    client_gone(&stream);
    stage_done(&stage);
}

TEST(a_stream_is_pinged_by_comments_and_never_times_out)
{
    struct client stream;

    begin();
    client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), NULL, NULL);
    for (int i = 0; i < 5; i++) {
        const char *text;

        (void)client_text(&stream);
        stage_advance(&stage, stage.settings.heartbeat_ms + 1000);
        text = client_text(&stream);
        CHECK(strstr(text, ":\n\n") && strstr(text, "event: heartbeat\nid: "));
        CHECK(!stream.closed);
    }
    client_gone(&stream);
    stage_done(&stage);
}

TEST(a_stream_says_why_it_ends)
{
    struct client stream;

    begin();
    client_stream(&stream, &stage, stage_token(&stage, "\"sub\":\"ann\",\"exp\":1700000005"), NULL,
                  NULL);
    stage_advance(&stage, 6000);
    CHECK(client_closed(&stream, CLOSE_TOKEN_EXPIRED));
    CHECK(
        strstr(client_text(&stream), "event: closing\ndata: {\"type\":\"closing\",\"code\":4101"));
    client_gone(&stream);
    stage_done(&stage);
}

/* An outbox cut anywhere ends with a whole frame, whose end is an empty line. */
TEST(a_slow_stream_ends_with_whole_frames)
{
    for (size_t sent = 0; sent < 400; sent += 7) {
        struct client stream;
        struct bytes out;
        const char *text;
        char scratch[1];
        size_t left = sent;

        begin();
        client_stream(&stream, &stage, stage_token_for(&stage, "ann", NULL), NULL, NULL);
        for (int i = 0; i < 5; i++)
            stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED, .user = "ann"});
        while (left > 0) {
            out = session_output(stream.session, scratch, sizeof scratch);
            CHECK(out.size > 0);
            out.size = out.size < left ? out.size : left;
            session_sent(stream.session, out.size);
            left -= out.size;
        }
        session_too_slow(stream.session);
        text = client_text(&stream);
        CHECK(strcmp(text + strlen(text) - 3, "}\n\n") == 0);
        CHECK(strstr(text, "event: closing\n"));
        CHECK(text == strstr(text, "event: closing\n") ||
              strncmp(strstr(text, "event: closing\n") - 2, "\n\n", 2) == 0);
        client_gone(&stream);
        stage_done(&stage);
    }
}
