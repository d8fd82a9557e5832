/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_client.c: whatever a server sends, a client stays within its bounds and knows what comes next. */
#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/client_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_event(void *owner, mcp_auth_client *client, const mcp_auth_client_event *event)
{
    (void)owner;
    assert(client->state == MCP_AUTH_CLIENT_LIVE);
    assert(event->json[event->json_size] == '\0');
    assert(strlen(client->position) <= CLIENT_POSITION_SIZE_MAX);
}

static void on_gap(void *owner, mcp_auth_client *client, int code, const char *position)
{
    (void)owner, (void)position;
    assert(client && (code == 4301 || close_action_of((unsigned)code) == CLOSE_RESYNC));
}

static int on_token(void *owner, mcp_auth_client *client, enum mcp_auth_client_token_why why)
{
    int r = mcp_auth_client_set_token(client, "another");

    (void)owner, (void)why;
    assert(r == 0);
    return r;
}

static void not_ready(struct watch *watch, uint32_t events)
{
    (void)watch, (void)events;
}

/* As if it had connected and asked: the first byte says whether its handshake is behind it. */
static void connect_to(mcp_auth_client *client, int fd, bool open)
{
    int r;

    client->now = clock_now();
    client->state = MCP_AUTH_CLIENT_CONNECTING;
    client->running = true;
    stream_plain_init(&client->stream, fd);
    client->watch = (struct watch){.fd = fd};
    r = loop_watch(&client->loop, &client->watch, not_ready, EPOLLIN);
    assert(r == 0);
    /* The key of RFC 6455's example, so that an answer in the corpus can be the right one. */
    memcpy(client->upgrade.key, "dGhlIHNhbXBsZSBub25jZQ==", UPGRADE_KEY_SIZE);
    client->link = open ? LINK_OPEN : LINK_UPGRADING;
    if (open) {
        ws_reader_init(&client->reader, WS_CLIENT, CLIENT_MESSAGE_SIZE_MAX);
        client_opened(client);
    }
}

static void check_after(const mcp_auth_client *client)
{
    switch (client->state) {
    case MCP_AUTH_CLIENT_CONNECTING:
    case MCP_AUTH_CLIENT_LIVE:
        assert(client->link >= LINK_UPGRADING);
        break;
    case MCP_AUTH_CLIENT_WAITING:
    case MCP_AUTH_CLIENT_NEEDS_TOKEN: /* on_token gave one, so it goes on */
        assert(client->link == LINK_NONE && client_next_ms(client) != CLIENT_NEVER);
        break;
    case MCP_AUTH_CLIENT_STOPPED:
        assert(client->link == LINK_NONE && client->error < 0);
        break;
    }
    assert(client->out.size <= CLIENT_OUT_SIZE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const mcp_auth_client_options options = {
        .size = sizeof options,
        .url = "unix:/nobody",
        .token = "one",
        .position = size > 0 && data[0] & 2 ? "p" : NULL,
        .on_event = on_event,
        .on_gap = on_gap,
        .on_token = on_token,
        .dedupe_ids = 4,
    };
    mcp_auth_client *client = NULL;
    int fds[2], r;

    if (size < 1 || size > CLIENT_READ_SIZE)
        return 0;
    r = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
    assert(r == 0);
    r = mcp_auth_client_open(&client, &options);
    assert(r == 0);
    connect_to(client, fds[0], data[0] & 1);
    memcpy(client->in, data + 1, size - 1);
    client->in_size = size - 1;
    link_read(client);
    check_after(client);
    client->running = false;
    mcp_auth_client_close(client);
    close(fds[1]);
    return 0;
}
