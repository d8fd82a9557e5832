/* SPDX-License-Identifier: Apache-2.0 */
/* redis_fleet.h: private to the Redis broker: what its parts share, and how they pass it on. */
#ifndef BROKER_REDIS_FLEET_H
#define BROKER_REDIS_FLEET_H

#include "base/backoff.h"
#include "base/list.h"
#include "broker/broker_redis.h"
#include "broker/redis_link.h"
#include "broker/redis_scripts.h"
#include "model/stored_fields.h"

/* An answer that is later than this means a server that stands still. */
#define FLEET_ANSWER_MS 1000
#define FLEET_BYTES_PER_MS 1024 /* the slowest network that is thought of */
#define FLEET_WATCH_MS 500      /* between two looks at the epoch, and how long one XREAD waits */
#define FLEET_BACKOFF_FIRST_MS 100
#define FLEET_BACKOFF_MAX_MS 1000
#define FLEET_SHARDS "1"
#define FLEET_WRITER_MS "86400000" /* refreshed by every batch and every attach */
#define FLEET_WHY_SIZE 256u
#define FLEET_INSTANCE_SIZE 8u /* of the instance's name in there, and its generation */
#define FLEET_STORED_BY_SIZE (FLEET_INSTANCE_SIZE + 1 + FLEET_NUMBER_SIZE)
#define FLEET_NUMBER_SIZE 24u /* of a 64-bit number in decimal, and "-0" */

enum fleet_link { FLEET_COMMAND, FLEET_FOLLOWER, FLEET_LISTENER, FLEET_LINKS };

struct redis_fleet;

/* Its address is the owner of a link's callbacks. */
struct fleet_end {
    struct redis_fleet *fleet;
    struct redis_link *link; /* NULL: away */
};

/* Keys that take part in one slot: those in braces are hashed as the stream's name is. */
struct fleet_keys {
    struct bytes stream; /* also the channel */
    struct bytes epoch, fences, writer, ids;
    struct bytes instance; /* the end of `writer` */
};

struct redis_fleet {
    struct broker broker; /* first */
    struct broker_port port;
    struct loop *loop;
    const struct random *random;
    struct tls_context *tls;
    struct redis_url url;
    struct fleet_keys keys;
    uint64_t history_events;
    int64_t history_ms, dedupe_ms, fence_ms;
    bool plain;

    struct now now; /* of the last advance */
    struct fleet_end ends[FLEET_LINKS];
    struct backoff backoff;
    int64_t retry_at_ms; /* while away */
    bool away;           /* no link is open */
    bool fallen;         /* all are to be closed, for `why` */
    char why[FLEET_WHY_SIZE];
    size_t why_size;
    uint64_t generation;                  /* of this attach */
    char stored_by[FLEET_STORED_BY_SIZE]; /* what is stored under it has this in its field w */
    size_t stored_by_size;
    int64_t round_trip_ms;

    /* Where it stands. epoch 0: it has never met the stream. */
    uint64_t epoch, last_n, last_check;
    bool has_check;                /* last_check is known */
    uint64_t next_epoch;           /* while looking for the common place: what it will stand on */
    uint64_t seen_n, seen_first_n; /* at the attach */
    bool standing, listening, fences_known, ready; /* since the attach */

    bool reading;               /* an XREAD is under way, or what it brought is being asked about */
    size_t read_bytes;          /* what one read should bring at most */
    unsigned read_count;        /* entries to ask for by that, as the last ones were; 0: none */
    uint64_t read_n, read_part; /* the id behind which to read: last_n, but for others' entries */
    uint64_t hole_end_n;        /* the number behind a hole that was seen */
    uint64_t hole_upto_n;       /* numbers below it are missing in the stream for good */

    struct list batches;  /* under way, in order */
    size_t batches_bytes; /* of memory here */
    size_t flying_bytes;  /* of events on the wire */

    int64_t watch_at_ms, house_at_ms;
    bool watching, expiring, scanning; /* what is under way on the command link */
    uint64_t fences_version;           /* of the epoch's hash, when they were read */
};

