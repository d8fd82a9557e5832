/* SPDX-License-Identifier: Apache-2.0 */
/* host.c: a small host program with one event loop, for the tests of this room. */
#include "host.h"

#include <stdio.h>

#include "auth/token_mint.h"
#include "base/clock.h"
#include "base/strbuf.h"

struct front *host_front;
struct front_loop *host_loop;
struct host_client host_clients[HOST_CLIENTS_MAX];
struct host_answer host_answered;
static unsigned clients_count;

static void problem(void *owner, const char *text)
{
    (void)owner;
    print_message("%s\n", text);
}

void host_begin(const char *name, ...)
{
    mcp_auth_options *options;
    va_list list;

    memset(host_clients, 0, sizeof host_clients);
    memset(&host_answered, 0, sizeof host_answered);
    clients_count = 0;
    CHECK_EQ(mcp_auth_options_new(&options), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "error"), 0);
    CHECK_EQ(mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET", HOST_SECRET), 0);
    va_start(list, name);
    for (; name; name = va_arg(list, const char *))
        CHECK_EQ(mcp_auth_options_set(options, name, va_arg(list, const char *)), 0);
    va_end(list);
    CHECK_EQ(front_new(&host_front, options, problem, NULL), 0);
    mcp_auth_options_free(options);
    CHECK_EQ(front_start(host_front), 0);
    CHECK_EQ(front_loop_new(&host_loop, host_front), 0);
}

void host_end(void)
{
    for (unsigned i = 0; i < clients_count; i++)
        host_disconnect(&host_clients[i]);
    if (host_loop)
        front_loop_free(host_loop);
    front_free(host_front);
    host_loop = NULL;
    host_front = NULL;
}

static struct bytes optional(const char *text)
{
    return text ? bytes_of(text) : (struct bytes){0};
}

struct host_client *host_connect(struct front_loop *loop, enum session_kind kind,
                                 const char *authorization, const char *origin)
{
    struct host_client *client = &host_clients[clients_count++];
    const struct front_opening opening = {
        .kind = kind,
        .authorization = optional(authorization),
        .origin = optional(origin),
        .address = BYTES("192.0.2.7"),
        .port = 4711,
    };

    CHECK(clients_count <= HOST_CLIENTS_MAX);
    client->loop = loop;
    CHECK_EQ(front_connect(&client->conn, loop, &opening, client), 0);
    return client;
}

const char *host_token(const char *user, const char *roles)
{
    static char token[2048];
    char payload[1024];
    struct strbuf out;

    snprintf(payload, sizeof payload, "{\"sub\":\"%s\",\"roles\":[%s],\"iat\":%lld,\"exp\":%lld}",
             user, roles, (long long)(clock_now().wall_ms / 1000),
             (long long)(clock_now().wall_ms / 1000 + 600));
    strbuf_init(&out, sizeof token - 1);
    CHECK_EQ(token_mint(&out, BYTES(HOST_SECRET), bytes_of(payload)), 0);
    CHECK_EQ(strbuf_terminate(&out), 0);
    memcpy(token, out.data, out.size + 1);
    strbuf_done(&out);
    return token;
}

struct host_client *host_client(struct front_loop *loop, const char *user, const char *roles)
{
    struct host_client *client = host_connect(loop, SESSION_CONTROL, NULL, NULL);

    HOST_UNTIL(loop, client->opened);
    CHECK_EQ(host_say(client, "{\"type\":\"auth\",\"token\":\"%s\"}", host_token(user, roles)), 0);
    HOST_UNTIL(loop, strstr(client->all, "\"auth_ok\""));
    return client;
}

void host_disconnect(struct host_client *client)
{
    if (client->conn)
        front_disconnect(client->conn);
    client->conn = NULL;
}

int host_say(struct host_client *client, const char *format, ...)
{
    char text[4096];
    va_list list;
    int size;

    va_start(list, format);
    size = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return front_receive(client->conn, (struct bytes){text, (size_t)size});
}

static void take_text(struct host_client *client, const struct front_item *item)
{
    struct bytes text = front_text_bytes(item->text);
    size_t used = strlen(client->all);

    client->texts++;
    client->last_text = item->text;
    snprintf(client->last, sizeof client->last, "%.*s", (int)text.size, text.data);
    snprintf(client->all + used, sizeof client->all - used, "%s\n", client->last);
    if (!client->stalls)
        front_sent(client->conn, 1, text.size);
    front_text_unref(item->text);
}

static void take(const struct front_item *item)
{
    struct host_client *client = item->host;

    if (item->kind == FRONT_ANSWER) {
        struct bytes text = item->text ? front_text_bytes(item->text) : BYTES("");

        host_answered.count++;
        host_answered.error = item->error;
        snprintf(host_answered.text, sizeof host_answered.text, "%.*s", (int)text.size, text.data);
        front_text_unref(item->text);
        return;
    }
    CHECK(item->conn == client->conn);
    if (item->kind == FRONT_TEXT) {
        CHECK(client->opened && !client->closed);
        take_text(client, item);
        return;
    }
    client->opened |= item->kind == FRONT_OPEN;
    client->refused |= item->kind == FRONT_REFUSED;
    client->rooms += item->kind == FRONT_ROOM;
    if (item->kind != FRONT_CLOSE && item->kind != FRONT_REFUSED)
        return;
    client->closed |= item->kind == FRONT_CLOSE;
    client->code = item->code;
    snprintf(client->reason, sizeof client->reason, "%.*s", (int)item->reason.size,
             item->reason.data);
}

void host_take(struct front_loop *loop)
{
    struct front_item items[3]; /* few, so that batches are taken in pieces */
    size_t count;

    do {
        count = front_take(loop, items, ARRAY_COUNT(items));
        for (size_t i = 0; i < count; i++)
            take(&items[i]);
    } while (count == ARRAY_COUNT(items));
}

void host_idle(struct front_loop *loop, int ms)
{
    int64_t until_ms = clock_now().mono_ms + ms;

    while (clock_now().mono_ms < until_ms) {
        (void)front_loop_wait(loop, 5);
        host_take(loop);
    }
}

struct front_asker host_asker(struct front_loop *loop)
{
    static char why[256];

    why[0] = '\0';
    return (struct front_asker){.loop = loop,
                                .host = &host_answered,
                                .problem = why,
                                .problem_size = sizeof why};
}

int host_publish_to(const char *user, const char *message)
{
    const mcp_auth_event event = {
        .size = sizeof event,
        .event_type = "role_assigned",
        .target_user_id = user,
        .role_name = "editor",
        .message = message,
    };

    return front_publish(host_front, &event, NULL);
}
