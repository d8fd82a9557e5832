/* SPDX-License-Identifier: Apache-2.0 */
/* link.c: one connection of a client: name, socket, handshake, frames in and out. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "client/client_private.h"
#include "io/socket_connect.h"

static void link_ready(struct watch *watch, uint32_t events);

static void fail_system(struct mcp_auth_client *client, const char *what)
{
    char why[160];

    snprintf(why, sizeof why, "%s: %s", what, strerrordesc_np(errno));
    client_lost(client, 1006, why);
}

/* Tries the addresses one after the other, each with its share of the time that is left. */
static void connect_next(struct mcp_auth_client *client)
{
    int fd, left, r = MCP_AUTH_E_NOT_FOUND;

    client->link = LINK_CONNECTING;
    while (client->addresses_at < client->addresses_count) {
        left = client->addresses_count - client->addresses_at;
        r = socket_connect(&client->addresses[client->addresses_at++], &fd);
        if (r < 0)
            continue;
        client->deadline_ms = client->now.mono_ms + client->connect_timeout_ms / left;
        stream_plain_init(&client->stream, fd);
        client->watch = (struct watch){.fd = fd};
        r = loop_watch(&client->loop, &client->watch, link_ready, EPOLLOUT);
        if (r < 0)
            break;
        return;
    }
    fail_system(client, "cannot connect");
}

static void close_socket(struct mcp_auth_client *client)
{
    if (client->watch.fd >= 0)
        loop_unwatch(&client->loop, &client->watch);
    client->watch.fd = -1;
    if (client->stream.kind)
        stream_close(&client->stream);
}

static void looked_up(struct watch *watch, uint32_t events __attribute__((unused)))
{
    struct mcp_auth_client *client = container_of(watch, struct mcp_auth_client, lookup_watch);
    const char *why = "";
    char words[160];
    int r = lookup_result(client->lookup, client->addresses, &why);

    client->now = clock_now();
    loop_unwatch(&client->loop, watch);
    lookup_free(client->lookup);
    client->lookup = NULL;
    if (r < 0) {
        snprintf(words, sizeof words, "%.80s: %s", client->address.host, why);
        client_lost(client, 1006, words);
        return;
    }
    client->addresses_count = r;
    client->addresses_at = 0;
    connect_next(client);
}

void link_start(struct mcp_auth_client *client)
{
    struct socket_address known[SOCKET_ADDRESSES_MAX];
    int r;

    assert(client->link == LINK_NONE);
    client->addresses_at = 0;
    /* A number, localhost and a Unix socket need no look-up, and then no thread either. */
    r = socket_parse(bytes_of(client->address.connect), known);
    if (r > 0) {
        memcpy(client->addresses, known, (size_t)r * sizeof *known);
        client->addresses_count = r;
        connect_next(client);
        return;
    }
    client->link = LINK_LOOKUP;
    r = client->address.host[0]
            ? lookup_start(&client->lookup, client->address.host, client->address.port)
            : MCP_AUTH_E_INVALID;
    if (r == 0) {
        client->lookup_watch = (struct watch){.fd = lookup_fd(client->lookup)};
        r = loop_watch(&client->loop, &client->lookup_watch, looked_up, EPOLLIN);
    }
    if (r < 0)
        client_lost(client, 1006, "the name cannot be looked up");
}

/* Without waiting for anything: a full socket buffer means that it goes unsaid. */
static void say_goodbye(struct mcp_auth_client *client, unsigned code)
{
    char payload[2] = {(char)(code >> 8), (char)code}, frame[WS_HEADER_MAX + 2];
    uint8_t mask[4];
    size_t size;

    random_kernel.fill(random_kernel.owner, mask, sizeof mask);
    size = ws_frame_write_client_header((uint8_t *)frame, WS_CLOSE, sizeof payload, mask);
    ws_frame_unmask(payload, sizeof payload, mask, 0);
    memcpy(frame + size, payload, sizeof payload);
    strbuf_put(&client->out, frame, size + sizeof payload);
    link_flush(client);
}

void link_close(struct mcp_auth_client *client, unsigned goodbye)
{
    if (client->link == LINK_OPEN && !client->out.error && goodbye <= UINT16_MAX &&
        ws_close_code_valid((uint16_t)goodbye))
        say_goodbye(client, goodbye);
    if (client->lookup)
        loop_unwatch(&client->loop, &client->lookup_watch);
    lookup_free(client->lookup);
    client->lookup = NULL;
    if (client->stream.kind)
        stream_finish(&client->stream);
    close_socket(client);
    client->link = LINK_NONE;
    ws_reader_done(&client->reader);
    client->in_at = client->in_size = 0;
    client->out_at = 0;
    if (client->out.data)
        explicit_bzero(client->out.data, client->out.size); /* a token may be in it */
    strbuf_reset(&client->out);
}

