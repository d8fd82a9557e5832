/* SPDX-License-Identifier: Apache-2.0 */
/* redis_link.c: one connection to Redis, from the look-up of its name to its end. */
#include "broker/redis_link.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "broker/redis_link_private.h"
#include "io/socket_connect.h"
#include "mcp_auth/error.h"

static void link_ready(struct watch *watch, uint32_t events);

static void link_free(struct redis_link *link)
{
    assert(link->stream.stream.fd < 0 && !link->lookup && link->busy == 0);
    redis_url_wipe(&link->url);
    strbuf_done(&link->out);
    redis_reader_free(link->reader);
    free(link);
}

/* Lets go of what is outside. */
static void disconnect(struct redis_link *link)
{
    loop_unwatch(link->loop, &link->watch);
    stream_close(&link->stream.stream);
    lookup_free(link->lookup);
    link->lookup = NULL;
}

static void enter(struct redis_link *link, struct now now)
{
    link->now = now;
    link->busy++;
}

/* Nobody may touch the link behind the last one, for a callback may have closed it. */
static void leave(struct redis_link *link)
{
    assert(link->busy > 0);
    if (--link->busy == 0 && link->closed)
        link_free(link);
}

void redis_link_fail(struct redis_link *link, const char *format, ...)
{
    char why[REDIS_WHY_SIZE];
    va_list list;

    assert(link->busy > 0);
    if (link->closed || link->state == REDIS_DOWN)
        return;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    disconnect(link);
    link->state = REDIS_DOWN;
    link->pending_count = 0;
    link->port.on_down(link->port.owner, bytes_of(why));
}

void redis_link_close(struct redis_link *link)
{
    if (!link || link->closed)
        return;
    if (redis_link_talks(link))
        stream_finish(&link->stream.stream);
    disconnect(link);
    link->closed = true;
    if (link->busy == 0)
        link_free(link);
}

/* Tries the addresses one after the other, each with its share of the time that is left. */
static void connect_next(struct redis_link *link)
{
    const char *text = "";
    int fd, left, r;

    link->state = REDIS_CONNECTING;
    while (link->addresses_at < link->addresses_count) {
        left = link->addresses_count - link->addresses_at;
        text = link->addresses[link->addresses_at].text;
        r = socket_connect(&link->addresses[link->addresses_at++], &fd);
        if (r < 0)
            continue;
        link->deadline_ms = link->now.mono_ms + REDIS_CONNECT_MS / left;
        stream_plain_init(&link->stream.stream, fd);
        link->watch = (struct watch){.fd = fd};
        r = loop_watch(link->loop, &link->watch, link_ready, EPOLLOUT);
        if (r < 0)
            redis_link_fail(link, "%s", mcp_auth_strerror(r));
        return;
    }
    redis_link_fail(link, "cannot connect to %s: %s", text, strerrordesc_np(errno));
}

static void greet(struct redis_link *link)
{
    link->state = REDIS_GREETING;
    link->heard_ms = link->now.mono_ms;
    link->read_waits = EPOLLIN;
    redis_greet(link);
    redis_talk_flush(link);
    redis_talk_wait(link);
}

static void shake_hands(struct redis_link *link)
{
    int r = stream_tls_handshake(&link->stream);

    if (r == STREAM_WOULD_BLOCK)
        loop_change(link->loop, &link->watch, link->stream.stream.blocked_on);
    else if (r < 0)
        redis_link_fail(link, "TLS with %s: %s", link->url.host, stream_tls_why(&link->stream));
    else
        greet(link);
}

static void begin_tls(struct redis_link *link)
{
    int fd = link->stream.stream.fd, r;

    loop_unwatch(link->loop, &link->watch); /* a failure closes it */
    link->stream.stream.fd = -1;
    r = stream_tls_connect(&link->stream, link->tls_context, fd, link->url.host);
    if (r >= 0)
        r = loop_watch(link->loop, &link->watch, link_ready, EPOLLOUT);
    if (r < 0) {
        redis_link_fail(link, "TLS with %s: %s", link->url.host, mcp_auth_strerror(r));
        return;
    }
    link->state = REDIS_SHAKING_HANDS;
    link->deadline_ms = link->now.mono_ms + REDIS_CONNECT_MS;
    shake_hands(link);
}

