/* SPDX-License-Identifier: Apache-2.0 */
/* test_serve.c: messages come in order and by credit, one copy for all; closes come behind them. */
#include <stdio.h>

#include "host.h"

static struct node_stats stats(void)
{
    struct node_stats stats;

    front_stats(host_front, &stats);
    return stats;
}

/* Every receiver's item names the very same object. */
TEST(one_event_is_one_text_for_all_receivers_of_a_view)
{
    struct host_client *clients[20];
    unsigned had = 0;

    host_begin(NULL);
    for (unsigned i = 0; i < ARRAY_COUNT(clients); i++)
        clients[i] = host_client(host_loop, "alice", "");
    CHECK_EQ(host_publish_to("alice", "to all"), 0);
    while (had < ARRAY_COUNT(clients)) {
        struct front_item items[32];
        struct front_text *text = NULL;
        size_t count;

        (void)front_loop_wait(host_loop, 100);
        count = front_take(host_loop, items, ARRAY_COUNT(items));
        for (size_t i = 0; i < count; i++) {
            CHECK_EQ(items[i].kind, FRONT_TEXT);
            CHECK(!text || text == items[i].text);
            text = items[i].text;
        }
        for (size_t i = 0; i < count; i++)
            front_text_unref(items[i].text);
        had += (unsigned)count;
    }
    CHECK_EQ(stats().total_messages_sent, ARRAY_COUNT(clients));
    host_end();
}

TEST(a_client_that_sends_nothing_of_what_it_is_given_gets_no_more_than_its_credit)
{
    struct host_client *stalled, *reader;
    char message[64];

    host_begin(NULL);
    stalled = host_client(host_loop, "alice", "");
    reader = host_client(host_loop, "alice", "");
    stalled->stalls = true;
    for (unsigned i = 0; i < 100; i++) {
        snprintf(message, sizeof message, "event %u", i);
        CHECK_EQ(host_publish_to("alice", message), 0);
    }
    HOST_UNTIL(host_loop, reader->texts == 101);
    CHECK(strstr(reader->last, "event 99"));
    CHECK_EQ(stalled->texts, 1 + FRONT_CREDIT_MESSAGES);
    CHECK(strstr(stalled->last, "event 63"));
    stalled->stalls = false;
    front_sent(stalled->conn, FRONT_CREDIT_MESSAGES, 30000);
    HOST_UNTIL(host_loop, stalled->texts == 101);
    CHECK(strstr(stalled->last, "event 99"));
    host_end();
}

TEST(a_client_that_never_takes_is_closed_4202_and_others_have_everything)
{
    static char message[16001];
    struct host_client *stalled, *reader;

    memset(message, 'm', sizeof message - 1);
    host_begin(NULL);
    stalled = host_client(host_loop, "alice", "");
    reader = host_client(host_loop, "alice", "");
    stalled->stalls = true;
    for (unsigned i = 0; i < 60; i++)
        CHECK_EQ(host_publish_to("alice", message), 0);
    HOST_UNTIL(host_loop, stalled->closed && reader->texts == 61);
    CHECK_EQ(stalled->code, 4202);
    CHECK(strstr(stalled->last, "\"closing\""));
    CHECK(!reader->closed);
    CHECK_EQ(stats().active_connections, 1);
    host_end();
}

/* Far more events at once than an outbox holds: a host that works them off loses none. */
TEST(a_burst_waits_for_the_hosts_loop_and_closes_nobody_who_reads)
{
    static char message[1001];
    struct host_client *a, *b;

    memset(message, 'm', sizeof message - 1);
    host_begin(NULL);
    a = host_client(host_loop, "alice", "");
    b = host_client(host_loop, "alice", "");
    for (unsigned i = 0; i < 1500; i++)
        CHECK_EQ(host_publish_to("alice", message), 0);
    HOST_UNTIL(host_loop, (a->texts == 1501 && b->texts == 1501) || a->closed || b->closed);
    CHECK(!a->closed && !b->closed);
    host_end();
}

TEST(a_front_sends_no_pings_and_misses_no_pongs)
{
    struct host_client *session, *plain;

    host_begin("WEBSOCKET_HEARTBEAT_INTERVAL", "1", NULL);
    session = host_client(host_loop, "alice", "");
    plain = host_connect(host_loop, SESSION_PLAIN, NULL, NULL);
    CHECK_EQ(host_say(plain, "{\"type\":\"auth\",\"token\":\"%s\"}", host_token("bob", "")), 0);
    host_idle(host_loop, 3500);
    CHECK(!session->closed && !plain->closed);
    CHECK(session->texts >= 3 && session->texts <= 5); /* auth_ok and heartbeats */
    CHECK(strstr(session->last, "\"heartbeat\""));
    CHECK_EQ(plain->texts, 0);
    host_end();
}

TEST(who_loses_all_is_told_why_and_closed_with_the_code)
{
    struct front_asker asker;
    struct host_client *client;

    host_begin(NULL);
    asker = host_asker(host_loop);
    client = host_client(host_loop, "alice", "");
    CHECK_EQ(front_disconnect_user(host_front, BYTES("alice"), BYTES(""), &asker), 0);
    HOST_UNTIL(host_loop, client->closed && host_answered.count == 1);
    CHECK_EQ(client->code, 4004);
    CHECK(strstr(client->last, "\"closing\""));
    CHECK(strcmp(host_answered.text, "{\"disconnected\":1,\"degraded\":false}") == 0);
    host_end();
}
