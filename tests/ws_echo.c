/* SPDX-License-Identifier: Apache-2.0 */
/* ws_echo.c: an echo server of our own codec and io, to point WebSocket conformance suites at. */
#include <assert.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "codec/http_request.h"
#include "codec/ws_deflate.h"
#include "codec/ws_handshake.h"
#include "codec/ws_message.h"
#include "io/listener.h"
#include "io/loop.h"
#include "io/socket.h"
#include "io/stream.h"
#include "mcp_auth/error.h"

/* Usage: ws-echo PORT (0: any; the address is printed). It listens on 127.0.0.1 only.
 *
 * WS_ECHO_DEFLATE=1         agrees to permessage-deflate, as the server does by default
 * WS_ECHO_DEFLATE=takeover  and lets clients take over their context */

#define MESSAGE_SIZE_MAX (64u * 1024u * 1024u)
/* One read is answered whole before the next. The worst 64 KiB inflate to 66 MiB. */
#define OUT_SIZE_MAX (2u * MESSAGE_SIZE_MAX + 16u * 1024u * 1024u)
#define OUT_KEPT_MAX (1024u * 1024u)
#define READ_SIZE 65536u
#define LINGER_MS 2000
#define CLIENTS_MAX 4096u
#define DEFLATE_LEVEL 3 /* fast: suites send gigabytes */

struct echo {
    struct loop loop;
    struct listener listener;
    struct list clients, lingering, gone; /* every client is in one; lingering by deadline */
    unsigned count;
    bool deflate;
    struct ws_deflate_config config;
    struct ws_inflater *inflater;
    struct ws_deflater *deflater;
    struct strbuf packed; /* a message deflated */
    char buffer[READ_SIZE];
};

struct client {
    struct echo *echo;
    struct list in_state;
    struct watch watch;
    struct stream stream;
    struct strbuf head; /* of the handshake, while it is in pieces */
    struct strbuf out;
    size_t out_at; /* out_at <= out.size */
    struct ws_reader reader;
    struct ws_deflate_params params;
    struct strbuf window;
    int64_t deadline_ms; /* while lingering */
    bool open, deflates, takes_over, ends, finished;
};

static void client_go(struct client *client)
{
    loop_unwatch(&client->echo->loop, &client->watch);
    list_unlink(&client->in_state);
    list_append(&client->echo->gone, &client->in_state);
}

static bool client_is_gone(const struct client *client)
{
    return !watch_is_on(&client->watch);
}

static void client_free(struct client *client)
{
    loop_unwatch(&client->echo->loop, &client->watch);
    list_unlink(&client->in_state);
    stream_close(&client->stream);
    strbuf_done(&client->head);
    strbuf_done(&client->out);
    strbuf_done(&client->window);
    ws_reader_done(&client->reader);
    client->echo->count--;
    free(client);
}

static void put_frame(struct client *client, enum ws_opcode opcode, bool rsv1, struct bytes payload)
{
    uint8_t header[WS_SERVER_HEADER_MAX];

    strbuf_put(&client->out, header, ws_frame_write_header(header, opcode, rsv1, payload.size));
    strbuf_put_bytes(&client->out, payload);
}

static void put_close(struct client *client, uint16_t code, const char *why)
{
    uint8_t frame[WS_CLOSE_FRAME_MAX];

    strbuf_put(&client->out, frame, ws_close_frame(frame, code, bytes_of(why)));
    client->ends = true;
}

/* True while there may be more to read. */
static bool take_message(struct client *client, struct ws_output *message)
{
    static const struct ws_inflate_limits limits = {.size_max = MESSAGE_SIZE_MAX};
    struct echo *echo = client->echo;
    int r;

    if (client->reader.compressed &&
        ws_inflate_message(echo->inflater, &limits, client->takes_over ? &client->window : NULL,
                           message) != WS_GOT_MESSAGE) {
        put_close(client, message->close_code, message->why);
        return false;
    }
    if (!client->deflates) {
        put_frame(client, message->opcode, false, message->payload);
        return true;
    }
    strbuf_reset(&echo->packed);
    r = ws_deflate_message(echo->deflater, client->params.server_window_bits, message->payload,
                           &echo->packed);
    if (r < 0) {
        put_close(client, 1011, mcp_auth_strerror(r));
        return false;
    }
    put_frame(client, message->opcode, true, strbuf_bytes(&echo->packed));
    if (echo->packed.room > OUT_KEPT_MAX) {
        strbuf_done(&echo->packed);
        strbuf_init(&echo->packed, OUT_SIZE_MAX);
    }
    return true;
}

static void take_frames(struct client *client, char *data, size_t size)
{
    size_t at = 0;

    while (!client->ends) {
        struct ws_output output;
        size_t used = 0;

        switch (ws_reader_feed(&client->reader, data + at, size - at, &used, &output)) {
        case WS_NEED_MORE:
            return;
        case WS_GOT_MESSAGE:
            if (!take_message(client, &output))
                return;
            break;
        case WS_GOT_PING:
            put_frame(client, WS_PONG, false, output.payload);
            break;
        case WS_GOT_PONG:
            break;
        case WS_GOT_CLOSE: /* the code is echoed (RFC 6455 section 5.5.1) */
            put_close(client, output.close_code, NULL);
            break;
        case WS_GOT_ERROR:
            put_close(client, output.close_code, output.why);
            break;
        }
        at += used;
    }
}