static void connected(struct redis_link *link)
{
    if (socket_connect_result(link->stream.stream.fd) < 0) {
        int error = errno;

        disconnect(link);
        errno = error; /* why this one failed, if it was the last */
        if (link->addresses_at < link->addresses_count)
            connect_next(link);
        else
            redis_link_fail(link, "cannot connect to %s: %s",
                            link->addresses[link->addresses_at - 1].text, strerrordesc_np(errno));
        return;
    }
    if (link->tls_context)
        begin_tls(link);
    else
        greet(link);
}

static void looked_up(struct redis_link *link)
{
    const char *why = NULL;
    int r = lookup_result(link->lookup, link->addresses, &why);

    disconnect(link);
    if (r < 0) {
        redis_link_fail(link, "look-up of %s: %s", link->url.host, why);
        return;
    }
    link->addresses_count = r;
    connect_next(link);
}

static void link_ready(struct watch *watch, uint32_t events)
{
    struct redis_link *link = container_of(watch, struct redis_link, watch);

    enter(link, clock_now());
    switch (link->state) {
    case REDIS_LOOKUP:
        looked_up(link);
        break;
    case REDIS_CONNECTING:
        connected(link);
        break;
    case REDIS_SHAKING_HANDS:
        shake_hands(link);
        break;
    default:
        if (events & (EPOLLHUP | EPOLLERR | link->read_waits))
            redis_talk_receive(link);
        redis_talk_flush(link);
        redis_talk_wait(link);
    }
    leave(link);
}

/* Addresses need no look-up, and a Unix socket has one. */
static bool is_address(struct redis_link *link)
{
    char text[REDIS_URL_HOST_SIZE + 16];
    bool bracket = strchr(link->url.host, ':') != NULL;
    int count, size;

    if (link->url.unix_socket)
        size = snprintf(text, sizeof text, "unix:%s", link->url.host);
    else
        size = snprintf(text, sizeof text, "%s%s%s:%s", bracket ? "[" : "", link->url.host,
                        bracket ? "]" : "", link->url.port);
    assert(size > 0 && (size_t)size < sizeof text);
    count = socket_parse(bytes_of(text), link->addresses);
    link->addresses_count = count > 0 ? count : 0;
    return count > 0;
}

int redis_link_open(struct redis_link **ret, struct loop *loop, const struct redis_url *url,
                    struct tls_context *tls, const struct redis_link_port *port, struct now now)
{
    static const struct redis_limits limits = {
        .bytes_max = REDIS_REPLY_BYTES_MAX,
        .piece_max = REDIS_REPLY_PIECE_MAX,
        .elements_max = REDIS_REPLY_ELEMENTS_MAX,
    };
    struct redis_link *link = calloc(1, sizeof *link);
    int r;

    assert(port->on_up && port->on_down && (tls || !url->tls));
    if (!link)
        return MCP_AUTH_E_NOMEM;
    link->loop = loop;
    link->url = *url;
    link->tls_context = url->tls ? tls : NULL;
    link->port = *port;
    link->stream.stream.fd = -1;
    link->write_waits = EPOLLOUT;
    strbuf_init_secret(&link->out, REDIS_OUT_BYTES_MAX);
    r = redis_reader_new(&link->reader, &limits);
    if (r < 0) {
        link_free(link);
        return r;
    }
    /* What fails from here on is told by the first advance: nothing is called from inside here. */
    link->state = REDIS_LOOKUP;
    link->deadline_ms = now.mono_ms;
    *ret = link;
    return 0;
}

