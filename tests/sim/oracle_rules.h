/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_rules.h: the rules of protocol.md, as plainly as they can be written. */
#ifndef SIM_ORACLE_RULES_H
#define SIM_ORACLE_RULES_H

#include "oracle_plain.h"

enum rule_view { RULE_NOT, RULE_FULL, RULE_SUBJECT, RULE_TARGET, RULE_WATCHER };

struct rule_fence {
    char tenant[SIM_NAME_SIZE], user[SIM_NAME_SIZE];
    enum plain_effect scope;
    char name[2 * SIM_NAME_SIZE + 2];
    int64_t not_before_ms;
};

/* What is left of a token. */
struct rule_identity {
    bool admin, everything_gone;
    char tenant[SIM_NAME_SIZE], user[SIM_NAME_SIZE];
    char roles[SIM_NAMES_MAX][SIM_NAME_SIZE], permissions[SIM_NAMES_MAX][SIM_NAME_SIZE];
    unsigned roles_count, permissions_count;
};

#define RULE_CUT_USER 1u
#define RULE_CUT_NAME 2u
#define RULE_CUT_TARGET 4u

bool rule_fence_of(const struct plain_config *config, const struct plain_event *event,
                   struct rule_fence *ret);
bool rule_fence_covers(const struct plain_config *config, const struct rule_fence *fence,
                       const struct plain_token *token);
void rule_identity(const struct plain_config *config, const struct plain_token *token,
                   const struct rule_fence *fences, unsigned count, struct rule_identity *ret);
enum rule_view rule_view(const struct plain_config *config, const struct rule_identity *who,
                         const struct plain_event *event);
unsigned rule_cut(const struct plain_config *config, enum rule_view view,
                  const struct plain_event *event);
bool rule_filter(const struct plain_filter *filter, const struct plain_event *event);
int rule_level(const char *text);

/* The texts of frames, malloc'd. In place of a position stand 32 bytes \1; of a connection id
 * bytes \2; \3 at the end: anything may follow. */
char *rule_event_text(const struct plain_event *event, unsigned cut);
char *rule_auth_ok_text(const struct plain_config *config, int64_t expires_ms,
                        const struct rule_identity *who, bool resumed);
char *rule_scope_text(const struct rule_identity *who);
char *rule_heartbeat_text(int64_t wall_ms, int bus);
char *rule_subscribed_text(const struct plain_filter *filter);
char *rule_closing_text(int code);
char *rule_pong_text(const char *id_json);

#endif
