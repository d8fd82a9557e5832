/* SPDX-License-Identifier: Apache-2.0 */
/* test_ask.c: publishing, withdrawing and listing by a host are answered by its loop. */
#include <unistd.h>

#include "host.h"

TEST(a_front_answers_a_publication_with_ids_and_positions)
{
    struct front_asker asker;

    host_begin(NULL);
    asker = host_asker(host_loop);
    CHECK_EQ(front_publish_json(host_front,
                                BYTES("[{\"event_type\":\"user_updated\",\"id\":\"one\"},"
                                      "{\"event_type\":\"user_updated\"}]"),
                                &asker),
             0);
    HOST_UNTIL(host_loop, host_answered.count == 1);
    CHECK_EQ(host_answered.error, 0);
    CHECK(strstr(host_answered.text, "{\"events\":[{\"id\":\"one\",\"position\":\""));
    CHECK(strstr(host_answered.text, "\"duplicate\":false}],\"degraded\":false}"));
    CHECK_EQ(front_publish_json(host_front,
                                BYTES("{\"event_type\":\"user_created\",\"id\":\"one\"}"), &asker),
             0);
    HOST_UNTIL(host_loop, host_answered.count == 2);
    CHECK_EQ(host_answered.error, MCP_AUTH_E_CONFLICT);
    CHECK(strcmp(host_answered.text, "{\"failed_index\":0}") == 0);
    host_end();
}

TEST(a_front_refuses_what_is_no_event_at_once_and_says_why)
{
    struct front_asker asker;

    host_begin(NULL);
    asker = host_asker(host_loop);
    CHECK_EQ(front_publish_json(host_front, BYTES("{\"event_type\":\"user_updatd\"}"), &asker),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(asker.problem, "event_type"));
    CHECK_EQ(front_revoke(host_front, BYTES("{}"), &asker), MCP_AUTH_E_INVALID);
    CHECK(asker.problem[0] != '\0');
    CHECK_EQ(front_connections(host_front, (struct bytes){0}, (struct bytes){0}, 0, 0, &asker),
             MCP_AUTH_E_INVALID);
    host_idle(host_loop, 20);
    CHECK_EQ(host_answered.count, 0);
    host_end();
}

TEST(a_front_revokes_a_users_tokens)
{
    struct front_asker asker;
    struct host_client *client, *again;

    host_begin(NULL);
    asker = host_asker(host_loop);
    client = host_client(host_loop, "alice", "");
    CHECK_EQ(front_revoke(host_front, BYTES("{\"user_id\":\"alice\"}"), &asker), 0);
    HOST_UNTIL(host_loop, client->closed && host_answered.count == 1);
    CHECK_EQ(client->code, 4102);
    CHECK(strstr(host_answered.text, "\"disconnected\":1"));
    again = host_connect(host_loop, SESSION_CONTROL, NULL, NULL);
    HOST_UNTIL(host_loop, again->opened);
    CHECK_EQ(host_say(again, "{\"type\":\"auth\",\"token\":\"%s\"}", host_token("alice", "")), 0);
    HOST_UNTIL(host_loop, again->closed);
    CHECK_EQ(again->code, 4102);
    host_end();
}

TEST(a_front_lists_its_connections_a_page_at_a_time)
{
    struct front_asker asker;

    host_begin(NULL);
    asker = host_asker(host_loop);
    (void)host_client(host_loop, "alice", "");
    (void)host_client(host_loop, "bob", "");
    CHECK_EQ(front_connections(host_front, (struct bytes){0}, (struct bytes){0}, 1, 0, &asker), 0);
    HOST_UNTIL(host_loop, host_answered.count == 1);
    CHECK(strstr(host_answered.text, "\"alice\"") && !strstr(host_answered.text, "\"bob\""));
    CHECK(strstr(host_answered.text, "192.0.2.7:4711"));
    CHECK(strstr(host_answered.text, "],\"next\":1}"));
    CHECK_EQ(front_connections(host_front, (struct bytes){0}, (struct bytes){0}, 10, 1, &asker), 0);
    HOST_UNTIL(host_loop, host_answered.count == 2);
    CHECK(strstr(host_answered.text, "\"bob\""));
    CHECK(strstr(host_answered.text, "\"next\":null}"));
    host_end();
}

/* As TestClient does: it asks, and its loop is gone before the answer. */
TEST(a_question_of_a_loop_that_goes_is_answered_to_nobody)
{
    struct front_loop *other;
    struct front_asker asker;

    host_begin(NULL);
    for (unsigned i = 0; i < 50; i++) {
        CHECK_EQ(front_loop_new(&other, host_front), 0);
        asker = host_asker(other);
        CHECK_EQ(front_publish_json(host_front, BYTES("{\"event_type\":\"user_updated\"}"), &asker),
                 0);
        front_loop_free(other);
    }
    host_idle(host_loop, 20);
    CHECK_EQ(host_answered.count, 0);
    host_end();
}
