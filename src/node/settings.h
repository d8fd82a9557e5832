/* SPDX-License-Identifier: Apache-2.0 */
/* settings.h: every setting: name, default, range, help; read from flags, environment and files. */
#ifndef NODE_SETTINGS_H
#define NODE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/authenticate.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "model/privacy.h"

/* A list of texts, one allocation each way. */
struct text_list {
    struct bytes *items;
    unsigned count;
};

/* What becomes of an event that another program published on the channel of Redis. */
enum redis_plain { REDIS_PLAIN_ACCEPT, REDIS_PLAIN_NO_EFFECTS, REDIS_PLAIN_OFF };

/* The values in force, after checking. Immutable once a node runs; strings live as long as it. */
struct settings {
    int64_t heartbeat_ms;
    unsigned max_connections;
    unsigned rate_messages;
    int64_t rate_window_ms;
    struct bytes redis_url, redis_password, redis_prefix, redis_ca_file; /* absent when none */
    int64_t bus_deadline_ms, max_isolation_ms;                           /* the latter 0: never */
    enum redis_plain redis_plain;
    struct text_list listen, metrics_listen; /* addresses as written */
    unsigned workers;                        /* 1.. */
    size_t history_events;
    int64_t history_ms, dedupe_ms;
    struct bytes jwt_secret;                                  /* absent when none */
    struct bytes jwt_public_key_file, jwks_file, policy_file; /* paths; absent when none */
    struct bytes jwks_url, jwks_ca_file;
    int64_t jwks_renew_ms;
    struct bytes issuers_file; /* the same */
    unsigned jwt_algorithms;   /* bits of enum jwt_algorithm; 0: all that the keys serve */
    struct token_rules tokens; /* issuer, audience, leeway, age, claims, admin roles, skew */
    struct text_list admin_roles;
    struct bytes api_key; /* absent when none */
    struct text_list allowed_origins;
    bool origins_restricted; /* the setting is there */
    enum privacy privacy;
    bool privacy_given; /* else it is the default */
    /* There, be it right or wrong: what is wrong is not asked for as well. */
    bool keys_given, issuer_given, audience_given;
    bool algorithms_told;         /* that they serve none of the keys; never in force */
    struct text_list redact_keys; /* folded */
    int64_t auth_timeout_ms;
    unsigned user_connections; /* of one user; 0: no limit */
    unsigned publish_rate;     /* events a second and publisher; 0: no limit */
    bool ws_deflate;           /* agree to permessage-deflate */
    enum log_level log_level;
    bool log_json;
    bool dev;         /* serve --dev: loopback only, foreign Host refused */
    bool secret_made; /* jwt_secret is a throw-away one */
};

/* The settings being collected; wraps struct settings with where each value came from. */
struct settings_builder;

enum setting_source { SOURCE_DEFAULT, SOURCE_FILE, SOURCE_ENVIRONMENT, SOURCE_FLAG };

struct setting_info {
    const char *name;  /* "MCP_AUTH_LISTEN" */
    const char *flag;  /* "--listen" */
    const char *help;  /* one line, with unit */
    const char *range; /* "1..3600 seconds" */
    const char *default_text;
    bool secret;        /* its value is never printed; may come as NAME_FILE */
    struct bytes value; /* as written; "(set)" for a secret, an address without its password */
    enum setting_source source;
    const char *where; /* "file.env:3", or NULL */
};

typedef void (*settings_problem)(void *owner, const char *text);

MUST_CHECK int settings_builder_new(struct settings_builder **ret);
void settings_builder_free(struct settings_builder *builder);
/* By full name or by flag. Tolerates surrounding white space, a pair of quotes and a trailing
 * "  # comment". A weaker source never replaces a stronger one; an empty value is as good as none.
 * MCP_AUTH_E_NOT_FOUND for an unknown name, _UNSUPPORTED for one of a later version, _TOO_BIG. */
MUST_CHECK int settings_set(struct settings_builder *builder, const char *name, struct bytes value,
                            enum setting_source source, const char *where);
/* KEY=value  # comment; a name at most once. Problems (with FILE:LINE) go to `problem`; MCP_AUTH_E_INVALID if any. */
MUST_CHECK int settings_load_file(struct settings_builder *builder, const char *path,
                                  settings_problem problem, void *owner);
/* Takes the names it knows; an unknown MCP_AUTH_* name is a problem with a suggestion, a setting of
 * the protocol that this version does not have yet is a problem that says so. MCP_AUTH_BIN,
 * MCP_AUTH_URL, MCP_AUTH_TOKEN are for the command line and are left alone. */
MUST_CHECK int settings_load_environment(struct settings_builder *builder, char *const *environment,
                                         settings_problem problem, void *owner);
unsigned settings_count(void);
/* The name, or its _FILE form or flag, that was probably meant; NULL when nothing is near. */
const char *settings_suggestion(const char *name);
/* For `serve --dev`: loopback addresses only, and a throw-away secret when no key is set. */
MUST_CHECK int settings_set_dev(struct settings_builder *builder);
void settings_info(const struct settings_builder *builder, unsigned index,
                   struct setting_info *ret);
/* Checks all and says everything that is wrong, each with name, value and allowed range. Reads the
 * _FILE ones. The result is yours and no longer needs the builder. */
MUST_CHECK int settings_finish(struct settings_builder *builder, settings_problem problem,
                               void *owner, struct settings **ret);
/* The same, but *ret is there after MCP_AUTH_E_INVALID too, with what is right of it: to look for
 * more mistakes in the files that it names, and for nothing else. */
MUST_CHECK int settings_try(struct settings_builder *builder, settings_problem problem, void *owner,
                            struct settings **ret);
void settings_free(struct settings *settings); /* wipes secrets */

/* settings_live.c. Calls `differs` with the name of each setting that is not the same in both, and
 * whether it can change while a server runs. */
typedef void (*setting_differs)(void *owner, const char *name, bool live);
void settings_compare(const struct settings *a, const struct settings *b, setting_differs differs,
                      void *owner);
/* May the setting of this name, a number (of milliseconds, if it is a time), be this? *ret_range says
 * what it may be: "1..3600 seconds". */
#define SETTINGS_RANGE_SIZE 128u
bool settings_number_fits(const char *name, int64_t value, char ret_range[SETTINGS_RANGE_SIZE]);

#endif
