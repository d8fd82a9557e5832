/* SPDX-License-Identifier: Apache-2.0 */
/* net_stage.c: a worker's connections on real descriptors, turned by hand, for tests that count. */
#include "net_stage.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void say_problem(void *owner, const char *text)
{
    (void)owner;
    fail_msg("%s", text);
}

static void handle_nothing(struct exchange *exchange)
{
    exchange_refuse(exchange, ERROR_NOT_FOUND, (struct bytes){0}, NULL, -1);
}

static const struct route routes[] = {
    {"/ws", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, NULL, NULL},
    {"/nothing", HTTP_GET, ACCESS_OPEN, 0, ERROR_TOO_LARGE, handle_nothing, NULL},
};

static void open_settings(struct net_stage *s)
{
    struct settings_builder *builder;

    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_JWT_SECRET", BYTES(STAGE_SECRET), SOURCE_FLAG, NULL),
             0);
    CHECK_EQ(settings_finish(builder, say_problem, NULL, &s->settings), 0);
    settings_builder_free(builder);
}

void net_stage_open(struct net_stage *s)
{
    static const uint8_t seed[16] = "net stage";
    struct rlimit files;

    memset(s, 0, sizeof *s);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
    stage_init(&s->stage);
    s->stage.now = clock_now();
    s->stage.places = 10000;
    stage_start(&s->stage);
    open_settings(s);
    CHECK_EQ(admission_new(&s->admission, 10000, 10000, seed), 0);
    s->config = (struct net_config){
        .settings = s->settings,
        .routes = routes,
        .routes_count = ARRAY_COUNT(routes),
        .admission = s->admission,
        .counters = &s->counters,
    };
    CHECK_EQ(loop_init(&s->loop), 0);
    CHECK_EQ(mailbox_init(&s->mailbox), 0);
    CHECK_EQ(net_new(&s->net, &s->loop, s->stage.hub, &s->config), 0);
}

void net_stage_close(struct net_stage *s)
{
    net_sleep(s->net);
    net_close_all(s->net);
    CHECK_EQ(net_count(s->net), 0);
    net_free(s->net);
    while (mail_waits(&s->mail))
        CHECK(false);
    mailbox_done(&s->mailbox);
    loop_done(&s->loop);
    admission_free(s->admission);
    settings_free(s->settings);
    stage_done(&s->stage);
}

void net_stage_turn(struct net_stage *s)
{
    net_sleep(s->net);
    CHECK_EQ(loop_turn(&s->loop, 0), 0);
    (void)mail_read(&s->mail, &s->mailbox, s->net);
    s->next_ms = net_turn_end(s->net, mail_lets_serve(&s->mail));
}

bool net_stage_at_rest(const struct net_stage *s)
{
    return s->next_ms > clock_now().mono_ms && !mail_waits(&s->mail);
}

void far_end_open(struct far_end *end, struct net_stage *s, const char *words)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    int pair[2];

    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    end->fd = pair[0];
    end->size = 0;
    net_sleep(s->net);
    (void)net_begin(s->net);
    conn_accept(s->net, pair[1], &address, NET_DOOR_CLIENTS);
    far_end_say(end, words, strlen(words));
}

void far_end_sign_in(struct far_end *end, struct net_stage *s, const char *user)
{
    char words[1024];

    snprintf(words, sizeof words,
             "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
             "Authorization: Bearer %s\r\n\r\n",
             stage_token_for(&s->stage, user, "\"admin\""));
    far_end_open(end, s, words);
    net_stage_turn(s);
    CHECK_EQ(far_end_count(end, "HTTP/1.1 101 "), 1);
    end->size = 0;
}

void far_end_say(struct far_end *end, const void *data, size_t size)
{
    CHECK_EQ(send(end->fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static ssize_t read_some(struct far_end *end)
{
    ssize_t size = recv(end->fd, end->wire + end->size, sizeof end->wire - 1 - end->size, 0);

    if (size > 0)
        end->size += (size_t)size;
    CHECK(end->size < sizeof end->wire - 1);
    end->wire[end->size] = '\0';
    return size;
}

unsigned far_end_count(struct far_end *end, const char *words)
{
    const char *at;
    unsigned count = 0;

    while (read_some(end) > 0)
        ;
    at = end->wire;
    while ((at = memmem(at, (size_t)(end->wire + end->size - at), words, strlen(words)))) {
        count++;
        at += strlen(words);
    }
    return count;
}

bool far_end_is_over(struct far_end *end)
{
    ssize_t size;

    do
        size = read_some(end);
    while (size > 0);
    return size == 0 || (size < 0 && errno == ECONNRESET);
}

void far_end_close(struct far_end *end)
{
    close(end->fd);
}
