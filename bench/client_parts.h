/* SPDX-License-Identifier: Apache-2.0 */
/* client_parts.h: the parts of the load client and what they share. */
#ifndef BENCH_CLIENT_PARTS_H
#define BENCH_CLIENT_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONNECTIONS_MAX 19500u
#define PIDS_MAX 16u
#define PUBLISHERS_MAX 8u
#define TIME_DIGITS 19 /* nanoseconds of CLOCK_MONOTONIC, always as many digits */

/* Who gets a published event. */
enum spread { SPREAD_ALL, SPREAD_MIX, SPREAD_ONE };
/* How an event is published: an order to a WebSocket, HTTP requests, or a line to our host. */
enum road { ROAD_ORDER, ROAD_HTTP, ROAD_HOST };

/* What the command line says; borrowed texts of argv. */
struct plan {
    int port, control_port;
    const char *path, *protocol; /* of the receivers' WebSocket */
    const char *hello;           /* first message, {token} filled in; NULL: none */
    unsigned hello_frames;       /* that many frames answer it */
    bool bearer;                 /* the token in the handshake */
    const char *secret;          /* for the tokens; NULL: none are made */
    const char *role;
    bool mixed_permissions; /* user i holds r<e>:read for every bit e of pattern_mix(i) */
    unsigned connecting;    /* handshakes under way at a time */
    bool burst;             /* the servers are stopped while so many are dialled */
    enum spread spread;
    enum road road;
    const char *publish_path, *publish_header, *publish_type;
    const char *event;                  /* with {time} {pad} {user} {index} */
    const char *prefix, *join, *suffix; /* around and between the events of a request */
    bool single;                        /* a request for each event */
    unsigned publishers;
    bool latency;
    unsigned nap_us; /* between looks when nothing came; 0: waits in epoll_wait */
    unsigned timeout_ms;
    pid_t pids[PIDS_MAX];
    unsigned pid_count;
};

extern struct plan plan;

_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* client_clock.c: time, the servers' CPU time, and the spread of latencies. */
uint64_t now_ns(void);
uint64_t own_cpu_ns(void);
uint64_t servers_cpu_ns(void);         /* user and system, all threads of all pids */
uint64_t servers_cpu_settled_ns(void); /* the same, once it stands still */
void latency_reset(void);
void latency_add(uint64_t ns);
uint64_t latency_count(void);
uint64_t latency_at(double share); /* 0.99: the 99th percentile */

/* client_token.c: HS256 tokens, one a user, made before anything is measured. */
void tokens_make(unsigned count);
const char *token_of(unsigned user);
void user_name(unsigned user, char ret[static 16]);

/* client_swarm.c: the receivers. */
struct totals {
    uint64_t frames, bytes; /* of data frames, with their heads */
    uint64_t unlike;        /* receivers that got another number of frames than they should */
    unsigned open, closed;
};

void swarm_init(void);
int swarm_dial(const char *path, const char *protocol, const char *token, unsigned source);
bool swarm_connect(unsigned count); /* false: not all came in before the timeout */
void swarm_disconnect(void);
void swarm_begin(void); /* counters to nought */
void swarm_want(unsigned receiver, uint32_t frames);
uint64_t swarm_wanted(void);
void swarm_turn(int timeout_ms); /* reads what is there, the publishers' answers too */
void swarm_watch_publisher(int fd, unsigned number);
uint64_t swarm_frames(void);
struct totals swarm_totals(void);
unsigned swarm_count(void);

/* client_publish.c: the publishing side. */
void publish_open(void);
void publish_close(void);
void publish_pad(unsigned bytes);
/* Gives out `events` events as requests of `batch`; with SPREAD_ONE several requests are under
 * way, else it is one request. publish_turn sends the next when an answer came. */
void publish_begin(uint64_t events, unsigned batch);
void publish_readable(unsigned number);
bool publish_done(void);
const char *publish_failure(void); /* the first answer that was none, or NULL */

void send_all(int fd, const void *bytes, size_t size);
size_t masked_text(uint8_t *ret, const char *text, size_t size); /* size + 14 at most */

#endif
