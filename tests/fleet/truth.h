/* SPDX-License-Identifier: Apache-2.0 */
/* truth.h: what was published and stored, and what each connection was given: the fleet's oracle. */
#ifndef FLEET_TRUTH_H
#define FLEET_TRUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Shares no code with src/: its rules are written from protocol.md and model.md, and its data are
 * arrays that are walked. Whatever the driver does it tells here, and the first thing that may not
 * be is kept as the problem. */

#define FACTS_MAX 1200
#define NODES_MAX 3000
#define FENCES_MAX 4000
#define INSTANCES 2
#define HUBS_MAX 2
#define PEOPLE 20

/* One event. Users and tenants are small numbers; -1: none. */
struct fact {
    char id[40];
    int tenant, user, target, level;
    bool removes_target; /* who is shown it last, and then goes */
    bool asked[INSTANCES], accepted[INSTANCES];
    unsigned life[INSTANCES]; /* of the instance that accepted it */
    bool came[INSTANCES];     /* back from the stream, in this life of the instance */
};

/* A place in the stream. Places are never changed: a stream that loses its end goes on from an
 * earlier one, so that all there ever was is a tree. Node 0 is before the first. */
struct node_there {
    int parent, fact; /* fact -1: none */
    uint64_t n;
};

struct fence_there {
    int tenant, user;
    bool everything; /* else the administrator's role */
    int64_t not_before_ms;
};

/* One connection of one person. */
struct connection {
    bool open, session, resumed, ended, ended_at_once;
    unsigned instance, hub;
    int tenant, user, level;
    bool admin;
    int64_t iat_ms, since_ms;
    bool asked;
    uint64_t asked_epoch, epoch; /* of what it was told last */
    int base, at;                /* nodes; at: what it was told last; -1: it was not told */
    bool base_new;
    unsigned rebases; /* of its instance when it began */
    unsigned char had[FACTS_MAX];
    char position[40];
};

struct truth {
    struct fact facts[FACTS_MAX];
    struct node_there nodes[NODES_MAX];
    int facts_count, nodes_count;
    struct fence_there fences[INSTANCES][HUBS_MAX][FENCES_MAX];
    int fences_count[INSTANCES][HUBS_MAX];
    struct head_there {
        uint64_t epoch, n;
        int node;
    } heads[NODES_MAX]; /* where an instance went on without knowing the check */
    int heads_count;
    int line[INSTANCES]; /* the node that an instance was given last */
    int hub_at[INSTANCES][HUBS_MAX];
    unsigned life[INSTANCES], rebases[INSTANCES];
    struct connection people[PEOPLE];
    int64_t now_ms;
    bool gentle; /* nothing is lost in this world: then nobody is closed for it */
    char problem[300];
};

void truth_fail(struct truth *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Another number in every epoch, and for every place. */
uint64_t truth_check(uint64_t epoch, int node);

int truth_node_new(struct truth *t, int parent, int fact);
int truth_fact_find(const struct truth *t, const char *id, size_t size);
/* The node at n on the way down from `from`; -1. */
int truth_up(const struct truth *t, int from, uint64_t n);
bool truth_is_on(const struct truth *t, int line, int fact);

void truth_restarted(struct truth *t, unsigned instance);
/* It goes on behind this place, of which it knows the number only; not `first`: after a loss. */
void truth_stands(struct truth *t, unsigned instance, uint64_t epoch, int node, bool first);
void truth_came(struct truth *t, unsigned instance, int node);
/* A hub was given a place in the stream; or goes on behind it. */
void truth_announced(struct truth *t, unsigned instance, unsigned hub, uint64_t n, uint64_t check,
                     uint64_t epoch);
void truth_rebased(struct truth *t, unsigned instance, unsigned hub, uint64_t epoch, uint64_t n,
                   uint64_t check, bool first);
void truth_fence(struct truth *t, unsigned instance, unsigned hub, const struct fence_there *fence);

/* Of whom who and where is filled in; `position` is empty, or what it asks with. */
void truth_connected(struct truth *t, unsigned person, const char *position);
void truth_text(struct truth *t, unsigned person, const char *text, size_t size);
void truth_closed(struct truth *t, unsigned person, int code);
/* Nothing is on its way within this instance. */
void truth_settled(struct truth *t, unsigned instance);
/* All is quiet; the stream ends at `tip`. */
void truth_quiet(struct truth *t, int tip);

#endif
