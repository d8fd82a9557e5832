/* SPDX-License-Identifier: Apache-2.0 */
/* front.c: a front in its host: whatever fails once, who is told that it is in has no hole. */
#include "front/front.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/token_mint.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "mcp_auth/server.h"
#include "oom.h"

#define WAIT_MS 5000

struct client {
    struct front_conn *conn;
    bool in, over, had;
};

static char authorization[600];
static unsigned answers, served; /* served: clients that had the event, in all runs */
static int answer_error;

static void on_line(void *owner, enum mcp_auth_log_level level, const char *line, size_t size)
{
    (void)owner, (void)level, (void)line, (void)size;
}

static void on_problem(void *owner, const char *text)
{
    (void)owner, (void)text;
}

static void take_text(struct client *client, struct front_text *text)
{
    struct bytes bytes = front_text_bytes(text);

    client->in |= memmem(bytes.data, bytes.size, "\"auth_ok\"", 9) != NULL;
    if (memmem(bytes.data, bytes.size, "\"the-event\"", 11)) {
        client->had = true;
        served++;
    }
    front_sent(client->conn, 1, bytes.size);
}

static void take(struct front_loop *loop)
{
    struct front_item items[4];
    size_t count;

    (void)front_loop_wait(loop, 20);
    do {
        count = front_take(loop, items, ARRAY_COUNT(items));
        for (size_t i = 0; i < count; i++) {
            struct client *client = items[i].host;

            answers += items[i].kind == FRONT_ANSWER;
            if (items[i].kind == FRONT_ANSWER)
                answer_error = items[i].error;
            if (items[i].kind == FRONT_CLOSE || items[i].kind == FRONT_REFUSED)
                client->over = true;
            if (items[i].kind == FRONT_TEXT)
                take_text(client, items[i].text);
            front_text_unref(items[i].text);
        }
    } while (count == ARRAY_COUNT(items));
}

#define TAKE_UNTIL(loop, condition)                                               \
    do {                                                                          \
        int64_t end_ms_ = clock_now().mono_ms + WAIT_MS;                          \
        while (!(condition)) {                                                    \
            if (clock_now().mono_ms > end_ms_)                                    \
                oom_fail("%s:%d: %s never came", __FILE__, __LINE__, #condition); \
            take(loop);                                                           \
        }                                                                         \
    } while (0)

static void come(struct front_loop *loop, struct client *client)
{
    const struct front_opening opening = {.kind = SESSION_CONTROL,
                                          .authorization = bytes_of(authorization),
                                          .address = BYTES("2001:db8::7")};

    *client = (struct client){0};
    if (front_connect(&client->conn, loop, &opening, client) < 0)
        client->conn = NULL;
    if (client->conn && front_receive(client->conn, BYTES("{\"type\":\"auth\"}")) == 0) {
        TAKE_UNTIL(loop, client->in || client->over);
        return;
    }
    if (client->conn)
        front_disconnect(client->conn);
    client->conn = NULL;
    client->over = true;
}

static void serve(struct front *front, struct front_loop *loop)
{
    const mcp_auth_event event = {.size = sizeof event,
                                  .id = "the-event",
                                  .event_type = "role_assigned",
                                  .target_user_id = "alice"};
    const struct front_asker asker = {.loop = loop};
    struct client clients[2];

    answers = 0;
    come(loop, &clients[0]);
    come(loop, &clients[1]);
    if (front_publish(front, &event, &asker) == 0) {
        TAKE_UNTIL(loop, answers == 1);
        for (unsigned i = 0; i < 2 && answer_error == 0; i++)
            TAKE_UNTIL(loop, clients[i].had || clients[i].over);
    }
    for (unsigned i = 0; i < 2; i++)
        if (clients[i].conn)
            front_disconnect(clients[i].conn);
}

static int make(struct front **ret)
{
    mcp_auth_options *options;
    int r = mcp_auth_options_new(&options);

    if (r < 0)
        return r;
    r = mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET", OOM_SECRET);
    if (r == 0)
        r = front_new(ret, options, on_problem, NULL);
    mcp_auth_options_free(options);
    return r;
}

static void live(void)
{
    struct front *front;
    struct front_loop *loop;

    if (make(&front) < 0)
        return;
    if (front_start(front) == 0 && front_loop_new(&loop, front) == 0) {
        serve(front, loop);
        front_loop_free(loop);
    }
    front_free(front);
}

static void mint(void)
{
    struct strbuf out;
    char payload[128];

    snprintf(payload, sizeof payload, "{\"sub\":\"alice\",\"exp\":%lld}",
             (long long)(clock_now().wall_ms / 1000 + 3600));
    strbuf_init(&out, 500);
    OOM_CHECK(token_mint(&out, BYTES(OOM_SECRET), bytes_of(payload)) == 0);
    snprintf(authorization, sizeof authorization, "Bearer %.*s", (int)out.size, out.data);
    strbuf_done(&out);
}

void front_scenarios(void)
{
    mint();
    mcp_auth_log_to(on_line, NULL);
    live();
    OOM_CHECK(served == 2);
    oom_repeat("front", INJECT_ALLOC, 0, live);
    oom_repeat("front", INJECT_EVENTFD, EMFILE, live);
    oom_repeat("front", INJECT_PTHREAD_CREATE, EAGAIN, live);
}
