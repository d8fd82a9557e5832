/* SPDX-License-Identifier: Apache-2.0 */
/* test_front.c: loops of a host come and go, connect, take and publish while the core delivers. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/token_mint.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "front/front.h"

#define LOOPS 3
#define LIVES 6    /* loops that each thread has, one after the other */
#define CLIENTS 20 /* of a loop */
#define ROUNDS 120 /* of a loop's life */
#define SECRET "0123456789abcdef0123456789abcdef0123456789abcdef"

static struct front *front;
static char token[1024];
static atomic_uint taken, opened, made, released, answered, asked;
static atomic_bool done;

struct client {
    struct front_conn *conn;
    unsigned unsent;
    size_t unsent_bytes;
    bool closed;
};

static void release(void *host)
{
    free(host);
    atomic_fetch_add(&released, 1);
}

static void take_text(struct client *client, struct front_text *text)
{
    struct bytes bytes = front_text_bytes(text);

    if (!front_text_host(text)) {
        char *host = malloc(bytes.size + 1);

        if (!host)
            abort();
        memcpy(host, bytes.data, bytes.size);
        if (front_text_set_host(text, host, release))
            atomic_fetch_add(&made, 1);
        else
            free(host);
    }
    if (((const char *)front_text_host(text))[0] != '{')
        abort();
    client->unsent++;
    client->unsent_bytes += bytes.size;
    atomic_fetch_add(&taken, 1);
    front_text_unref(text);
}

static void take_item(const struct front_item *item)
{
    struct client *client = item->host;

    switch (item->kind) {
    case FRONT_TEXT:
        take_text(client, item->text);
        break;
    case FRONT_OPEN:
        atomic_fetch_add(&opened, 1);
        break;
    case FRONT_REFUSED:
    case FRONT_CLOSE:
        client->closed = true;
        break;
    case FRONT_ANSWER:
        atomic_fetch_add(&answered, 1);
        front_text_unref(item->text);
        break;
    case FRONT_ROOM:
        break;
    }
}

static void take(struct front_loop *loop, struct client *clients)
{
    struct front_item items[50];
    size_t count;

    (void)front_loop_wait(loop, 2);
    do {
        count = front_take(loop, items, ARRAY_COUNT(items));
        for (size_t i = 0; i < count; i++)
            take_item(&items[i]);
    } while (count == ARRAY_COUNT(items));
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (clients[i].conn && clients[i].unsent > 0)
            front_sent(clients[i].conn, clients[i].unsent, clients[i].unsent_bytes);
        clients[i].unsent = 0;
        clients[i].unsent_bytes = 0;
    }
}

static void connect_one(struct front_loop *loop, struct client *client)
{
    char authorization[1100];
    struct front_opening opening = {.kind = SESSION_PLAIN, .address = BYTES("192.0.2.1")};

    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    opening.authorization = bytes_of(authorization);
    *client = (struct client){0};
    if (front_connect(&client->conn, loop, &opening, client) < 0)
        client->conn = NULL;
}

static void disconnect_one(struct client *client)
{
    if (client->conn)
        front_disconnect(client->conn);
    client->conn = NULL;
}

static void act(struct front_loop *loop, struct client *client, unsigned seed)
{
    const mcp_auth_event event = {.size = sizeof event,
                                  .event_type = "role_assigned",
                                  .target_user_id = "alice"};
    const struct front_asker asker = {.loop = seed % 3 == 0 ? loop : NULL};

    if (!client->conn)
        connect_one(loop, client);
    else if (client->closed || seed % 7 == 0)
        disconnect_one(client);
    else if (seed % 5 == 0)
        (void)!front_receive(client->conn, BYTES("{\"type\":\"ping\"}"));
    if (front_publish(front, &event, &asker) == 0 && asker.loop)
        atomic_fetch_add(&asked, 1);
}

static void live(unsigned seed)
{
    struct client clients[CLIENTS] = {0};
    struct front_loop *loop;

    if (front_loop_new(&loop, front) < 0)
        abort();
    for (unsigned i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245u + 12345u;
        act(loop, &clients[(seed >> 8) % CLIENTS], seed >> 16);
        take(loop, clients);
    }
    if (seed & 1) { /* the loop first, with who is still here */
        front_loop_free(loop);
        loop = NULL;
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        disconnect_one(&clients[i]);
    if (loop)
        front_loop_free(loop);
}

static void *host_thread(void *argument)
{
    for (unsigned i = 0; i < LIVES; i++)
        live((unsigned)(uintptr_t)argument * 100 + i);
    return NULL;
}

static void *looker(void *argument)
{
    struct node_stats stats;
    struct front_limits limits;

    (void)argument;
    while (!atomic_load(&done)) {
        front_stats(front, &stats);
        front_limits(front, &limits);
        limits.heartbeat_ms = limits.heartbeat_ms == 1000 ? 2000 : 1000;
        (void)!front_set_limits(front, &limits, NULL, 0);
        usleep(500);
    }
    return NULL;
}

static void problem(void *owner, const char *text)
{
    (void)owner;
    fprintf(stderr, "%s\n", text);
}

static int mint(void)
{
    struct strbuf out;
    char payload[200];
    int r;

    snprintf(payload, sizeof payload, "{\"sub\":\"alice\",\"exp\":%lld}",
             (long long)(clock_now().wall_ms / 1000 + 600));
    strbuf_init(&out, sizeof token - 1);
    r = token_mint(&out, BYTES(SECRET), bytes_of(payload));
    if (r == 0)
        memcpy(token, out.data, out.size);
    strbuf_done(&out);
    return r;
}

static int start(void)
{
    mcp_auth_options *options;
    int r = mcp_auth_options_new(&options);

    if (r < 0)
        return r;
    r = mcp_auth_options_set(options, "MCP_AUTH_JWT_SECRET", SECRET);
    if (r == 0)
        r = mcp_auth_options_set(options, "MCP_AUTH_LOG_LEVEL", "error");
    if (r == 0)
        r = front_new(&front, options, problem, NULL);
    mcp_auth_options_free(options);
    return r < 0 ? r : front_start(front);
}

int main(void)
{
    pthread_t threads[LOOPS], look;

    if (mint() < 0 || start() < 0)
        return 1;
    pthread_create(&look, NULL, looker, NULL);
    for (uintptr_t i = 0; i < LOOPS; i++)
        pthread_create(&threads[i], NULL, host_thread, (void *)i);
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&done, true);
    pthread_join(look, NULL);
    front_stop(front, 2000);
    front_free(front);
    printf("opened %u, taken %u, objects %u, released %u, asked %u, answered %u\n", opened, taken,
           made, released, asked, answered);
    /* Each object is let go of; who asked and went is not answered. */
    return opened == 0 || taken == 0 || made == 0 || made != released || answered == 0 ||
           answered > asked;
}
