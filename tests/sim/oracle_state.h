/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_state.h: what the oracle remembers; shared by its files only. */
#ifndef SIM_ORACLE_STATE_H
#define SIM_ORACLE_STATE_H

#include "oracle.h"
#include "oracle_rules.h"

#define ORACLE_FENCES_MAX 4096
#define ORACLE_DUE_MAX 6

enum oracle_state { O_NONE, O_WAITING, O_CATCHUP, O_LIVE, O_LEAVING, O_CLOSED };

/* One frame that must arrive. */
struct want {
    const char *text; /* NULL: a PING */
    char *own;        /* to be freed */
    uint64_t n;       /* of the position in it */
    size_t frame_size;
};

struct oracle_session {
    enum oracle_state state;
    unsigned hub;
    bool control, has_handshake, was_live, cut_silently, has_id;
    struct plain_token token, handshake;
    struct rule_identity who;
    struct plain_filter filter;
    char connection_id[32];
    /* What must arrive: wants[got..count) have not, wants[sent..count) are not whole on the wire. */
    struct want *wants;
    unsigned count, room, got, sent;
    size_t sent_part; /* of wants[sent] */
    uint64_t owed;
    /* Resume. */
    uint64_t asked_n, cursor, skip_to, leaving_n;
    uint32_t serial;
    bool first, waiting, must_ask;
    /* Clocks. */
    int64_t leaving_due; /* its last event comes before, or not at all */
    int64_t expires, handshake_expires, auth_due, ping_due, heartbeat_due, window_began;
    unsigned window_count;
    bool pinged, heard;
    /* The close that this turn must bring: any of these codes. */
    int due[ORACLE_DUE_MAX];
    unsigned due_count;
    bool may_expire;
    bool error_said; /* a text of free length was sent: it may not have had room */
};

struct oracle_hub {
    uint64_t head;
    int64_t mono, wall;
    int bus;
    struct rule_fence fences[ORACLE_FENCES_MAX];
    unsigned fences_count;
};

struct oracle_entry {
    const struct plain_event *event;
    char *texts[8];   /* by cut */
    unsigned applied; /* hubs that have applied its effect */
    bool has_fence;
};

struct oracle {
    const struct plain_config *config;
    struct oracle_hub hubs[SIM_HUBS_MAX];
    struct oracle_entry *entries; /* [n] */
    uint64_t entries_count, entries_room, bus_head, safe_n;
    char (*checks)[SIM_POSITION_SIZE + 1]; /* [n]: the position's text, as first seen */
    struct oracle_session *sessions;
    unsigned sessions_count;
    bool failed;
    char problem[2048];
};

void oracle_fail(struct oracle *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
struct oracle_session *oracle_session(struct oracle *o, unsigned client);
/* Queues what must arrive; takes `own`. False: there was no room, and the session goes. */
bool oracle_want(struct oracle *o, struct oracle_session *s, const char *text, char *own,
                 uint64_t n, bool always);
void oracle_want_control(struct oracle *o, struct oracle_session *s, char *own, uint64_t n);
void oracle_due(struct oracle_session *s, int code);
void oracle_cut(struct oracle_session *s);
void oracle_want_event(struct oracle *o, struct oracle_session *s, uint64_t n, enum rule_view view,
                       bool replay);
bool oracle_has_room(const struct oracle *o, const struct oracle_session *s);
/* May this session see the event at n, today? */
enum rule_view oracle_view(struct oracle *o, const struct oracle_session *s, uint64_t n);

#endif
