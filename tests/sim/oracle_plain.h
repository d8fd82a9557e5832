/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_plain.h: plain data that the driver and the oracle tell each other, without any type of src/. */
#ifndef SIM_ORACLE_PLAIN_H
#define SIM_ORACLE_PLAIN_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_HUBS_MAX 4
#define SIM_NAMES_MAX 6
#define SIM_NAME_SIZE 32
#define SIM_TYPES 14
#define SIM_POSITION_SIZE 32
#define SIM_RECEIVERS_MAX 6
#define SIM_ADMIN_ROLES 2

/* What a token says. Not `good`: forged or misshapen, whatever it says. */
struct plain_token {
    bool good, has_iat, has_nbf;
    char tenant[SIM_NAME_SIZE], user[SIM_NAME_SIZE];
    char roles[SIM_NAMES_MAX][SIM_NAME_SIZE], permissions[SIM_NAMES_MAX][SIM_NAME_SIZE];
    unsigned roles_count, permissions_count;
    int64_t iat_ms, exp_ms, nbf_ms;
};

struct plain_filter {
    uint32_t types; /* bit per row of the type table */
    int level_min;
    bool has_resources;
    char resources[SIM_NAMES_MAX][SIM_NAME_SIZE];
    unsigned resources_count;
};

enum plain_member {
    P_MESSAGE,
    P_LEVEL,
    P_USER_ID,
    P_USER_NAME,
    P_TARGET,
    P_RESOURCE,
    P_RESOURCE_ID,
    P_ACTION,
    P_ROLE,
    P_PERMISSION,
    P_TENANT,
    P_MEMBERS
};

/* What a publisher gave: NULL where nothing. `data` is what should be left of it, as compact JSON. */
struct plain_event {
    unsigned type;
    char id[72];
    bool id_given;
    char tenant[SIM_NAME_SIZE]; /* in which it happens, named or not */
    char *members[P_MEMBERS];
    char *data;
    int64_t time_ms;
};

enum plain_effect { PLAIN_NONE, PLAIN_EVERYTHING, PLAIN_ROLE, PLAIN_PERMISSION };

/* One row of an audience policy: receivers in the words of the protocol. */
struct plain_rule {
    const char *receivers[SIM_RECEIVERS_MAX]; /* ends with NULL */
    enum plain_effect effect;
};

struct plain_config {
    unsigned hubs;
    int privacy;                    /* 0 full, 1 id, 2 none */
    const struct plain_rule *rules; /* per type; NULL: the protocol's own table */
    uint64_t epoch;
    int64_t skew_ms, leeway_ms, age_max_ms, heartbeat_ms, auth_timeout_ms, rate_window_ms;
    int64_t dedupe_ms;
    unsigned rate_messages, history_events, places;
    uint64_t outbox_bytes_max;
    bool frame_log_small; /* any backlog may then be cut */
};

/* As a client presents it. */
struct plain_position {
    bool given;
    uint64_t n;
    bool ours; /* right epoch and right check for n */
};

enum plain_outcome { PLAIN_SLICE, PLAIN_LOST };

extern const char *const sim_type_names[SIM_TYPES];

#endif
