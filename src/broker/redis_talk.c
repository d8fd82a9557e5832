/* SPDX-License-Identifier: Apache-2.0 */
/* redis_talk.c: commands out and answers in, on a connection to Redis that stands. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "broker/redis_link_private.h"
#include "mcp_auth/error.h"

#define OUT_KEEP_MAX (1024u * 1024u)

int redis_talk_put(struct redis_link *link, const struct bytes *args, unsigned count,
                   int64_t within_ms, redis_answer_fn *answer, void *owner, uint64_t tag)
{
    size_t size = redis_command_size(args, count), waits = link->out.size - link->out_at;
    int r;

    assert(within_ms > 0 && link->pending_count <= REDIS_PENDING_MAX);
    if (link->pending_count == REDIS_PENDING_MAX || size > REDIS_OUT_BYTES_MAX ||
        waits > REDIS_OUT_BYTES_MAX - size)
        return MCP_AUTH_E_FULL;
    /* Moved when at least as much has gone as is left, or when there is no other room. */
    if (link->out_at > 0 && (link->out_at >= waits || link->out.size > link->out.size_max - size)) {
        strbuf_drop_front(&link->out, link->out_at);
        link->out_at = 0;
    }
    r = redis_command_put(&link->out, args, count);
    if (r < 0) {
        link->out.error = 0; /* nothing of it was put */
        return r;
    }
    /* A clock of its own: the owner may have slept since the loop turned last. */
    link->pending[(link->pending_at + link->pending_count++) % REDIS_PENDING_MAX] =
        (struct redis_pending){answer, owner, tag, within_ms, clock_now().mono_ms + within_ms};
    return 0;
}

void redis_talk_flush(struct redis_link *link)
{
    while (redis_link_talks(link) && !link->write_failed && link->out_at < link->out.size) {
        ssize_t n = stream_write(&link->stream.stream, link->out.data + link->out_at,
                                 link->out.size - link->out_at);

        if (n == STREAM_WOULD_BLOCK) {
            link->write_waits = link->stream.stream.blocked_on;
            return;
        }
        if (n < 0) { /* what the server said before it went may still be there to read */
            link->write_failed = true;
            return;
        }
        link->out_at += (size_t)n;
    }
    if (link->out_at == 0 || link->out_at < link->out.size)
        return;
    link->out_at = 0;
    strbuf_reset(&link->out);
    /* The greeting may hold a password, so its builder wipes; what follows is no secret and need not be
     * copied when it grows. And the memory of a rare large batch is not kept. */
    if (link->out.room > OUT_KEEP_MAX || (link->out.secret && link->state == REDIS_UP)) {
        strbuf_done(&link->out);
        strbuf_init(&link->out, REDIS_OUT_BYTES_MAX);
    }
}

void redis_talk_wait(struct redis_link *link)
{
    uint32_t events = EPOLLIN | link->read_waits;

    if (!redis_link_talks(link))
        return;
    if (link->out_at < link->out.size && !link->write_failed)
        events |= link->write_waits;
    loop_change(link->loop, &link->watch, events);
}

/* "message" of a subscription; all else answers a command (SUBSCRIBE and PING too). */
static bool is_push(const struct redis_reply *reply)
{
    return reply->type == REDIS_ARRAY && reply->count >= 3 &&
           reply->elements[0].type == REDIS_STRING &&
           (bytes_equal(reply->elements[0].text, BYTES("message")) ||
            bytes_equal(reply->elements[0].text, BYTES("pmessage")));
}

static void dispatch(struct redis_link *link, const struct redis_reply *reply)
{
    struct redis_pending pending;
    char said[REDIS_SAID_SIZE];

    if (link->push && is_push(reply)) {
        link->push(link->port.owner, reply);
        return;
    }
    if (link->pending_count == 0) {
        if (reply->type == REDIS_ERROR)
            redis_link_fail(link, "Redis says: %s", redis_said(reply, said));
        else
            redis_link_fail(link, "Redis answers what was not asked");
        return;
    }
    pending = link->pending[link->pending_at];
    link->pending_at = (link->pending_at + 1) % REDIS_PENDING_MAX;
    link->pending_count--;
    if (pending.answer)
        pending.answer(pending.owner, pending.tag, reply);
}

static void take(struct redis_link *link, size_t size)
{
    const struct redis_reply *reply;
    int r = redis_reader_feed(link->reader, link->in, size);

    while (r >= 0 && redis_link_talks(link) && (r = redis_reader_next(link->reader, &reply)) == 1)
        dispatch(link, reply);
    if (r >= 0)
        return;
    redis_link_fail(link, "%s",
                    r == MCP_AUTH_E_TOO_BIG ? "an answer is larger than its ceiling"
                    : r == MCP_AUTH_E_INVALID
                        ? "the answers are not Redis' protocol: is it a Redis?"
                        : mcp_auth_strerror(r));
}

void redis_talk_receive(struct redis_link *link)
{
    struct stream *stream = &link->stream.stream;

    for (int i = 0; redis_link_talks(link) && (i < REDIS_READS_PER_TURN || stream_holds(stream));
         i++) {
        ssize_t n = stream_read(stream, link->in, sizeof link->in);

        link->read_waits = EPOLLIN;
        if (n == STREAM_WOULD_BLOCK) {
            link->read_waits = stream->blocked_on;
            return;
        }
        if (n < 0) {
            redis_link_fail(link, "the connection broke: %s",
                            link->tls_context ? stream_tls_why(&link->stream)
                                              : strerrordesc_np(errno));
            return;
        }
        if (n == 0) {
            redis_link_fail(link, "Redis closed the connection");
            return;
        }
        link->heard_ms = link->now.mono_ms;
        take(link, (size_t)n);
        /* A socket that gave less than was asked is empty; TLS gives one record at a time. */
        if ((size_t)n < sizeof link->in && !link->tls_context)
            return;
    }
}
