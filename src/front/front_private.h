/* SPDX-License-Identifier: Apache-2.0 */
/* front_private.h: a front, its core and its connections; shared by the files of this room only. */
#ifndef FRONT_FRONT_PRIVATE_H
#define FRONT_FRONT_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "front/front.h"
#include "front/text.h"
#include "io/mailbox.h"
#include "net/admission.h"
#include "net/peer.h"
#include "server/key_sets.h"
#include "server/load.h"

/* Notes that the core has taken and not run, oldest first. */
struct core_queue {
    struct note *first, *last; /* last: means something unless first is NULL */
};

/* What the core's thread owns, but for the mailbox. Before it starts and after it has ended this is
 * of the thread that starts, stops or frees the front. */
struct core {
    struct mailbox mailbox;
    struct hub *hub;
    struct now now;
    /* Urgent: what takes access away, and all that hosts say, in the order they said it. News are
     * what adds to what connections wait for. */
    struct core_queue urgent, news;
    struct list flush; /* connections with something to give: front_conn.in_flush */
    /* Connections whose session is over: those that still give what is left, and those of which the
     * host is told when this turn's messages are on their way: front_conn.in_closing. */
    struct list closing, finished;
    struct list given; /* loops that are given something in this turn: front_loop.in_given */
    struct text_table texts;
    struct admission *admission;
    bool draining, ending;
    /* pace.c */
    struct list loops; /* open, and had a connection: front_loop.in_loops */
    size_t news_bytes; /* of the frame log, when the hosts were last even with us */
    bool pace_due;
    unsigned rounds_awaited; /* of loops */
    int64_t rounds_until_ms;
    pthread_t thread;
    struct note drain_note, end_note;
};

struct front {
    struct load start;        /* as it was told */
    struct load now;          /* the same, but its settings are `settings` */
    struct settings settings; /* of start, with the limits as they stand */
    struct node *node;
    struct key_sets *sets;
    struct core core;
    pthread_mutex_t limits_lock; /* of settings, among those who change the limits */
    int gone_fd;                 /* eventfd: nobody is left */
    atomic_uint count;           /* connections not yet disconnected */
    atomic_uint visitors;        /* calls of the host that use the node now */
    atomic_bool running, draining, stopping;
    _Atomic(struct front_text *)
        orphans; /* let go of by the core, and still holding a host's object */
    bool logging, node_started, core_started;
};

/* How a loop's thread takes: what the run of each of its notes is given. */
struct taking {
    struct front_loop *loop;
    struct front_item *items;
    size_t count, max; /* count < max whenever a note is run */
};

struct pair {
    struct front_conn *conn;
    struct front_text *text;
};

/* Messages that leave together. */
struct batch {
    struct note note; /* first */
    struct batch *next;
    unsigned count, room;
    struct pair pairs[];
};

struct front_loop {
    struct front *front;
    /* The host's own 1, one of each connection until it is disconnected, one of each question.
     * Given back in the core's thread only. */
    atomic_uint refs;
    struct mailbox mailbox; /* to the host */
    struct note close_note;
    struct note round_to_host, round_to_core; /* pace.c */

    /* The host's. */
    struct note *notes; /* taken from the mailbox and not run */
    struct batch *reading;
    unsigned read; /* of its pairs */

    /* The core's. */
    struct list conns; /* front_conn.in_loop */
    struct list in_given, in_loops;
    struct batch *first, *last; /* of this turn */
    unsigned rounds;            /* to go; 0: none is awaited of it */
    bool closed, stale;         /* stale: it did not come round in time */
};

enum conn_stage {
    CONN_COMING, /* its opening has not been looked at */
    CONN_SERVED,
    CONN_CLOSING, /* gives what is left */
    CONN_OVER,    /* the host is told, or has disconnected */
};

struct front_conn {
    struct outlet outlet;
    struct front_loop *loop;
    void *host;

    /* The loop's thread's. */
    bool done;     /* disconnected */
    bool room_due; /* FRONT_ROOM will come */

    /* What is on its way to the core, and who waits for less of it. */
    atomic_uint input_messages;
    atomic_size_t input_bytes;
    atomic_bool wants_room;
    /* Of what was given, how much was sent; and that the core waits for more of that. */
    atomic_size_t sent_messages, sent_bytes;
    atomic_bool starved;
    struct note credit_note, disconnect_note;
    struct note open_note, close_note, room_note, gone_note; /* to the host */

    /* The core's. */
    enum conn_stage stage;
    unsigned code;
    struct bytes reason;
    struct session *session;
    struct list in_loop, in_flush, in_closing;
    size_t given_messages, given_bytes;
    int64_t deadline_ms; /* in CONN_CLOSING */
    struct peer peer;
    bool admitted; /* has a place among those who have not signed in */
    bool hurried;  /* gives what is left whatever the credit */
};

/* front.c */
MUST_CHECK bool front_enter(struct front *front); /* the node runs until front_leave */
void front_leave(struct front *front);
void front_counts_one_less(struct front *front); /* of its connections */

/* core.c */
MUST_CHECK int core_init(struct core *core, struct front *front);
void core_done(struct core *core);
MUST_CHECK int core_start(struct front *front);
void core_drain(struct front *front);
void core_end(struct front *front); /* waits */
/* In whoever's thread the core is now. */
bool core_settle(struct front *front);
static inline struct front *core_front(struct core *core)
{
    return container_of(core, struct front, core);
}

/* serve.c: a connection, in the core. */
void front_conn_opens(struct front_conn *conn, struct bytes authorization, struct bytes origin,
                      enum session_kind kind);
void front_conn_wants_flush(struct front_conn *conn);
void front_conn_flush(struct front_conn *conn);
void front_conn_close(struct front_conn *conn, unsigned code, struct bytes reason,
                      int64_t linger_ms);
void conns_tell_finished(struct core *core);
/* Time is over for those before; returns when it will be for the next. */
int64_t conns_close_due(struct core *core);
void front_conn_end(
    struct front_conn *conn); /* its session is over, and it is in no list but its loop's */
void front_conn_leave_admission(struct front_conn *conn);
static inline struct core *front_conn_core(const struct front_conn *conn)
{
    return &conn->loop->front->core;
}

/* loop.c */
/* Thread any that holds one, or that the host's own is known to outlive. */
static inline struct front_loop *loop_ref(struct front_loop *loop)
{
    atomic_fetch_add_explicit(&loop->refs, 1, memory_order_relaxed);
    return loop;
}
void loop_unref(struct front_loop *loop); /* the core's thread */
/* The core's thread. MCP_AUTH_E_NOMEM: nothing was given. Takes a reference on the text. */
MUST_CHECK int loop_give(struct front_loop *loop, struct front_conn *conn, struct front_text *text);
void loop_post(struct front_loop *loop, struct note *note); /* at once; open */
void loops_post_given(struct core *core);                   /* all of this turn */
void loop_take_item(struct taking *taking, struct front_conn *conn, enum front_kind kind);

/* pace.c: news wait for hosts that are behind. */
bool pace_holds(struct core *core);            /* no news now */
bool pace_is_enough(struct core *core);        /* after one of them: no more in this turn */
void pace_turn_ends(struct core *core);        /* when all that was given has been posted */
void pace_loop_opens(struct front_loop *loop); /* has a connection; again: fine */
void pace_loop_closes(struct front_loop *loop);

#endif
