/* SPDX-License-Identifier: Apache-2.0 */
/* server.c: a whole server on loopback: whatever fails once, it goes on, and nobody has a hole. */
#include "mcp_auth/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "auth/token_mint.h"
#include "base/clock.h"
#include "base/strbuf.h"
#include "oom.h"

#define KEY "an-api-key-for-failures"
#define EVENTS_MAX 16
#define WAIT_MS 3000
#define REST_US 2000 /* a turn of the server lies between the parts, mostly */

/* The client's own calls: neither counted nor failed. */
int __real_socket(int family, int type, int protocol);
int __real_close(int fd);
ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __real_recv(int fd, void *data, size_t size, int flags);

struct peer {
    int fd;
    bool over; /* closed by the server */
    size_t size;
    char wire[65536];
};

static char token[512];
static uint16_t port;
static unsigned published;                           /* events that were tried, named ev00 ... */
static bool accepted[EVENTS_MAX], known[EVENTS_MAX]; /* known: the answer came */

static void on_line(void *owner, enum mcp_auth_log_level level, const char *line, size_t size)
{
    (void)owner;
    (void)level;
    (void)line;
    (void)size;
}

static void on_problem(void *owner, const char *text)
{
    (void)text;
    (*(unsigned *)owner)++;
}

static void peer_open(struct peer *peer)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    peer->size = 0;
    peer->over = false;
    peer->fd = __real_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    OOM_CHECK(peer->fd >= 0);
    OOM_CHECK(connect(peer->fd, (const struct sockaddr *)&address, sizeof address) == 0);
}

static void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        __real_close(peer->fd);
    peer->fd = -1;
}

static void peer_send(struct peer *peer, const void *data, size_t size)
{
    if (__real_send(peer->fd, data, size, MSG_NOSIGNAL) < 0)
        peer->over = true;
}

static void peer_say(struct peer *peer, const char *text)
{
    unsigned char frame[1024];
    size_t size = strlen(text);

    frame[0] = 0x81;
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(size >> 8);
    frame[3] = (unsigned char)size;
    memset(frame + 4, 0, 4); /* a mask of zeros changes nothing */
    memcpy(frame + 8, text, size);
    peer_send(peer, frame, size + 8);
}

/* A close whose answer the server then awaits. No other code may be its own failure's. */
static bool peer_is_told(const struct peer *peer)
{
    return memmem(peer->wire, peer->size, "Internal error", 14) != NULL;
}

/* Reads until the text has come (true), or the server has closed, or fails: that is a hang. */
static bool peer_wait(struct peer *peer, const char *text)
{
    int64_t end_ms = clock_now().mono_ms + WAIT_MS;

    while (!memmem(peer->wire, peer->size, text, strlen(text))) {
        struct pollfd fd = {.fd = peer->fd, .events = POLLIN};
        ssize_t size;

        if (peer->over)
            return false;
        if (clock_now().mono_ms > end_ms)
            oom_fail("no '%s' and no close; there is: %.*s", text, (int)peer->size, peer->wire);
        if (poll(&fd, 1, 100) <= 0)
            continue;
        OOM_CHECK(peer->size < sizeof peer->wire);
        size = __real_recv(peer->fd, peer->wire + peer->size, sizeof peer->wire - peer->size, 0);
        if (size > 0)
            peer->size += (size_t)size;
        if (size <= 0 || peer_is_told(peer))
            peer->over = true;
    }
    return true;
}

static bool peer_sign_in(struct peer *peer)
{
    char text[600];

    peer_open(peer);
    snprintf(text, sizeof text,
             "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Protocol: mcp-auth.v1\r\n\r\n");
    peer_send(peer, text, strlen(text));
    if (!peer_wait(peer, "\r\n\r\n") || !memmem(peer->wire, peer->size, " 101 ", 5))
        return false;
    snprintf(text, sizeof text, "{\"type\":\"auth\",\"token\":\"%s\"}", token);
    peer_say(peer, text);
    return peer_wait(peer, "}") && memmem(peer->wire, peer->size, "\"auth_ok\"", 9);
}

static bool stream_sign_in(struct peer *peer)
{
    char text[900];

    peer_open(peer);
    snprintf(text, sizeof text,
             "GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
             token);
    peer_send(peer, text, strlen(text));
    return peer_wait(peer, "\r\n\r\n") && memmem(peer->wire, peer->size, " 200 ", 5) &&
           peer_wait(peer, "auth_ok");
}

/* The status; 0: the connection ended without an answer. The rest comes later, if there is one. */
static int request(const char *text, const char *rest)
{
    static struct peer peer;
    int status = 0;

    peer_open(&peer);
    peer_send(&peer, text, strlen(text));
    if (rest) {
        usleep(REST_US);
        peer_send(&peer, rest, strlen(rest));
    }
    if (peer_wait(&peer, "\r\n\r\n"))
        status = atoi(peer.wire + 9);
    peer_close(&peer);
    return status;
}