static void begin(struct redis_link *link)
{
    int r;

    if (is_address(link)) {
        connect_next(link);
        return;
    }
    if (link->url.unix_socket) {
        redis_link_fail(link, "the path of the Unix socket cannot be used");
        return;
    }
    link->deadline_ms = link->now.mono_ms + REDIS_CONNECT_MS;
    r = lookup_start(&link->lookup, link->url.host, link->url.port);
    if (r >= 0) {
        link->watch = (struct watch){.fd = lookup_fd(link->lookup)};
        r = loop_watch(link->loop, &link->watch, link_ready, EPOLLIN);
    }
    if (r < 0)
        redis_link_fail(link, "look-up of %s: %s", link->url.host, mcp_auth_strerror(r));
}

/* Before it talks: what takes too long. */
static void judge_beginning(struct redis_link *link)
{
    if (link->state == REDIS_LOOKUP && !link->lookup) {
        begin(link);
        return;
    }
    if (link->now.mono_ms < link->deadline_ms)
        return;
    if (link->state == REDIS_CONNECTING && link->addresses_at < link->addresses_count) {
        disconnect(link);
        connect_next(link);
        return;
    }
    redis_link_fail(link, "%s took longer than %d ms",
                    link->state == REDIS_LOOKUP       ? "the look-up"
                    : link->state == REDIS_CONNECTING ? "connecting"
                                                      : "the TLS handshake",
                    REDIS_CONNECT_MS);
}

static const struct redis_pending *overdue(const struct redis_link *link)
{
    const struct redis_pending *first = &link->pending[link->pending_at];

    return link->pending_count > 0 && link->now.mono_ms >= first->deadline_ms ? first : NULL;
}

/* While it talks. Answers come in order, so the first one stands for those behind it. */
static void judge_talk(struct redis_link *link)
{
    /* Perhaps it was us who slept, and the answer is there. */
    if (link->write_failed || overdue(link))
        redis_talk_receive(link);
    if (redis_link_talks(link) && link->write_failed)
        redis_link_fail(link, "the connection broke");
    if (redis_link_talks(link) && overdue(link))
        redis_link_fail(link, "no answer for %lld ms", (long long)overdue(link)->within_ms);
    if (redis_link_talks(link) && link->state == REDIS_UP && link->pending_count == 0 &&
        link->now.mono_ms - link->heard_ms >= REDIS_IDLE_MS)
        redis_greet_ping(link);
    redis_talk_flush(link);
    redis_talk_wait(link);
}

static int64_t next_ms(const struct redis_link *link)
{
    if (link->closed || link->state == REDIS_DOWN)
        return INT64_MAX;
    if (!redis_link_talks(link))
        return link->deadline_ms;
    if (link->write_failed)
        return link->now.mono_ms;
    return link->pending_count > 0 ? link->pending[link->pending_at].deadline_ms
                                   : link->heard_ms + REDIS_IDLE_MS;
}

int64_t redis_link_advance(struct redis_link *link, struct now now)
{
    int64_t next;

    enter(link, now);
    if (redis_link_talks(link))
        judge_talk(link);
    else if (link->state != REDIS_DOWN)
        judge_beginning(link);
    next = next_ms(link);
    leave(link);
    return next;
}

int redis_link_send(struct redis_link *link, const struct bytes *args, unsigned count,
                    int64_t answer_within_ms, redis_answer_fn *answer, uint64_t tag)
{
    int r;

    assert(!link->closed);
    if (link->state != REDIS_UP || link->write_failed)
        return MCP_AUTH_E_IO;
    r = redis_talk_put(link, args, count, answer_within_ms, answer, link->port.owner, tag);
    if (r >= 0 && link->busy == 0) { /* else at the end of the call that is under way */
        redis_talk_flush(link);
        redis_talk_wait(link);
    }
    return r;
}

void redis_link_subscribe_mode(struct redis_link *link, redis_push_fn *push)
{
    assert(push && !link->closed);
    link->push = push;
}

bool redis_link_is_up(const struct redis_link *link)
{
    return !link->closed && link->state == REDIS_UP;
}

unsigned redis_link_pending(const struct redis_link *link)
{
    return link->pending_count;
}

size_t redis_link_bytes(const struct redis_link *link)
{
    return sizeof *link + link->out.room + redis_reader_bytes(link->reader);
}
