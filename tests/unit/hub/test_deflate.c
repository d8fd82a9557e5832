/* SPDX-License-Identifier: Apache-2.0 */
/* test_deflate.c: sessions that agreed to deflated messages beside those that did not. */
#include "stage.h"

#define EVENT_SIZE 300u

static struct stage stage;

static void begin(void)
{
    stage_init(&stage);
    stage.settings.privacy = PRIVACY_NONE;
    stage_start(&stage);
}

static unsigned long long encodings(void)
{
    return hub_counters(stage.hub)->encodings;
}

static uint64_t publish(size_t json_size)
{
    return stage_publish(&stage, (struct sample){.type = EVENT_USER_UPDATED,
                                                 .user = "ann",
                                                 .json_size = json_size});
}

TEST(an_event_is_deflated_once_for_all_and_says_the_same_to_all)
{
    struct client deflated[4], plain[3];
    uint64_t n;

    begin();
    for (int i = 0; i < 4; i++)
        client_sign_in_deflated(&deflated[i], &stage, i % 2 ? SESSION_PLAIN : SESSION_CONTROL,
                                "ann", NULL);
    n = publish(EVENT_SIZE);
    CHECK_EQ(encodings(), 1); /* nobody there wants it as it is */
    for (int i = 0; i < 4; i++)
        CHECK(client_reads_event(&deflated[i], n) && deflated[i].deflated == 1);
    for (int i = 0; i < 3; i++)
        client_sign_in(&plain[i], &stage, i % 2 ? SESSION_PLAIN : SESSION_CONTROL, "ann", NULL);
    n = publish(EVENT_SIZE);
    CHECK_EQ(encodings(), 3);
    CHECK(client_reads_event(&plain[0], n));
    for (int i = 0; i < 4; i++) {
        CHECK(client_reads_event(&deflated[i], n) && deflated[i].deflated == 2);
        CHECK(strcmp(deflated[i].text, plain[0].text) == 0);
        CHECK(deflated[i].wire.size < 2 * EVENT_SIZE + 512);
        client_gone(&deflated[i]);
    }
    for (int i = 2; i >= 0; i--) {
        CHECK(i == 0 || client_reads_event(&plain[i], n));
        CHECK(strcmp(plain[i].text, plain[0].text) == 0);
        client_gone(&plain[i]);
    }
    CHECK_EQ(hub_counters(stage.hub)->frames_sent, 4 + 7);
    stage_done(&stage);
}

