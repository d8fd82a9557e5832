/* SPDX-License-Identifier: Apache-2.0 */
/* test_opening.c: who may come in is told before the handshake is answered, and why not. */
#include <stdio.h>

#include "host.h"

TEST(a_front_plain_client_with_a_token_in_its_handshake_is_in_at_once)
{
    char authorization[2100];
    struct host_client *client;

    host_begin(NULL);
    snprintf(authorization, sizeof authorization, "Bearer %s", host_token("alice", ""));
    client = host_connect(host_loop, SESSION_PLAIN, authorization, NULL);
    HOST_UNTIL(host_loop, client->opened);
    CHECK_EQ(client->texts, 0); /* plain: no auth_ok */
    CHECK_EQ(host_publish_to("alice", "hello"), 0);
    HOST_UNTIL(host_loop, client->texts == 1);
    CHECK(strstr(client->last, "\"hello\"") && client->last[0] == '{');
    CHECK(client->last[strlen(client->last) - 1] == '}');
    host_end();
}

TEST(a_front_refuses_a_handshake_whose_token_is_not_good)
{
    static const char *const bad[] = {"Bearer abc", "Basic abc", "", "Bearer "};

    host_begin(NULL);
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++) {
        struct host_client *client = host_connect(host_loop, SESSION_PLAIN, bad[i], NULL);

        HOST_UNTIL(host_loop, client->refused);
        CHECK_EQ(client->code, 401);
        CHECK(strcmp(client->reason, "unauthorized") == 0);
        CHECK(!client->opened);
        host_disconnect(client);
    }
    host_end();
}

TEST(a_front_tells_a_page_of_another_origin_so_after_the_handshake)
{
    struct host_client *session, *plain, *good, *nothing;

    host_begin("MCP_AUTH_ALLOWED_ORIGINS", "https://app.example", NULL);
    session = host_connect(host_loop, SESSION_CONTROL, NULL, "https://evil.example");
    plain = host_connect(host_loop, SESSION_PLAIN, NULL, "https://evil.example");
    good = host_connect(host_loop, SESSION_PLAIN, NULL, "https://app.example:443");
    nothing = host_connect(host_loop, SESSION_PLAIN, NULL, NULL);
    HOST_UNTIL(host_loop, session->closed && plain->closed && good->opened && nothing->opened);
    CHECK_EQ(session->code, 4003);
    CHECK(strstr(session->last, "\"closing\""));
    CHECK_EQ(plain->code, 4003);
    CHECK_EQ(plain->texts, 0);
    CHECK(!good->closed && !nothing->closed);
    host_end();
}

TEST(a_front_closes_who_does_not_sign_in_in_time)
{
    struct host_client *client;

    host_begin("MCP_AUTH_AUTH_TIMEOUT", "0.2", NULL);
    client = host_connect(host_loop, SESSION_PLAIN, NULL, NULL);
    HOST_UNTIL(host_loop, client->closed);
    CHECK(client->opened);
    CHECK_EQ(client->code, 4205);
    host_end();
}