/* What was tried with events i up to `published`. */
static void judge_answer(unsigned i, int status)
{
    for (; i < published; i++) {
        accepted[i] = status == 202;
        known[i] = status != 0;
    }
    if (status != 202 && !inject_fired())
        oom_fail("publishing is answered %d", status);
    if (status != 0 && status != 202 && status < 500)
        oom_fail("the publisher is told that it is its own fault: %d", status);
}

static void publish(void)
{
    unsigned i = published++;
    char text[512], body[128];

    OOM_CHECK(i < EVENTS_MAX);
    /* One takes something away, so that it crosses the mailboxes twice. */
    snprintf(body, sizeof body, "{\"id\":\"ev%02u\",\"event_type\":%s}", i,
             i == 2 ? "\"user_deleted\",\"target_user_id\":\"gone\"" : "\"user_updated\"");
    snprintf(text, sizeof text,
             "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " KEY "\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    judge_answer(i, request(text, NULL));
}

/* Two events as lines, cut within the second: the first is taken before the body is whole. */
static void publish_lines(void)
{
    unsigned i = published;
    char text[512], body[128];
    size_t first;

    published += 2;
    OOM_CHECK(published <= EVENTS_MAX);
    snprintf(body, sizeof body,
             "{\"id\":\"ev%02u\",\"event_type\":\"user_updated\"}\n"
             "{\"id\":\"ev%02u\",\"event_type\":\"user_updated\"}\n",
             i, i + 1);
    first = strlen(body) * 3 / 4;
    snprintf(text, sizeof text,
             "POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " KEY "\r\n"
             "Content-Type: application/x-ndjson\r\nContent-Length: %zu\r\n\r\n%.*s",
             strlen(body), (int)first, body);
    judge_answer(i, request(text, body + first));
    /* A batch is all or nothing in checking, not in storing. */
    for (; i < published; i++)
        known[i] = accepted[i];
}

/* Each is answered well, or with 5xx, or not at all. */
static void ask_everything(void)
{
    static const char *const lines[] = {"GET /v1/stats",   "GET /v1/connections",
                                        "GET /v1/events",  "GET /metrics",
                                        "GET /v1/nothing", "POST /v1/users/nobody/disconnect"};

    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char text[512];
        int status;

        snprintf(text, sizeof text,
                 "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n"
                 "Authorization: Bearer " KEY "\r\n\r\n",
                 lines[i]);
        status = request(text, NULL);
        if (status != (i == 4 ? 404 : 200) && (!inject_fired() || (status != 0 && status < 500)))
            oom_fail("%s is answered %d", lines[i], status);
    }
}

static size_t place_of(const struct peer *peer, unsigned i)
{
    char id[16];
    const char *at;

    snprintf(id, sizeof id, "\"ev%02u\"", i);
    at = memmem(peer->wire, peer->size, id, strlen(id));
    return at ? (size_t)(at - peer->wire) + 1 : 0;
}

/* Everything that was accepted since `from`, in order; or a close after a beginning of it. */
static void judge_peer(struct peer *peer, unsigned from)
{
    char last[16];
    size_t before = 0;
    bool ended = false;

    for (unsigned i = 0; i < published; i++)
        if (accepted[i])
            snprintf(last, sizeof last, "\"ev%02u\"", i);
    (void)peer_wait(peer, last);
    for (unsigned i = from; i < published; i++) {
        size_t place = place_of(peer, i);

        if (place == 0 && accepted[i])
            ended = true; /* then nothing may follow, and it must be closed */
        else if (place > 0 && (ended || place < before))
            oom_fail("a hole, or out of order, at ev%02u", i);
        else if (place > 0 && known[i] && !accepted[i])
            oom_fail("ev%02u was refused and announced", i);
        before = place ? place : before;
    }
    OOM_CHECK(!ended || peer->over || inject_fired());
    if (ended)
        (void)peer_wait(peer, "\1no such text\1"); /* until the server closes, or it hangs */
}

static void serve(void)
{
    static struct peer first, second, stream, late;
    bool in_first, in_second, in_stream;

    published = 0;
    in_first = peer_sign_in(&first);
    publish();
    in_second = peer_sign_in(&second);
    in_stream = stream_sign_in(&stream);
    publish();
    ask_everything();
    publish();
    publish_lines();
    OOM_CHECK(inject_fired() || (in_first && in_second && in_stream));
    /* From here on all is well again, for who is there and who comes. */
    inject_rest();
    OOM_CHECK(peer_sign_in(&late));
    publish();
    OOM_CHECK(accepted[published - 1]);
    judge_peer(&late, 5);
    if (in_first)
        judge_peer(&first, 0);
    if (in_second)
        judge_peer(&second, 1);
    if (in_stream)
        judge_peer(&stream, 1);
    OOM_CHECK(
        (in_first && !first.over) + (in_second && !second.over) + (in_stream && !stream.over) >= 2);
    peer_close(&first);
    peer_close(&second);
    peer_close(&stream);
    peer_close(&late);
}

