/* SPDX-License-Identifier: Apache-2.0 */
/* test_front.c: a front's life: refused options, draining, an end in any state, and forks. */
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "host.h"

static unsigned problems;

static void problem(void *owner, const char *text)
{
    (void)owner;
    problems += text[0] != '\0';
}

TEST(a_front_without_keys_is_refused_with_words)
{
    struct front *front;
    mcp_auth_options *options;

    problems = 0;
    CHECK_EQ(mcp_auth_options_new(&options), 0);
    CHECK_EQ(front_new(&front, options, problem, NULL), MCP_AUTH_E_INVALID);
    CHECK(problems > 0);
    mcp_auth_options_free(options);
}

TEST(a_front_may_be_freed_without_a_start)
{
    struct front *front;
    struct front_loop *loop;
    struct front_conn *conn;
    const struct front_opening opening = {.kind = SESSION_PLAIN};
    mcp_auth_options *options;

    CHECK_EQ(mcp_auth_options_new(&options), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET", HOST_SECRET), 0);
    CHECK_EQ(front_new(&front, options, problem, NULL), 0);
    mcp_auth_options_free(options);
    CHECK_EQ(front_loop_new(&loop, front), 0);
    CHECK_EQ(front_connect(&conn, loop, &opening, NULL), MCP_AUTH_E_STOPPING);
    CHECK_EQ(front_publish_json(front, BYTES("{}"), NULL), MCP_AUTH_E_STOPPING);
    front_loop_free(loop);
    front_free(front);
}

TEST(draining_closes_all_4200_and_lets_nobody_in)
{
    struct host_client *a, *waiting, *late;

    host_begin(NULL);
    a = host_client(host_loop, "alice", "");
    waiting = host_connect(host_loop, SESSION_PLAIN, NULL, NULL);
    HOST_UNTIL(host_loop, waiting->opened);
    front_drain(host_front);
    HOST_UNTIL(host_loop, a->closed && waiting->closed);
    CHECK_EQ(a->code, 4200);
    CHECK(strstr(a->last, "\"closing\""));
    CHECK_EQ(waiting->code, 4200);
    late = host_connect(host_loop, SESSION_PLAIN, NULL, NULL);
    HOST_UNTIL(host_loop, late->refused);
    CHECK_EQ(late->code, 503);
    CHECK(strcmp(late->reason, "shutting_down") == 0);
    host_end();
}

/* The one that never takes what it is given is told so in any case. */
TEST(a_stop_tells_everybody_and_all_may_be_freed_afterwards_in_any_order)
{
    struct host_client *a, *stalled;

    host_begin(NULL);
    a = host_client(host_loop, "alice", "");
    stalled = host_client(host_loop, "bob", "");
    stalled->stalls = true;
    for (unsigned i = 0; i < 80; i++)
        CHECK_EQ(host_publish_to("bob", "waits"), 0);
    HOST_UNTIL(host_loop, stalled->texts == 1 + FRONT_CREDIT_MESSAGES);
    front_stop(host_front, 50);
    HOST_UNTIL(host_loop, a->closed && stalled->closed);
    CHECK_EQ(stalled->code, 4200);
    CHECK_EQ(host_say(a, "{}"), MCP_AUTH_E_STOPPING);
    CHECK_EQ(host_publish_to("bob", "no"), MCP_AUTH_E_STOPPING);
    host_disconnect(a);
    front_loop_free(host_loop);
    host_loop = NULL;
    host_end(); /* disconnects the other one */
}

TEST(what_was_published_before_a_stop_is_answered)
{
    struct front_asker asker;

    host_begin(NULL);
    asker = host_asker(host_loop);
    for (unsigned i = 0; i < 200; i++)
        CHECK_EQ(front_publish_json(host_front, BYTES("{\"event_type\":\"user_updated\"}"), &asker),
                 0);
    front_stop(host_front, 0);
    host_take(host_loop);
    CHECK_EQ(host_answered.count, 200);
    CHECK_EQ(host_answered.error, 0);
    host_end();
}

/* 0 when a client is served by a front that a child of this process made anew. */
static int serve_in_child(void)
{
    struct host_client *client;

    host_begin(NULL);
    client = host_client(host_loop, "alice", "");
    if (host_publish_to("alice", "child") < 0)
        return 1;
    HOST_UNTIL(host_loop, client->texts == 2);
    host_end();
    return 0;
}

TEST(a_forked_child_makes_its_own_front_and_repeats_no_ids)
{
    char parent[UUID_SIZE], child[UUID_SIZE];
    struct host_client *client;
    int status, pipes[2];
    pid_t pid;

    host_begin(NULL);
    client = host_client(host_loop, "alice", "");
    uuid7(&random_pooled, 0, parent);
    CHECK_EQ(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) {
        uuid7(&random_pooled, 0, child);
        if (write(pipes[1], child, sizeof child) != sizeof child)
            _exit(2);
        _exit(serve_in_child());
    }
    uuid7(&random_pooled, 0, parent);
    CHECK_EQ(read(pipes[0], child, sizeof child), sizeof child);
    close(pipes[0]);
    close(pipes[1]);
    CHECK(memcmp(parent, child, sizeof child) != 0);
    CHECK_EQ(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(host_publish_to("alice", "parent"), 0); /* its own goes on */
    HOST_UNTIL(host_loop, client->texts == 2);
    host_end();
}
