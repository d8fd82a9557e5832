/* SPDX-License-Identifier: Apache-2.0 */
/* test_limits.c: the limits of a front change at once, within what the settings allow. */
#include <unistd.h>

#include "host.h"

TEST(a_fronts_limits_are_in_force_at_once)
{
    struct front_limits limits;
    struct host_client *first, *second;

    host_begin("WEBSOCKET_MAX_CONNECTIONS", "10", NULL);
    front_limits(host_front, &limits);
    CHECK_EQ(limits.max_connections, 10);
    limits.max_connections = 1;
    limits.rate_messages = 2;
    CHECK_EQ(front_set_limits(host_front, &limits, NULL, 0), 0);
    first = host_client(host_loop, "alice", "");
    second = host_connect(host_loop, SESSION_CONTROL, NULL, NULL);
    HOST_UNTIL(host_loop, second->opened);
    CHECK_EQ(host_say(second, "{\"type\":\"auth\",\"token\":\"%s\"}", host_token("bob", "")), 0);
    HOST_UNTIL(host_loop, second->closed);
    CHECK_EQ(second->code, 4204);
    CHECK_EQ(host_say(first, "{\"type\":\"ping\"}"), 0);
    CHECK_EQ(host_say(first, "{\"type\":\"ping\"}"), 0);
    HOST_UNTIL(host_loop, first->closed);
    CHECK_EQ(first->code, 4203);
    host_end();
}

/* A message that comes after the call passes the news that wait for us. */
TEST(limits_do_not_wait_behind_news)
{
    char text[3001] = "";
    struct front_limits limits;
    struct host_client *client;

    host_begin(NULL);
    client = host_client(host_loop, "alice", "");
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(host_publish_to("alice", text), 0);
    usleep(50000); /* it waits for us, who take nothing */
    front_limits(host_front, &limits);
    limits.rate_messages = 3;
    CHECK_EQ(front_set_limits(host_front, &limits, NULL, 0), 0);
    for (int i = 0; i < 3; i++)
        CHECK_EQ(host_say(client, "{\"type\":\"ping\"}"), 0);
    HOST_UNTIL(host_loop, client->closed);
    CHECK_EQ(client->code, 4203);
    host_end();
}

TEST(a_limit_out_of_its_range_changes_nothing_and_says_the_range)
{
    struct front_limits limits, after;
    char why[200];

    host_begin(NULL);
    front_limits(host_front, &limits);
    limits.heartbeat_ms = 10;
    CHECK_EQ(front_set_limits(host_front, &limits, why, sizeof why), MCP_AUTH_E_INVALID);
    CHECK(strstr(why, "WEBSOCKET_HEARTBEAT_INTERVAL must be ") == why);
    CHECK(strstr(why, "seconds"));
    front_limits(host_front, &after);
    CHECK_EQ(after.heartbeat_ms, 30000);
    host_end();
}