static int options_fill(mcp_auth_options *options)
{
    static const char *const pairs[][2] = {{"--listen", "127.0.0.1:0"},
                                           {"--metrics-listen", "127.0.0.1:0"},
                                           {"--jwt-secret", OOM_SECRET},
                                           {"--api-key", KEY},
                                           {"--user-connections", "100"},
                                           {"--workers", "1"}};
    int r = 0;

    for (unsigned i = 0; i < sizeof pairs / sizeof pairs[0] && r >= 0; i++)
        r = mcp_auth_options_set(options, pairs[i][0], pairs[i][1]);
    return r;
}

static void run_server(void)
{
    mcp_auth_options *options = NULL;
    mcp_auth_server *server = NULL;
    unsigned problems = 0;
    int r = mcp_auth_options_new(&options);

    if (r >= 0)
        r = options_fill(options);
    if (r >= 0) {
        r = mcp_auth_server_new(&server, options, on_problem, &problems);
        OOM_CHECK(r >= 0 || problems > 0); /* the operator is told why */
    }
    if (r >= 0)
        r = mcp_auth_server_start(server);
    OOM_CHECK(r >= 0 || inject_fired());
    if (r >= 0) {
        port = (uint16_t)atoi(strrchr(mcp_auth_server_address(server, 0), ':') + 1);
        serve();
    }
    mcp_auth_server_free(server);
    mcp_auth_options_free(options);
}

static void token_make(void)
{
    struct strbuf payload, out;
    long long now_s = (long long)(clock_now().wall_ms / 1000);

    strbuf_init(&payload, 400);
    strbuf_init(&out, sizeof token - 1);
    strbuf_printf(&payload, "{\"sub\":\"root\",\"roles\":[\"admin\"],\"iat\":%lld,\"exp\":%lld}",
                  now_s - 10, now_s + 3600);
    OOM_CHECK(token_mint(&out, BYTES(OOM_SECRET), strbuf_bytes(&payload)) == 0);
    memcpy(token, out.data, out.size);
    strbuf_done(&payload);
    strbuf_done(&out);
}

void server_scenarios(void)
{
    static const struct {
        enum inject_call call;
        const char *name;
        int errors[4];
    } calls[] = {
        {INJECT_ACCEPT4, "accept4", {EMFILE, ENFILE, ECONNABORTED, EINTR}},
        {INJECT_RECV, "recv", {ECONNRESET, EINTR, EAGAIN, ENOMEM}},
        {INJECT_SEND, "send", {EPIPE, EINTR, EAGAIN, ENOBUFS}},
        {INJECT_EPOLL_ADD, "epoll_ctl", {ENOMEM, ENOSPC}},
        {INJECT_EPOLL_WAIT, "epoll_wait", {EINTR}},
        {INJECT_EPOLL_CREATE1, "epoll_create1", {EMFILE, ENOMEM}},
        {INJECT_EVENTFD, "eventfd", {EMFILE, ENOMEM}},
        {INJECT_SOCKET, "socket", {EMFILE, ENOBUFS}},
        {INJECT_SETSOCKOPT, "setsockopt", {ENOBUFS}},
        {INJECT_BIND, "bind", {EADDRINUSE, EACCES}},
        {INJECT_LISTEN, "listen", {EADDRINUSE}},
        {INJECT_GETSOCKNAME, "getsockname", {ENOBUFS}},
        {INJECT_PTHREAD_CREATE, "pthread_create", {EAGAIN}},
        {INJECT_MMAP, "mmap", {ENOMEM}},
        {INJECT_READ, "read", {EINTR}},
        {INJECT_WRITE, "write", {EINTR}},
        {INJECT_SHUTDOWN, "shutdown", {ENOTCONN}},
        {INJECT_CLOSE, "close", {EINTR, EIO}},
    };

    mcp_auth_log_to(on_line, NULL);
    token_make();
    for (unsigned i = 0; i < sizeof calls / sizeof calls[0]; i++)
        for (unsigned e = 0; e < 4 && calls[i].errors[e]; e++)
            oom_repeat(calls[i].name, calls[i].call, calls[i].errors[e], run_server);
    oom_repeat("server", INJECT_ALLOC, 0, run_server);
}
