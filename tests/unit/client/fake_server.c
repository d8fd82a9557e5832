/* SPDX-License-Identifier: Apache-2.0 */
/* fake_server.c: one connection's other end, in the same thread as the client it is for. */
#include "fake_server.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "codec/ws_handshake.h"
#include "unit.h"
#include "wire/push.h"

void fake_open(struct fake_server *fake)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    static unsigned number;

    *fake = (struct fake_server){.fd = -1};
    snprintf(fake->path, sizeof fake->path, "/tmp/mcp-auth-unit-%d-%u", (int)getpid(), number++);
    snprintf(fake->url, sizeof fake->url, "unix:%s", fake->path);
    memcpy(address.sun_path, fake->path, sizeof fake->path);
    unlink(fake->path);
    fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    CHECK_EQ(bind(fake->listen_fd, (struct sockaddr *)&address, sizeof address), 0);
    CHECK_EQ(listen(fake->listen_fd, 8), 0);
    strbuf_init(&fake->said, 65536);
}

void fake_close(struct fake_server *fake)
{
    if (fake->fd >= 0)
        close(fake->fd);
    close(fake->listen_fd);
    unlink(fake->path);
    ws_reader_done(&fake->reader);
    strbuf_done(&fake->said);
}

void fake_settle(mcp_auth_client *client)
{
    struct pollfd fd = {.fd = mcp_auth_client_fd(client), .events = POLLIN};

    /* The descriptor alone must tell when there is something to do. */
    for (int i = 0; i < 1000 && poll(&fd, 1, 15) > 0; i++)
        if (mcp_auth_client_run(client, 0) < 0)
            return;
}

void fake_accept(struct fake_server *fake, mcp_auth_client *client)
{
    struct http_request request;
    struct strbuf answer;
    char head[4096];
    const char *why;
    size_t seen = 0;
    ssize_t n = -1;

    if (fake->fd >= 0)
        close(fake->fd);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(mcp_auth_client_run(client, 10), 0);
        fake->fd = accept4(fake->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fake->fd >= 0)
            break;
    }
    CHECK(fake->fd >= 0);
    for (int i = 0; i < 100 && n <= 0; i++) {
        CHECK_EQ(mcp_auth_client_run(client, 10), 0);
        n = read(fake->fd, head, sizeof head);
    }
    CHECK(n > 0);
    CHECK_EQ(http_request_parse((struct bytes){head, (size_t)n}, &seen, &request, &why), n);
    CHECK_EQ(ws_handshake_check(&request, &why), WS_UPGRADE_OK);
    strbuf_init(&answer, 4096);
    ws_handshake_answer(&answer, http_request_header(&request, BYTES("Sec-WebSocket-Key")),
                        BYTES("mcp-auth.v1"), (struct bytes){0});
    ws_reader_done(&fake->reader);
    ws_reader_init(&fake->reader, WS_SERVER, 65536);
    fake->close_code = 0;
    strbuf_reset(&fake->said);
    fake_send_raw(fake, client, answer.data, answer.size);
    strbuf_done(&answer);
    fake_receive(fake);
}

void fake_sign_in(struct fake_server *fake, mcp_auth_client *client, const char *position,
                  const char *rest)
{
    char frame[1024];

    fake_accept(fake, client);
    CHECK(strstr(fake->said.data, "{\"type\":\"auth\""));
    snprintf(frame, sizeof frame,
             "{\"type\":\"auth_ok\",\"connection_id\":\"c\",\"position\":\"%s\",%s}", position,
             rest);
    fake_send(fake, client, frame);
}

void fake_send_raw(struct fake_server *fake, mcp_auth_client *client, const void *data, size_t size)
{
    CHECK_EQ(write(fake->fd, data, size), size);
    fake_settle(client);
}

void fake_send(struct fake_server *fake, mcp_auth_client *client, const char *text)
{
    char frame[2048];
    size_t size = push_text_size(bytes_of(text));

    CHECK(size <= sizeof frame);
    push_text_write(frame, bytes_of(text));
    fake_send_raw(fake, client, frame, size);
}

void fake_send_close(struct fake_server *fake, mcp_auth_client *client, unsigned code)
{
    uint8_t frame[WS_CLOSE_FRAME_MAX];

    fake_send_raw(fake, client, frame, ws_close_frame(frame, (uint16_t)code, BYTES("a reason")));
    fake_receive(fake);
}

void fake_hang_up(struct fake_server *fake, mcp_auth_client *client)
{
    close(fake->fd);
    fake->fd = -1;
    fake_settle(client);
}

static void take(struct fake_server *fake, enum ws_result result, const struct ws_output *output)
{
    if (result == WS_GOT_MESSAGE) {
        strbuf_reset(&fake->said);
        strbuf_put_bytes(&fake->said, output->payload);
    } else if (result == WS_GOT_CLOSE) {
        fake->close_code = output->close_code;
    } else if (result == WS_GOT_PONG) {
        fake->pongs++;
    } else {
        fail_msg("the client broke a rule: %s", output->why);
    }
}

void fake_receive(struct fake_server *fake)
{
    char data[65536], *at = data;
    ssize_t n = read(fake->fd, data, sizeof data);
    struct ws_output output;
    enum ws_result result;
    size_t used;

    while (n > 0) {
        result = ws_reader_feed(&fake->reader, at, (size_t)n, &used, &output);
        if (result == WS_NEED_MORE)
            break;
        take(fake, result, &output);
        at += used;
        n -= (ssize_t)used;
    }
    CHECK_EQ(strbuf_terminate(&fake->said), 0);
}
