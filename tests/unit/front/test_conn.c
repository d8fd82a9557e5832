/* SPDX-License-Identifier: Apache-2.0 */
/* test_conn.c: what clients say reaches their sessions, bounded in size, number and kind. */
#include <pthread.h>
#include <unistd.h>

#include "host.h"
#include "model/limits.h"

TEST(a_binary_message_is_closed_4005)
{
    struct host_client *client;

    host_begin(NULL);
    client = host_client(host_loop, "alice", "");
    CHECK_EQ(front_receive_binary(client->conn), 0);
    HOST_UNTIL(host_loop, client->closed);
    CHECK_EQ(client->code, 4005);
    host_end();
}

TEST(a_message_over_its_limit_is_closed_1009)
{
    static char large[MESSAGE_FROM_CLIENT_SIZE_MAX + 1];
    struct host_client *in, *waiting, *good;

    memset(large, ' ', sizeof large);
    host_begin(NULL);
    in = host_client(host_loop, "alice", "");
    waiting = host_connect(host_loop, SESSION_CONTROL, NULL, NULL);
    CHECK_EQ(front_receive(in->conn, (struct bytes){large, sizeof large}), 0);
    CHECK_EQ(front_receive(waiting->conn, (struct bytes){large, FIRST_MESSAGE_SIZE_MAX + 1}), 0);
    HOST_UNTIL(host_loop, in->closed && waiting->closed);
    CHECK_EQ(in->code, 1009);
    CHECK_EQ(waiting->code, 1009);
    /* As large as it may be: not JSON, but not too large. */
    good = host_client(host_loop, "alice", "");
    CHECK_EQ(front_receive(good->conn, (struct bytes){large, sizeof large - 1}), 0);
    HOST_UNTIL(host_loop, good->closed);
    CHECK_EQ(good->code, 4005);
    host_end();
}

TEST(too_many_messages_in_a_window_are_closed_4203)
{
    struct host_client *client;

    host_begin("WEBSOCKET_RATE_LIMIT_MESSAGES", "5", NULL);
    client = host_client(host_loop, "alice", "");
    for (unsigned i = 0; i < 6; i++)
        CHECK_EQ(host_say(client, "{\"type\":\"ping\"}"), 0);
    HOST_UNTIL(host_loop, client->closed);
    CHECK_EQ(client->code, 4203);
    host_end();
}

/* However fast a host receives, so much is on its way; then it waits, and is told when to go on. */
TEST(a_host_that_receives_faster_than_the_core_waits_for_room)
{
    struct host_client *client;
    unsigned full = 0, said = 0;

    host_begin("WEBSOCKET_RATE_LIMIT_MESSAGES", "1000000", NULL);
    client = host_client(host_loop, "alice", "");
    while (said < 20000 || full == 0) {
        unsigned rooms = client->rooms;
        int r = host_say(client, "{\"type\":\"ping\",\"id\":\"x\"}");

        if (r == 0) {
            said++;
            continue;
        }
        CHECK_EQ(r, MCP_AUTH_E_FULL);
        CHECK_EQ(host_say(client, "{}"), MCP_AUTH_E_FULL); /* until it is told */
        full++;
        HOST_UNTIL(host_loop, client->rooms > rooms);
    }
    HOST_UNTIL(host_loop, client->texts == 1 + said);
    CHECK_EQ(client->rooms, full);
    CHECK(!client->closed);
    host_end();
}

TEST(nothing_is_told_of_a_connection_that_was_disconnected)
{
    struct host_client *gone, *here;

    host_begin(NULL);
    gone = host_client(host_loop, "alice", "");
    here = host_client(host_loop, "alice", "");
    CHECK_EQ(host_publish_to("alice", "late"), 0);
    usleep(50000); /* it is in the queue */
    host_disconnect(gone);
    HOST_UNTIL(host_loop, here->texts == 2);
    host_idle(host_loop, 20);
    CHECK_EQ(gone->texts, 1);
    CHECK_EQ(front_count(host_front), 1);
    host_end();
}
