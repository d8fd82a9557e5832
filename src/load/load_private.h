/* SPDX-License-Identifier: Apache-2.0 */
/* load_private.h: what the files of the load engine share, and nobody else. */
#ifndef LOAD_LOAD_PRIVATE_H
#define LOAD_LOAD_PRIVATE_H

#include "base/list.h"
#include "client/address.h"
#include "client/upgrade.h"
#include "codec/ws_message.h"
#include "io/loop.h"
#include "io/socket_address.h"
#include "io/stream.h"
#include "load/answer.h"
#include "load/load.h"
#include "load/mark.h"
#include "load/tally.h"

#define LOAD_READ_SIZE (64u * 1024u)
/* An event is at most 64 KiB and an auth_ok repeats a token's claims, 16 KiB. */
#define LOAD_MESSAGE_SIZE_MAX (256u * 1024u)
#define LOAD_OUT_SIZE_MAX (64u * 1024u)
/* Sign-ins under way together: enough to keep a server busy, and below any listen queue. */
#define LOAD_JOINING_MAX 100u
#define LOAD_SIGN_IN_MS 10000
#define LOAD_TICK_MS 100
/* Connections of one source address, below the 28,232 ports that Linux gives out by default. */
#define LOAD_SOURCE_CONNECTIONS 20000u

/* Only while a connection signs in. */
struct joining {
    struct list link; /* in load->joining, oldest first */
    struct receiver *receiver;
    uint64_t started_ns;
    struct upgrade upgrade;
    struct strbuf auth; /* the frame that signs in; made before the clock starts */
    struct strbuf out;  /* from out_at on it is still to be sent */
    size_t out_at;
};

enum receiver_state {
    RECEIVER_NONE,
    RECEIVER_CONNECTING,
    RECEIVER_UPGRADING,
    RECEIVER_SIGNING_IN,
    RECEIVER_IN,
    RECEIVER_ENDED
};

/* One of many: it owns no buffer. */
struct receiver {
    struct watch watch;
    struct stream stream;
    struct ws_reader reader;
    struct load *load;
    struct joining *joining;
    unsigned user, audience; /* the same with one_by_one; else all are of audience 0 */
    enum receiver_state state;
    unsigned closing_code; /* of the `closing` frame; 0: none came */
};

enum lane_state { LANE_CLOSED, LANE_CONNECTING, LANE_IDLE, LANE_WAITING };

/* One publishing connection, one request at a time: so its events keep their order. */
struct lane {
    struct watch watch;
    struct stream stream;
    struct load *load;
    struct answer answer;
    struct strbuf
        out; /* head and body of the request; kept until it is answered, to be sent again */
    size_t out_at;
    unsigned *audiences; /* [plan.batch]: whom the events under way are for */
    unsigned events;     /* under way; 0: none */
    uint64_t due_ns;     /* when they should have been sent */
    uint64_t retry_ns;   /* CLOSED: not before */
    enum lane_state state;
    unsigned attempts; /* at the request under way */
};

struct load {
    struct load_plan plan;
    struct load_result result;
    struct client_address address;
    struct strbuf events_path; /* "/v1/events" behind the path of the URL, terminated */
    struct strbuf event_tail;  /* what every event has behind its target */
    struct socket_address target;
    bool many_sources; /* the target is 127.0.0.0/8: so may be the sources */

    struct loop loop;
    struct watch alarm; /* timerfd, in nanoseconds: when the next events are due */
    uint64_t alarm_ns;
    struct receiver *receivers;
    struct list joining;
    unsigned begun, joining_count, in; /* connections begun; signing in; signed in and alive */
    struct lane *lanes;
    struct tally tally;
    char mark_prefix[MARK_PREFIX_SIZE];
    unsigned next_audience;
    char *in_buffer; /* LOAD_READ_SIZE: one for all */

    uint64_t now_ns, created_ns, start_ns, end_ns, settled_ns, looked_ns;
    uint64_t cpu_start_ns, told_ns;
    uint64_t batches_total, batches_sent;
    int error;
};

/* target.c: where to, from where, and whether it can be done at all. */
MUST_CHECK int target_find(struct load *load, char ret_why[LOAD_WHY_SIZE]);
MUST_CHECK int target_room(const struct load *load, char ret_why[LOAD_WHY_SIZE]);
MUST_CHECK int target_connect(const struct load *load, unsigned connection, int *ret_fd);

/* join.c: brings the connections in, a bounded number at a time. */
void join_some(struct load *load);
int64_t join_wait_ms(const struct load *load); /* until the next may begin */
MUST_CHECK int joining_new(struct receiver *receiver);
void joining_free(struct receiver *receiver);

/* receiver.c: one connection that receives. */
void receiver_start(struct receiver *receiver);
void receiver_end(struct receiver *receiver, unsigned code, struct bytes why);
void receiver_in(struct receiver *receiver);    /* the server has let it in */
void receiver_leave(struct receiver *receiver); /* says goodbye; the server closes */
unsigned receiver_index(const struct receiver *receiver);

/* receiver_frame.c: what is in a frame. */
void receiver_message(struct receiver *receiver, struct bytes text);

/* lane.c: one connection that publishes. */
void lane_open(struct lane *lane);
void lane_send(struct lane *lane);
void lane_close(struct lane *lane);

/* publish.c: what is due, and what became of it. */
void publish_due(struct load *load);
void publish_answered(struct lane *lane);
void publish_unanswered(struct lane *lane);
bool publish_under_way(const struct load *load);
uint64_t publish_due_ns(const struct load *load, uint64_t batch); /* since the start */

/* load.c */
void load_codes_add(struct load_codes *codes, unsigned code);
void load_stop(struct load *load, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