static void refuse(struct client *client, int status, const char *why)
{
    strbuf_printf(&client->out,
                  "HTTP/1.1 %d Refused\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\n"
                  "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s",
                  status, strlen(why), why);
    client->ends = true;
}

static void upgrade(struct client *client, const struct http_request *request)
{
    const struct bytes key = http_request_header(request, BYTES("Sec-WebSocket-Key"));
    struct echo *echo = client->echo;
    struct strbuf extensions;
    const char *why = NULL;
    int r = 0;

    switch (ws_handshake_check(request, &why)) {
    case WS_UPGRADE_OK:
        break;
    case WS_UPGRADE_BAD:
        refuse(client, 400, why);
        return;
    default:
        refuse(client, 426, why);
        return;
    }
    if (echo->deflate)
        r = ws_deflate_negotiate(request, &echo->config, &client->params, &why);
    if (r < 0) {
        refuse(client, 400, why);
        return;
    }

    client->open = true;
    client->deflates = r > 0;
    ws_reader_init(&client->reader, WS_SERVER, MESSAGE_SIZE_MAX);
    strbuf_init(&extensions, WS_DEFLATE_ANSWER_MAX);
    if (client->deflates) {
        client->reader.rsv1_allowed = true;
        client->takes_over = !client->params.client_no_context_takeover;
        strbuf_init(&client->window, (size_t)1 << client->params.client_window_bits);
        ws_deflate_answer(&extensions, &client->params);
    }
    ws_handshake_answer(&client->out, key, (struct bytes){0},
                        client->deflates ? strbuf_bytes(&extensions) : (struct bytes){0});
    strbuf_done(&extensions);
}

static void take_head(struct client *client, const char *data, size_t size)
{
    struct http_request request;
    const char *why = NULL;
    size_t seen = 0;
    int head_size;

    strbuf_put(&client->head, data, size);
    head_size = http_request_parse(strbuf_bytes(&client->head), &seen, &request, &why);
    if (head_size < 0) {
        refuse(client, -head_size, why);
    } else if (head_size > 0) {
        upgrade(client, &request);
        if (client->open) /* frames may follow the head in one packet */
            take_frames(client, client->head.data + head_size,
                        client->head.size - (size_t)head_size);
        strbuf_done(&client->head);
    } else if (client->head.error) {
        client_go(client);
    }
}

/* Our last word has left: read until the peer's end, so that no reset overtakes it. */
static void linger(struct client *client)
{
    if (client->finished)
        return;
    client->finished = true;
    stream_finish(&client->stream);
    client->deadline_ms = clock_now().mono_ms + LINGER_MS;
    list_unlink(&client->in_state);
    list_append(&client->echo->lingering, &client->in_state);
}

/* Sends what there is. Until it has left nothing is read: so a peer that does not read is held. */
static void flush(struct client *client)
{
    if (client->out.error) {
        fprintf(stderr, "ws-echo: %s\n", mcp_auth_strerror(client->out.error));
        client_go(client);
        return;
    }
    while (client->out_at < client->out.size) {
        ssize_t size = stream_write(&client->stream, client->out.data + client->out_at,
                                    client->out.size - client->out_at);

        if (size == STREAM_WOULD_BLOCK) {
            loop_change(&client->echo->loop, &client->watch, client->stream.blocked_on);
            return;
        }
        if (size < 0) {
            client_go(client);
            return;
        }
        client->out_at += (size_t)size;
    }
    client->out_at = 0;
    strbuf_reset(&client->out);
    if (client->out.room > OUT_KEPT_MAX) {
        strbuf_done(&client->out);
        strbuf_init(&client->out, OUT_SIZE_MAX);
    }
    loop_change(&client->echo->loop, &client->watch, EPOLLIN);
    if (client->ends)
        linger(client);
}

static void client_read(struct client *client)
{
    struct echo *echo = client->echo;
    ssize_t size = stream_read(&client->stream, echo->buffer, sizeof echo->buffer);

    if (size == STREAM_WOULD_BLOCK)
        return;
    if (size <= 0) {
        client_go(client);
        return;
    }
    if (client->ends)
        return; /* what comes after the end is thrown away */
    if (client->open)
        take_frames(client, echo->buffer, (size_t)size);
    else
        take_head(client, echo->buffer, (size_t)size);
}

