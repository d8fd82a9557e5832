/* SPDX-License-Identifier: Apache-2.0 */
/* redis_link_private.h: what the files of one connection to Redis share, and nobody else. */
#ifndef BROKER_REDIS_LINK_PRIVATE_H
#define BROKER_REDIS_LINK_PRIVATE_H

#include "broker/redis_link.h"
#include "io/lookup.h"
#include "io/stream_tls.h"
#include "model/limits.h"

#define REDIS_READ_SIZE (64u * 1024u)
#define REDIS_READS_PER_TURN 16 /* 1 MiB, then the loop's others have their turn */
#define REDIS_WHY_SIZE 256      /* of on_down, with the NUL */
#define REDIS_SAID_SIZE 160     /* what the server said, in it */

enum redis_link_state {
    REDIS_LOOKUP,
    REDIS_CONNECTING,
    REDIS_SHAKING_HANDS, /* TLS */
    REDIS_GREETING,
    REDIS_UP,
    REDIS_DOWN,
};

/* A command whose answer has not come. */
struct redis_pending {
    redis_answer_fn *answer; /* NULL: nobody wants it */
    void *owner;
    uint64_t tag;
    int64_t within_ms, deadline_ms;
};

struct redis_link {
    enum redis_link_state state;
    struct loop *loop;
    struct tls_context *tls_context; /* NULL: plain */
    struct redis_link_port port;
    redis_push_fn *push; /* NULL: it does not subscribe */
    struct redis_url url;
    struct now now;
    int64_t deadline_ms; /* before GREETING */
    int64_t heard_ms;    /* when bytes came last */
    unsigned busy;       /* calls of ours on the stack: the last one frees a closed link */
    bool closed;

    struct watch watch; /* of the look-up, then of the socket */
    struct lookup *lookup;
    struct socket_address addresses[LOOKUP_ADDRESSES_MAX];
    int addresses_count, addresses_at;

    /* redis_talk.c */
    struct stream_tls stream;         /* its kind says whether it is TLS */
    uint32_t read_waits, write_waits; /* EPOLLIN or EPOLLOUT */
    bool write_failed;
    struct strbuf out; /* from out_at on it is still to be sent */
    size_t out_at;
    struct redis_reader *reader;
    struct redis_pending pending[REDIS_PENDING_MAX]; /* a ring */
    unsigned pending_at, pending_count;
    char in[REDIS_READ_SIZE];
};

/* redis_link.c */
/* The end: tells the owner, once. Only while busy > 0. */
void redis_link_fail(struct redis_link *link, const char *format, ...) PRINTF_LIKE(2, 3);
static inline bool redis_link_talks(const struct redis_link *link)
{
    return !link->closed && (link->state == REDIS_GREETING || link->state == REDIS_UP);
}

/* redis_greet.c */
void redis_greet(struct redis_link *link);
void redis_greet_ping(struct redis_link *link);
/* What the server said, short and printable. */
const char *redis_said(const struct redis_reply *reply, char ret[REDIS_SAID_SIZE]);

/* redis_talk.c */
MUST_CHECK int redis_talk_put(struct redis_link *link, const struct bytes *args, unsigned count,
                              int64_t within_ms, redis_answer_fn *answer, void *owner,
                              uint64_t tag);
void redis_talk_flush(struct redis_link *link);
void redis_talk_receive(struct redis_link *link);
void redis_talk_wait(struct redis_link *link); /* tells the loop what is waited for */

#endif
