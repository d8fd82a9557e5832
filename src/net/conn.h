/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h: one connection and the worker's table of them: shared by the files of this room only. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/list.h"
#include "base/slab.h"
#include "codec/ws_deflate.h"
#include "codec/ws_message.h"
#include "io/listener.h"
#include "io/stream.h"
#include "model/limits.h"
#include "net/exchange.h"
#include "net/net.h"
#include "net/peer_note.h"

enum conn_state {
    CONN_HEAD,    /* HTTP: a head is awaited or arrives */
    CONN_BODY,    /* HTTP: its body arrives */
    CONN_BUSY,    /* HTTP: a handler will answer */
    CONN_REPLY,   /* HTTP: the answer leaves */
    CONN_IDLE,    /* HTTP: between two requests */
    CONN_OPEN,    /* WebSocket, or server-sent events: the session's */
    CONN_CLOSING, /* the same: last output, our close frame, the peer's */
    CONN_LINGER,  /* nothing more to say; what the peer still sends is thrown away */
    CONN_CLOSED,  /* freed at the end of the turn */
    CONN_STATES
};

/* A WebSocket that is read, and what it is told beside its messages. */
struct ws_reading {
    struct ws_reader reader;
    uint32_t quiet_bytes; /* of a message that does not end */
};

/* What a connection has besides while anything is in progress. An open session at rest has none,
 * and most are at rest. */
struct conn_work {
    struct conn *conn;
    struct list in_state; /* net->states[state], in order of deadline; alone without a deadline */
    struct list in_again; /* net->again: has something to read without the loop saying so */
    int64_t deadline_ms;
    struct exchange *exchange; /* HTTP: the request in progress, or NULL */
    char *out;                 /* our own bytes on their way, before any of the session's */
    uint32_t out_size, out_at; /* out_at <= out_size; NULL, 0, 0 when there are none */
    struct ws_reading reading;
    char *pong;              /* a whole frame not yet begun, the newest; NULL: none */
    struct bytes close_text; /* static */
    uint16_t close_code;
    bool finish : 1;     /* no keep-alive: half-close after the answer */
    bool close_sent : 1; /* our close frame is in `out` or has left */
    bool close_seen : 1; /* the peer's came, or cannot be read any more */
};

/* A connection of either protocol. Its slab knows its net. */
struct conn {
    struct watch watch;
    struct outlet outlet;
    struct session *session; /* OPEN, CLOSING: or NULL */
    struct conn_work *work;  /* NULL: it is open and at rest, or was closed so */
    struct conn *next;       /* in net->flush or net->closed */
    struct stream stream;
    struct peer_note peer;
    uint16_t control_second; /* the low bits */
    uint8_t control_frames;  /* in control_second */
    uint8_t state;
    bool in_flush : 1; /* in net->flush: has something to send, or had */
    bool prompt : 1;   /* in net->prompt: the same */
    bool blocked : 1;  /* the socket is full: wait for stream.blocked_on */
    bool streams : 1;  /* OPEN, CLOSING: server-sent events and no WebSocket */
    bool deflates : 1; /* compressed messages may come */
    bool admitted : 1; /* has a place among those who have not shown who they are */
    bool metrics : 1;  /* came by NET_DOOR_METRICS */
};

/* What an idle connection costs here, with 6 bytes of the slab; its session is in the hub's sum.
 * One line of a cache: sending what a session has touches no other of it. */
_Static_assert(sizeof(struct conn) <= 64, "an idle connection is small");
_Static_assert(CONTROL_FRAMES_PER_SECOND_MAX < UINT8_MAX, "control_frames can tell too many");

/* As many as are read in one turn, and are answered by notes in it. Who finds no room here waits
 * with the others. */
#define PROMPT_MAX 2048u

/* First come, first served. */
struct conn_queue {
    struct conn *first, *last; /* last: means something unless first is NULL */
};

struct net {
    struct loop *loop;
    struct hub *hub;
    const struct net_config *config;
    struct now now;
    bool begun;                         /* the time of this turn is known */
    unsigned long long verified_before; /* key_verifications at its begin */
    bool draining;
    unsigned metrics_count; /* of the connections, by NET_DOOR_METRICS */
    struct slab conns, works;
    struct slab far;                 /* of peer_note */
    unsigned bodies;                 /* in pieces */
    struct list states[CONN_STATES]; /* of work; those without a deadline are empty */
    struct list again;
    struct conn_queue flush;
    uint64_t queued, served; /* ever put into flush, and taken out of it */
    uint64_t written;        /* bytes */
    /* They are answered before the others are told the news; all of them, in each turn. */
    struct conn *prompt[PROMPT_MAX];
    unsigned prompt_count;
    struct conn *reading;     /* whose bytes are being looked at, or NULL */
    struct conn_queue closed; /* freed at the end of the turn, or of one of the next */
    struct slots exchanges;
    struct ws_inflater *inflater; /* NULL: compression is off */
    struct listener listeners[NET_LISTENERS_MAX];
    unsigned listeners_count;
    bool pausing;      /* at least one listener rests */
    bool freed;        /* a descriptor was given back in this turn */
    int64_t resume_ms; /* while pausing */
    char buffer[READ_BUFFER_SIZE];
    char scratch[WRITE_SCRATCH_SIZE];
};