struct redis_fleet *fleet_of(struct broker *broker);

/* Ends this attempt, after the callback: in the next advance. The first reason counts. */
void fleet_fall(struct redis_fleet *fleet, struct bytes why);
/* The same for an answer: an error's own text, or that it is none we know. */
void fleet_fall_for(struct redis_fleet *fleet, const struct redis_reply *reply);
void fleet_fall_for_error(struct redis_fleet *fleet, int error); /* MCP_AUTH_E_* */

/* How long an answer on the command link may take, behind the events that are on their way. A server
 * that stands still is noticed by the follower, however much that is. */
int64_t fleet_patience_ms(const struct redis_fleet *fleet);

/* Sends on one link; falls when it cannot. `answer` gets the fleet_end as its owner. */
void fleet_send(struct redis_fleet *fleet, enum fleet_link which, const struct bytes *args,
                unsigned count, int64_t answer_within_ms, redis_answer_fn *answer, uint64_t tag);
/* What an answer is for, or NULL when it comes too late to matter. */
struct redis_fleet *fleet_answered(void *owner);

/* Ready, when everything has come that must have. */
void fleet_look(struct redis_fleet *fleet);

/* redis_attach.c */
void fleet_attach(struct redis_fleet *fleet);

/* redis_stand.c: where it stands, from what the attach has found. */
void fleet_stand(struct redis_fleet *fleet, enum stand_kind kind, uint64_t epoch,
                 uint64_t common_n);
void fleet_stand_lost(struct redis_fleet *fleet, uint64_t epoch); /* that of the stream */
void fleet_watch_epoch(struct redis_fleet *fleet);

/* redis_follow.c: goes on reading, when there is nothing to wait for. */
void fleet_follow(struct redis_fleet *fleet);
/* It failed while reading: smaller bites, for a network that takes long for large ones. */
void fleet_read_less(struct redis_fleet *fleet);

/* redis_entry.c */
struct stored_entry {
    uint64_t n, part;            /* its id */
    struct stored_fields fields; /* borrowed from the reply */
    struct bytes stored_by;      /* its field w */
    bool ours;                   /* of the version that we know */
};
/* Reads [id, [field, value, ...]]; MCP_AUTH_E_INVALID. */
MUST_CHECK int fleet_entry_in(const struct redis_reply *reply, struct stored_entry *ret);
/* The event of it; one that stands for nothing when nobody can read it. MCP_AUTH_E_NOMEM. */
MUST_CHECK int fleet_entry_event(struct redis_fleet *fleet, const struct stored_entry *entry,
                                 struct event **ret);

/* redis_publish.c */
void fleet_publish(struct broker *broker, const struct broker_batch *batch, int64_t wall_ms);
void fleet_batches_forget(struct redis_fleet *fleet);

/* redis_fences.c */
void fleet_fences_read(struct redis_fleet *fleet);
/* How often they were changed beside the stream; read once more when that is news. */
void fleet_fences_version(struct redis_fleet *fleet, const struct redis_reply *version);
void fleet_fences_write(struct broker *broker, const struct fence *fences, size_t count);
void fleet_keep_house(struct redis_fleet *fleet); /* every hour or so */
struct bytes fleet_fence_name(char *to, const struct fence *fence);
size_t fleet_fence_name_size_max(const struct fence *fence);

/* redis_plain.c */
void fleet_listen(struct redis_fleet *fleet);

/* Decimal, not terminated. */
struct bytes fleet_number(char to[FLEET_NUMBER_SIZE], uint64_t number);
MUST_CHECK int fleet_number_read(struct bytes text, uint64_t *ret);
/* "n-part", the id of an entry. */
#define FLEET_ID_SIZE (2 * FLEET_NUMBER_SIZE + 1)
struct bytes fleet_id(char to[FLEET_ID_SIZE], uint64_t n, uint64_t part);
#define FLEET_EPOCH_SIZE 16u
struct bytes fleet_epoch_text(char to[FLEET_EPOCH_SIZE], uint64_t epoch);
MUST_CHECK int fleet_epoch_read(struct bytes text, uint64_t *ret);

#endif