void link_flush(struct mcp_auth_client *client)
{
    while (client->link >= LINK_UPGRADING && client->out_at < client->out.size) {
        ssize_t n = stream_write(&client->stream, client->out.data + client->out_at,
                                 client->out.size - client->out_at);

        if (n == STREAM_WOULD_BLOCK)
            break;
        if (n < 0) {
            /* What the server said before it went may still be there to read: its close code. */
            client->out_at = client->out.size;
            break;
        }
        client->out_at += (size_t)n;
    }
    if (client->link < LINK_UPGRADING)
        return;
    /* Callbacks come from inside mcp_auth_client_run only: else the next one tells it. */
    if (client->out.error) {
        if (client->running)
            client_lost(client, 1006, "the server does not take what is sent to it");
        return;
    }
    if (client->out_at == client->out.size && client->out.size > 0) {
        explicit_bzero(client->out.data, client->out.size);
        strbuf_reset(&client->out);
        client->out_at = 0;
    }
    loop_change(&client->loop, &client->watch,
                client->out_at < client->out.size ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

void link_send(struct mcp_auth_client *client, enum ws_opcode opcode, struct bytes payload)
{
    uint8_t header[WS_HEADER_MAX], mask[4];
    size_t size;
    char *place;

    assert(client->link == LINK_OPEN);
    random_kernel.fill(random_kernel.owner, mask, sizeof mask);
    size = ws_frame_write_client_header(header, opcode, payload.size, mask);
    place = strbuf_reserve(&client->out, size + payload.size);
    if (!place) /* a server that does not read what it asks for: link_flush ends it */
        return;
    memcpy(place, header, size);
    if (payload.size > 0)
        memcpy(place + size, payload.data, payload.size);
    ws_frame_unmask(place + size, payload.size, mask, 0); /* XOR goes both ways */
    strbuf_added(&client->out, size + payload.size);
}

static void take_handshake(struct mcp_auth_client *client)
{
    struct bytes data = {client->in + client->in_at, client->in_size - client->in_at};
    size_t used;

    switch (upgrade_feed(&client->upgrade, data, &used)) {
    case UPGRADE_NEED_MORE:
        client->in_at += used;
        return;
    case UPGRADE_DONE:
        client->in_at += used;
        client->link = LINK_OPEN;
        ws_reader_init(&client->reader, WS_CLIENT, CLIENT_MESSAGE_SIZE_MAX);
        client_opened(client);
        return;
    case UPGRADE_REFUSED:
        client->retry_after_ms = client->upgrade.retry_after_ms;
        client_refused(client, client->upgrade.status);
        return;
    case UPGRADE_NO_SERVER:
        client_stop(client, MCP_AUTH_E_UNSUPPORTED, 0, client->upgrade.why);
        return;
    }
}

/* A code that stands nowhere on the wire becomes 1006, "closed without a word". */
static void take_close(struct mcp_auth_client *client, const struct ws_output *output)
{
    char why[WS_CONTROL_PAYLOAD_MAX + 1];
    unsigned code = output->close_code == 1005 ? 1006 : output->close_code;

    snprintf(why, sizeof why, "%.*s", (int)output->payload.size,
             output->payload.size ? output->payload.data : "");
    client_lost(client, code, why[0] ? why : "closed by the server");
}

static void take_frames(struct mcp_auth_client *client)
{
    struct ws_output output;
    size_t used;

    switch (ws_reader_feed(&client->reader, client->in + client->in_at,
                           client->in_size - client->in_at, &used, &output)) {
    case WS_NEED_MORE:
        client->in_at = client->in_size;
        return;
    case WS_GOT_MESSAGE:
        client->in_at += used;
        if (output.opcode == WS_TEXT)
            client_message(client, output.payload);
        else
            client_lost(client, 1003, "the server sent a binary message");
        return;
    case WS_GOT_PING:
        client->in_at += used;
        if (client->out.size - client->out_at < CLIENT_OUT_SIZE_MAX / 2)
            link_send(client, WS_PONG, output.payload);
        return;
    case WS_GOT_PONG:
        client->in_at += used;
        return;
    case WS_GOT_CLOSE:
        client->in_at += used;
        take_close(client, &output);
        return;
    case WS_GOT_ERROR:
        client_lost(client, output.close_code, output.why);
        return;
    }
}

bool link_holds(const struct mcp_auth_client *client)
{
    return client->in_at < client->in_size;
}

void link_read(struct mcp_auth_client *client)
{
    /* Each step uses bytes up or ends the connection, which empties the buffer. */
    while (link_holds(client) && !atomic_load(&client->interrupted)) {
        if (client->link == LINK_UPGRADING)
            take_handshake(client);
        else
            take_frames(client);
    }
}

static void receive(struct mcp_auth_client *client)
{
    ssize_t n;

    if (link_holds(client))
        return; /* interrupted before: first things first */
    n = stream_read(&client->stream, client->in, CLIENT_READ_SIZE);
    if (n == STREAM_WOULD_BLOCK)
        return;
    if (n < 0) {
        fail_system(client, "the connection broke");
        return;
    }
    if (n == 0) {
        client_lost(client, 1006, "the server closed the connection without a word");
        return;
    }
    client_heard(client);
    client->in_at = 0;
    client->in_size = (size_t)n;
    link_read(client);
}

static void connected(struct mcp_auth_client *client)
{
    int r = socket_connect_result(client->stream.fd);

    if (r < 0) {
        int error = errno;

        close_socket(client);
        errno = error;
        connect_next(client);
        return;
    }
    client->link = LINK_UPGRADING;
    client->deadline_ms = client->now.mono_ms + client->connect_timeout_ms;
    upgrade_request(&client->upgrade, &random_kernel, client->address.authority,
                    client->address.path, &client->out);
    if (client->out.error)
        client_lost(client, 1006, "out of memory");
}

static void link_ready(struct watch *watch, uint32_t events)
{
    struct mcp_auth_client *client = container_of(watch, struct mcp_auth_client, watch);

    client->now = clock_now();
    if (client->link == LINK_CONNECTING)
        connected(client);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        receive(client);
    link_flush(client);
}

void link_timeout(struct mcp_auth_client *client)
{
    if (client->link == LINK_CONNECTING && client->addresses_at < client->addresses_count) {
        close_socket(client);
        connect_next(client);
        return;
    }
    client_lost(client, 1006,
                client->link == LINK_LOOKUP       ? "the name look-up took too long"
                : client->link == LINK_CONNECTING ? "the connection took too long"
                                                  : "the server did not answer in time");
}