static inline struct net *conn_net(const struct conn *conn)
{
    return slab_owner(conn);
}

static inline void conn_queue_push(struct conn_queue *queue, struct conn *conn)
{
    conn->next = NULL;
    if (queue->first)
        queue->last->next = conn;
    else
        queue->first = conn;
    queue->last = conn;
}

/* NULL: empty. */
static inline struct conn *conn_queue_shift(struct conn_queue *queue)
{
    struct conn *conn = queue->first;

    if (conn)
        queue->first = conn->next;
    return conn;
}

/* conn.c */
void conn_accept(struct net *net, int fd, const struct sockaddr_storage *address,
                 enum net_door door);
/* The one place where a connection changes state. The deadline is the state's own. */
void conn_become(struct conn *conn, enum conn_state next);
void conn_become_within(struct conn *conn, enum conn_state next, int64_t timeout_ms);
/* Marks; the end of the turn frees. Closed: fine. */
void conn_close(struct conn *conn);
void conn_free(struct conn *conn);
void conn_expire(struct conn *conn); /* its deadline has passed */
/* Takes what has come. `again`: what came before with something else and was kept comes first. */
void conn_read_more(struct conn *conn, bool again);
void conn_wants_flush(struct conn *conn);
void conn_wants_again(struct conn *conn);
/* Appends to `out`. MCP_AUTH_E_NOMEM. */
MUST_CHECK int conn_put(struct conn *conn, struct bytes bytes);
void conn_give(struct conn *conn, char *data, size_t size); /* takes `data`; `out` is empty */
void conn_flush(struct conn *conn);
void conn_count_written(struct conn *conn, size_t size);
/* Reads once into the worker's buffer. The count; 0 when there is nothing now, or the connection
 * was closed because the peer is gone. */
size_t conn_read(struct conn *conn);

/* conn_work.c */
/* The work there is, or else new and empty; NULL without memory. Only an open one may have none. */
MUST_CHECK struct conn_work *conn_need_work(struct conn *conn);
/* Gives back the work of an open session at rest: at the end of what may have begun or ended any. */
void conn_rest(struct conn *conn);
void conn_work_free(struct conn_work *work); /* NULL is fine */

/* conn_peer.c */
struct peer conn_peer(const struct conn *conn);
/* Gives back its place among those who have not shown who they are. Twice: fine. */
void conn_leave_admission(struct conn *conn);
/* A record of a peer's mistake or a refusal, with its address. Never with what it sent. */
void conn_log(const struct conn *conn, enum log_level level, const char *words, const char *why);

/* For both kinds of outlet. */
struct bytes conn_outlet_address(struct outlet *outlet, char ret[OUTLET_ADDRESS_SIZE]);

/* conn_http.c */
void conn_http_ready(struct conn *conn);
void conn_http_again(struct conn *conn);
void conn_http_expire(struct conn *conn);
void conn_http_sent(struct conn *conn); /* the whole answer has left */

/* request.c: what the head alone decides. True when the body may come (or is not there). */
bool request_admit(struct exchange *exchange);
/* A body takes its time, and what its sender was may be gone when it ends: asked again then. */
bool request_readmit(struct exchange *exchange);

/* upgrade.c */
void conn_upgrade(struct exchange *exchange, struct bytes rest);

/* conn_ws.c */
void conn_ws_open(struct conn *conn, enum session_kind kind, struct identity *identity);
void conn_ws_ready(struct conn *conn);
void conn_ws_take(struct conn *conn, char *data, size_t size);
/* The session's output, pongs: moves them to the socket until it is full. True when all has left. */
bool conn_ws_flush(struct conn *conn);

/* conn_stream.c */
void conn_stream_ready(struct conn *conn);
void conn_stream_end(struct conn *conn); /* all of the session has left */

/* conn_close.c */
/* The first reason stands, and is counted. */
void conn_ws_close(struct conn *conn, enum closer by, uint16_t code, struct bytes text,
                   int64_t linger_ms);
void conn_ws_close_reason(struct conn *conn, enum close_reason reason, int64_t linger_ms);
void conn_ws_lost(struct conn *conn); /* open, and closed without a close frame: counts that */
void conn_put_close_frame(struct conn *conn); /* what the session left has been sent */
void conn_finish(struct conn *conn);          /* half-close, and wait for the peer's end */
void conn_linger_ready(struct conn *conn);

#endif