static void client_ready(struct watch *watch, uint32_t events)
{
    struct client *client = container_of(watch, struct client, watch);

    if (client->out_at == client->out.size && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        client_read(client);
    if (!client_is_gone(client))
        flush(client);
}

static void accepted(void *owner, int fd, const struct sockaddr_storage *peer, socklen_t size)
{
    struct echo *echo = owner;
    struct client *client = echo->count < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    struct stream stream;

    (void)peer;
    (void)size;
    stream_plain_init(&stream, fd);
    if (!client) {
        stream_close(&stream);
        return;
    }
    client->echo = echo;
    client->stream = stream;
    client->watch = (struct watch){.fd = fd};
    strbuf_init(&client->head, HTTP_HEAD_SIZE_MAX + READ_SIZE);
    strbuf_init(&client->out, OUT_SIZE_MAX);
    list_init(&client->in_state);
    list_append(&echo->clients, &client->in_state);
    echo->count++;
    if (loop_watch(&echo->loop, &client->watch, client_ready, EPOLLIN) < 0)
        client_free(client);
}

static void paused(void *owner, int error)
{
    (void)owner;
    fprintf(stderr, "ws-echo: no more connections: %s\n", strerror(error));
}

/* Frees who has gone, and who was waited for long enough. The sleep until the next. */
static int64_t turn_end(struct echo *echo)
{
    const int64_t now_ms = clock_now().mono_ms;
    int64_t sleep_ms = -1;
    bool freed = !list_empty(&echo->gone);

    list_for_each_safe (it, &echo->gone)
        client_free(container_of(it, struct client, in_state));
    while (!list_empty(&echo->lingering)) {
        struct client *client = container_of(echo->lingering.next, struct client, in_state);

        if (client->deadline_ms > now_ms) {
            sleep_ms = client->deadline_ms - now_ms;
            break;
        }
        client_free(client);
        freed = true;
    }
    if (freed && listener_is_paused(&echo->listener) && listener_resume(&echo->listener) < 0)
        sleep_ms = LISTENER_REST_MS;
    return sleep_ms;
}

static volatile sig_atomic_t stopping;

static void stop(int signal_number)
{
    (void)signal_number;
    stopping = 1;
}

static int echo_open(struct echo *echo, const char *port)
{
    static const struct listener_calls calls = {.accepted = accepted, .paused = paused};
    struct socket_address addresses[SOCKET_ADDRESSES_MAX], local;
    struct strbuf text;
    int fd, r;

    strbuf_init(&text, SOCKET_TEXT_SIZE);
    strbuf_printf(&text, "127.0.0.1:%s", port);
    r = socket_parse(strbuf_bytes(&text), addresses);
    strbuf_done(&text);
    if (r < 0)
        return r;
    r = socket_listen(&addresses[0], false, 1024, &fd);
    if (r < 0)
        return r;
    r = listener_open(&echo->listener, &echo->loop, fd, &calls, echo);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = socket_local(fd, &local);
    if (r < 0)
        return r;
    printf("listening on %s%s\n", local.text, echo->deflate ? " with permessage-deflate" : "");
    fflush(stdout);
    return 0;
}

/* *ret is set also on an error, unless there was no memory for it. */
static int echo_new(struct echo **ret, const char *deflate)
{
    struct echo *echo = calloc(1, sizeof *echo);
    int r;

    if (!echo)
        return MCP_AUTH_E_NOMEM;
    list_init(&echo->clients);
    list_init(&echo->lingering);
    list_init(&echo->gone);
    echo->listener.watch.fd = -1; /* not open */
    strbuf_init(&echo->packed, OUT_SIZE_MAX);
    echo->deflate = deflate && *deflate && strcmp(deflate, "0") != 0;
    echo->config = (struct ws_deflate_config){
        .server_window_bits = WS_WINDOW_BITS_MAX,
        .client_context_takeover = deflate && strcmp(deflate, "takeover") == 0,
        .client_window_bits = WS_WINDOW_BITS_MAX,
    };
    r = loop_init(&echo->loop);
    if (r == 0)
        r = ws_inflater_new(&echo->inflater);
    if (r == 0)
        r = ws_deflater_new(&echo->deflater, DEFLATE_LEVEL);
    *ret = echo;
    return r;
}

static void echo_free(struct echo *echo)
{
    list_splice(&echo->gone, &echo->clients);
    list_splice(&echo->gone, &echo->lingering);
    list_for_each_safe (it, &echo->gone)
        client_free(container_of(it, struct client, in_state));
    assert(echo->count == 0);
    listener_close(&echo->listener);
    loop_done(&echo->loop);
    ws_inflater_free(echo->inflater);
    ws_deflater_free(echo->deflater);
    strbuf_done(&echo->packed);
    free(echo);
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = stop};
    struct echo *echo = NULL;
    int64_t sleep_ms = -1;
    int r;

    if (argc != 2) {
        fputs("usage: ws-echo PORT\n", stderr);
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);

    r = echo_new(&echo, getenv("WS_ECHO_DEFLATE"));
    if (r == 0)
        r = echo_open(echo, argv[1]);
    while (r == 0 && !stopping) {
        r = loop_turn(&echo->loop, sleep_ms);
        sleep_ms = turn_end(echo);
    }
    if (r < 0)
        fprintf(stderr, "ws-echo: %s\n", mcp_auth_strerror(r));
    if (echo)
        echo_free(echo);
    return r < 0;
}
