/* SPDX-License-Identifier: Apache-2.0 */
/* load.h: a load for a server: many connections, events at a rate, and what became of each. */
#ifndef LOAD_LOAD_H
#define LOAD_LOAD_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "load/histogram.h"

#define LOAD_CONNECTIONS_MAX 200000u
#define LOAD_PUBLISHERS_MAX 64u
#define LOAD_RATE_MAX 1000000u
#define LOAD_SECONDS_MAX 86400u
#define LOAD_EVENTS_MAX 4000000000u /* of one run: an ordinal has 32 bits */
#define LOAD_BATCH_MAX 1000u        /* what a server takes in one request */
#define LOAD_DATA_SIZE_MAX 32768u   /* an event is 64 KiB at most */
#define LOAD_WHY_SIZE 512u

struct load;

/* Close codes and statuses of HTTP that came, each with its count. 0 stands for connections that
 * ended without a word. Others than the first 24 are counted together. */
#define LOAD_CODES_MAX 24u
struct load_codes {
    unsigned count, code[LOAD_CODES_MAX];
    unsigned long long times[LOAD_CODES_MAX], others;
};

/* What to do. Texts are borrowed for the life of the load. */
struct load_plan {
    const char *url;
    unsigned connections, users; /* 1 <= users <= connections; connection i is user i % users */
    unsigned connect_rate;       /* sign-ins begun a second; 0: as fast as they end */
    bool plain;                  /* without the subprotocol, signed in by the handshake */

    unsigned rate; /* events a second; 0: only hold the connections */
    unsigned batch, publishers, data_size;
    unsigned duration_ms, settle_ms; /* settle: for what is still under way at the end */
    const char *event_type;
    const char *publish_token;
    const char *tenant; /* named in each event, or NULL */
    /* Each event for the next user, whose name is `target` (plain letters) and his number; else
     * each for all, by naming nobody (NULL: administrators receive it) or the one user of all. */
    bool one_by_one;
    const char *target;

    void *owner;
    /* A user's token; borrowed until the next call. Negative: failure. */
    int (*token)(void *owner, unsigned user, const char **ret);
    bool (*stopped)(void *owner);                           /* asked often: shall it end now? */
    void (*progress)(void *owner, const struct load *load); /* ten times a second; may be NULL */
};

enum load_phase { LOAD_JOINING, LOAD_PUBLISHING, LOAD_SETTLING, LOAD_LEAVING, LOAD_ENDED };

/* Counters and times, complete when load_run has returned. */
struct load_result {
    enum load_phase phase;
    bool interrupted;
    char why[LOAD_WHY_SIZE]; /* it ended before its time, for this reason; or empty */

    unsigned signed_in, failed, ended_early; /* connections; signed_in + failed <= asked */
    struct load_codes failed_by, ended_by;
    char first_failure[LOAD_WHY_SIZE];

    /* Of events: due = accepted + refused + unknown + not_sent, at the end. */
    unsigned long long due, accepted, refused, unknown, not_sent;
    unsigned long long requests, resent;
    struct load_codes refused_by;

    /* Of event frames. Once the end is reached: expected = received + lost + in_flight. */
    unsigned long long expected, received, lost;
    unsigned long long in_flight; /* still under way when it was interrupted */
    unsigned long long unsure;    /* not received, of publications that were never answered */
    unsigned long long cut_off;   /* not received by connections that had ended */
    unsigned long long doubled, late, misdelivered, foreign, heartbeats, others, bytes;

    uint64_t joining_ns, publishing_ns; /* how long each took, so far */
    uint64_t receiving_ns;              /* from the start to the last event received */
    uint64_t busy_ns; /* from the start to the end, which is what cpu_ns stands beside */
    uint64_t cpu_ns;  /* of this process, from the first event on */
    struct histogram sign_in, answer, delivery;
};

/* `ret_why` (LOAD_WHY_SIZE bytes) says in words for people what is wrong: an address, too few
 * descriptors or ports, nobody there. MCP_AUTH_E_INVALID, _UNSUPPORTED, _NOT_FOUND, _REFUSED,
 * _SYSTEM, _NOMEM. */
MUST_CHECK int load_new(struct load **ret, const struct load_plan *plan,
                        char ret_why[LOAD_WHY_SIZE]);
void load_free(struct load *load); /* NULL is fine */
/* All of it, to the end. MCP_AUTH_E_SYSTEM or _NOMEM when it could not go on; what was measured
 * stands in the result all the same. */
MUST_CHECK int load_run(struct load *load);
const struct load_result *load_result(const struct load *load);
/* Everything that was asked for was done, and every event came once to whom it should. */
bool load_succeeded(const struct load *load);

#endif