TEST(each_view_is_deflated_for_itself)
{
    struct policy policy = sample_policy();
    struct client subject, admin[2], watcher[2];
    struct sample sample = {.type = EVENT_SECURITY_VIOLATION,
                            .user = "ann",
                            .user_name = "Ann Lee",
                            .json_size = EVENT_SIZE,
                            .policy = &policy};

    begin();
    client_sign_in_deflated(&subject, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in_deflated(&admin[0], &stage, SESSION_CONTROL, "root", "\"admin\"");
    client_sign_in(&admin[1], &stage, SESSION_CONTROL, "root", "\"admin\"");
    client_sign_in_deflated(&watcher[0], &stage, SESSION_CONTROL, "cid", "\"watch\"");
    client_sign_in(&watcher[1], &stage, SESSION_CONTROL, "cid", "\"watch\"");
    stage_publish(&stage, sample);
    CHECK_EQ(encodings(), 5); /* three views, two of them in both forms */
    CHECK(client_reads(&subject, "event", "Ann Lee") && client_quiet(&subject));
    for (int i = 0; i < 2; i++) {
        CHECK(client_reads(&admin[i], "event", "Ann Lee") && client_quiet(&admin[i]));
        CHECK(client_reads_event(&watcher[i], 1) && !strstr(watcher[i].text, "Ann Lee"));
        CHECK(client_quiet(&watcher[i]));
    }
    CHECK(strcmp(admin[0].text, admin[1].text) == 0);
    CHECK(strcmp(watcher[0].text, watcher[1].text) == 0);
    CHECK(subject.deflated == 1 && admin[0].deflated == 1);
    client_gone(&subject);
    for (int i = 0; i < 2; i++) {
        client_gone(&admin[i]);
        client_gone(&watcher[i]);
    }
    stage_done(&stage);
}

TEST(what_is_short_or_said_to_one_alone_goes_as_it_is_in_the_same_order)
{
    struct client deflated, plain;
    uint64_t short_one, long_one;

    begin();
    client_sign_in_deflated(&deflated, &stage, SESSION_CONTROL, "ann", NULL);
    client_sign_in(&plain, &stage, SESSION_CONTROL, "ann", NULL);
    short_one = publish(0);
    CHECK_EQ(encodings(), 1); /* the same frame for both */
    long_one = publish(EVENT_SIZE);
    client_say(&deflated, "{\"type\":\"ping\",\"id\":1}");
    (void)publish(0);
    CHECK_EQ(encodings(), 4);
    CHECK(client_reads_event(&deflated, short_one) && deflated.deflated == 0);
    CHECK(client_reads_event(&deflated, long_one) && deflated.deflated == 1);
    CHECK(client_reads(&deflated, "pong", NULL));
    CHECK(client_reads_event(&deflated, 3) && client_quiet(&deflated));
    CHECK_EQ(deflated.deflated, 1);
    for (uint64_t n = 1; n <= 3; n++)
        CHECK(client_reads_event(&plain, n));
    client_gone(&deflated);
    client_gone(&plain);
    stage_done(&stage);
}

TEST(the_past_comes_as_it_is_and_then_the_present_deflated)
{
    struct client client;

    begin();
    for (int i = 0; i < 3; i++)
        (void)publish(EVENT_SIZE);
    client_connect(&client, &stage, SESSION_CONTROL);
    session_deflates(client.session);
    client.deflates = true;
    client_auth(&client, stage_token_for(&stage, "ann", NULL), stage_position(&stage, 1));
    stage_answer(&stage, 10);
    CHECK(client_reads(&client, "auth_ok", "\"resumed\":true"));
    CHECK(client_reads_event(&client, 2) && client_reads_event(&client, 3));
    CHECK(client_quiet(&client) && client.deflated == 0);
    CHECK(client_reads_event(&client, publish(EVENT_SIZE)) && client.deflated == 1);
    client_gone(&client);
    stage_done(&stage);
}

TEST(who_loses_everything_is_told_by_a_deflated_event)
{
    struct client client;

    begin();
    client_sign_in_deflated(&client, &stage, SESSION_CONTROL, "ann", NULL);
    stage_publish(&stage, (struct sample){.type = EVENT_USER_DELETED,
                                          .user = "ann",
                                          .json_size = EVENT_SIZE});
    CHECK(client_reads_event(&client, 1) && client.deflated == 1);
    CHECK(client_reads(&client, "closing", NULL));
    CHECK(client_closed(&client, CLOSE_ACCOUNT_REMOVED));
    client_gone(&client);
    stage_done(&stage);
}

/* Wherever the socket was full: what began is ended, and then only the reason follows. */
TEST(an_outbox_of_deflated_frames_cut_anywhere_ends_with_whole_frames)
{
    size_t all = SIZE_MAX;

    for (size_t sent = 0; sent < all; sent += 5) {
        struct client client;
        size_t left = sent;
        char scratch[1];

        begin();
        client_sign_in_deflated(&client, &stage, SESSION_CONTROL, "ann", NULL);
        for (int i = 0; i < 3; i++) {
            (void)publish(EVENT_SIZE);
            (void)publish(0);
        }
        all = outbox_bytes(&client.session->outbox);
        CHECK(sent < all);
        while (left > 0) {
            struct bytes out = session_output(client.session, scratch, sizeof scratch);

            CHECK(out.size > 0);
            out.size = out.size < left ? out.size : left;
            strbuf_put_bytes(&client.wire, out);
            session_sent(client.session, out.size);
            left -= out.size;
        }
        session_too_slow(client.session);
        CHECK(client_closed(&client, CLOSE_SLOW_CONSUMER));
        for (uint64_t n = 1;; n++) {
            const char *text = client_read(&client);

            CHECK(text);
            if (strstr(text, "\"type\":\"closing\""))
                break;
            CHECK(n <= 6 && strstr(text, ",\"position\":\""));
        }
        CHECK(client_read(&client) == NULL);
        client_gone(&client);
        stage_done(&stage);
    }
}
