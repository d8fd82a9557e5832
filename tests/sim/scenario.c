/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.c: what chance offers: few names, so that they meet, and every odd kind of input. */
#include <stdio.h>
#include <string.h>

#include "token.h"
#include "world.h"

const char *const scenario_users[SCENARIO_USERS] = {"ann", "bob", "cid", "d\xc3\xa9"};
const char *const scenario_tenants[SCENARIO_TENANTS] = {"", "t1", "t2"};
const char *const scenario_roles[SCENARIO_ROLES] = {"admin",   "rbac_admin", "editor",
                                                    "auditor", "viewer",     "realtime:publish"};
const char *const scenario_permissions[SCENARIO_PERMISSIONS] = {
    "doc:read", "doc:write", "doc:*", "d*", "*", "repo:push", "repo:*", "doc:r*", "repo:push*"};

#define PEOPLE "subject", "target", "admins"

/* Watchers by role and by permission, and no administrators for some. */
static const struct plain_rule rules_with_watchers[SIM_TYPES] = {
    {{PEOPLE, "permission:{resource}:{action}", NULL}, PLAIN_NONE},
    {{PEOPLE, "role:auditor", NULL}, PLAIN_NONE},
    {{PEOPLE, "permission:{resource}:{action}", NULL}, PLAIN_PERMISSION},
    {{"role:auditor", "subject", NULL}, PLAIN_NONE},
    {{PEOPLE, "role:viewer", NULL}, PLAIN_ROLE},
    {{"permission:doc:read", "admins", NULL}, PLAIN_NONE},
    {{"target", NULL}, PLAIN_NONE},
    {{PEOPLE, "role:editor", "permission:{resource}:write", NULL}, PLAIN_NONE},
    {{PEOPLE, "role:auditor", NULL}, PLAIN_EVERYTHING},
    {{"role:auditor", "role:viewer", NULL}, PLAIN_NONE},
    {{"permission:{action}:{resource}", "subject", NULL}, PLAIN_NONE},
    {{"subject", NULL}, PLAIN_NONE},
    {{"role:admin", "role:viewer", NULL}, PLAIN_NONE},
    {{"admins", "permission:*:{action}", NULL}, PLAIN_NONE},
};

/* Other effects on other types. */
static const struct plain_rule rules_with_effects[SIM_TYPES] = {
    {{PEOPLE, NULL}, PLAIN_NONE},
    {{PEOPLE, "permission:{resource}:{action}", NULL}, PLAIN_PERMISSION},
    {{PEOPLE, NULL}, PLAIN_NONE},
    {{"admins", NULL}, PLAIN_NONE},
    {{"role:auditor", "admins", NULL}, PLAIN_ROLE},
    {{PEOPLE, "role:viewer", NULL}, PLAIN_ROLE},
    {{PEOPLE, NULL}, PLAIN_NONE},
    {{"permission:{resource}:{action}", NULL}, PLAIN_NONE},
    {{"admins", "role:auditor", NULL}, PLAIN_EVERYTHING},
    {{PEOPLE, "role:editor", NULL}, PLAIN_NONE},
    {{PEOPLE, NULL}, PLAIN_NONE},
    {{"permission:repo:push", "target", NULL}, PLAIN_NONE},
    {{"role:viewer", NULL}, PLAIN_NONE},
    {{"admins", NULL}, PLAIN_NONE},
};

void scenario_config(struct world *w)
{
    struct dice *dice = &w->dice;
    unsigned rules = dice_below(dice, 4), lively = dice_below(dice, 3);

    w->config = (struct plain_config){
        .hubs = 2 + dice_below(dice, SIM_HUBS_MAX - 1),
        .privacy = (int)dice_below(dice, 3),
        .rules = rules == 0   ? rules_with_watchers
                 : rules == 1 ? rules_with_effects
                              : NULL,
        .epoch = 1 + dice_roll(dice),
        .skew_ms = dice_chance(dice, 70) ? 5000 : 0,
        .leeway_ms = dice_chance(dice, 50) ? 30000 : 0,
        .age_max_ms = 30ll * 24 * 3600 * 1000,
        .heartbeat_ms = dice_chance(dice, 60) ? 30000 : 3000 + dice_below(dice, 12) * 1000,
        .auth_timeout_ms = 10000,
        .rate_window_ms = 60000,
        .rate_messages = dice_chance(dice, 50) ? 100 : 10 + dice_below(dice, 20),
        .dedupe_ms = dice_chance(dice, 60) ? 600000 : 20000,
        .history_events = dice_chance(dice, 60) ? 100000 : 5 + dice_below(dice, 200),
        .places = dice_chance(dice, 80) ? 1000 : 6 + dice_below(dice, 12),
        .outbox_bytes_max = dice_chance(dice, 40) ? 256 * 1024 : 12000 + dice_below(dice, 60000),
        .frame_log_small = dice_chance(dice, 15),
    };
    w->publish_permille = lively == 0 ? 40 : lively == 1 ? 220 : 400;
    w->connect_permille = dice_chance(dice, 70) ? 60 : 20;
    stats.policies += w->config.rules != NULL;
    stats.privacies += w->config.privacy != 0;
}

static void choose(struct dice *dice, char to[][SIM_NAME_SIZE], unsigned *count, unsigned max,
                   const char *const *from, unsigned from_count)
{
    *count = dice_below(dice, max + 1);
    for (unsigned i = 0; i < *count; i++) /* now and then the same one twice */
        snprintf(to[i], SIM_NAME_SIZE, "%s", from[dice_below(dice, from_count)]);
}

static void choose_times(struct world *w, struct plain_token *token)
{
    struct dice *dice = &w->dice;
    int64_t now = w->now.wall_ms, second = now - now % 1000;

    token->has_iat = dice_chance(dice, 90);
    token->iat_ms = second - dice_between(dice, 0, dice_chance(dice, 70) ? 8 : 120) * 1000;
    if (dice_chance(dice, 3)) /* from the future, by far or just within the leeway */
        token->iat_ms =
            second + (dice_chance(dice, 50) ? 120000 : w->config.leeway_ms / 2000 * 1000);
    else if (dice_chance(dice, 1))
        token->iat_ms = second - w->config.age_max_ms + dice_between(dice, -60, 60) * 1000;
    token->exp_ms = second + dice_between(dice, 2, dice_chance(dice, 25) ? 20 : 900) * 1000 +
                    (dice_chance(dice, 20) ? 250 : 0);
    if (dice_chance(dice, 3))
        token->exp_ms = second - w->config.leeway_ms - dice_between(dice, 1, 50) * 1000;
    token->has_nbf = dice_chance(dice, 20);
    token->nbf_ms = dice_chance(dice, 5) ? second + 120000 : second - 1000;
}

void scenario_token(struct world *w, struct plain_token *ret, char text[], const char *user,
                    const char *tenant)
{
    struct dice *dice = &w->dice;
    enum token_fault fault =
        dice_chance(dice, 4) ? 1 + dice_below(dice, TOKEN_FAULTS - 1) : TOKEN_GOOD;
    unsigned t = dice_chance(dice, 60) ? 1 : dice_below(dice, SCENARIO_TENANTS);

    *ret = (struct plain_token){.good = fault == TOKEN_GOOD};
    snprintf(ret->user, sizeof ret->user, "%s",
             user ? user : scenario_users[dice_below(dice, SCENARIO_USERS)]);
    snprintf(ret->tenant, sizeof ret->tenant, "%s", tenant ? tenant : scenario_tenants[t]);
    choose(dice, ret->roles, &ret->roles_count, 3, scenario_roles, SCENARIO_ROLES);
    choose(dice, ret->permissions, &ret->permissions_count, 4, scenario_permissions,
           SCENARIO_PERMISSIONS);
    for (unsigned i = 0; i < ret->permissions_count; i++)
        stats.wildcards += strchr(ret->permissions[i], '*') != NULL;
    choose_times(w, ret);
    token_make(text, ret, fault);
}

static void write_position(char text[SIM_POSITION_SIZE + 1], uint64_t epoch, uint64_t n,
                           uint64_t check)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint64_t words[3] = {epoch, n, check};

    for (unsigned i = 0; i < SIM_POSITION_SIZE; i++) {
        unsigned digit = 0;

        for (unsigned bit = 6 * i; bit < 6 * i + 6; bit++)
            digit = digit << 1 | (words[bit / 64] >> (63 - bit % 64) & 1);
        text[i] = digits[digit];
    }
    text[SIM_POSITION_SIZE] = 0;
}

void scenario_position(struct world *w, unsigned hub, char text[64], struct plain_position *ret,
                       bool *ret_readable, bool *ret_check_good)
{
    static const char *const garbage[] = {"", "x", "not a position at all, by no means",
                                          "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    struct dice *dice = &w->dice;
    uint64_t epoch = w->config.epoch, head = oracle_head(w->oracle, 0);
    unsigned roll = dice_below(dice, 100);

    *ret = (struct plain_position){.given = true};
    *ret_readable = *ret_check_good = true;
    if (roll < 80 && w->seen_count > 0) {
        const struct seen *seen = &w->seen[dice_below(dice, w->seen_count)];

        strcpy(text, seen->text);
        ret->n = seen->n;
    } else if (roll < 84) {
        write_position(text, epoch, 0, 0);
    } else if (roll < 88) { /* the event there is another one */
        ret->n = dice_roll(dice) % (head + 1);
        write_position(text, epoch, ret->n, 1 + dice_roll(dice));
        *ret_check_good = false;
        *ret_readable = ret->n != 0; /* before the first event there is none to check */
    } else if (roll < 92 && !world_has_bus(hub)) { /* from the future, and there is no other one */
        ret->n = w->plains_count + 1 + dice_below(dice, 1000);
        write_position(text, epoch, ret->n, dice_roll(dice));
        *ret_check_good = false;
    } else if (roll < 96) {
        write_position(text, 0, head, dice_roll(dice)); /* of none, so of no other's */
        *ret_readable = false;
    } else {
        strcpy(text, garbage[dice_below(dice, ARRAY_COUNT(garbage))]);
        *ret_readable = false;
    }
}

void scenario_filter(struct world *w, struct plain_filter *ret, char text[2048])
{
    static const char *const resources[] = {"doc", "d*", "*", "repo", "doc1", "r*"};
    static const char *const levels[] = {"LOW", "medium", "High", "CRITICAL", "INFO", "warning"};
    static const int ranks[] = {0, 1, 2, 3, 0, 1};
    struct dice *dice = &w->dice;
    size_t at = 0, room = 2048;
    const char *comma = "";

    *ret = (struct plain_filter){.types = (1u << SIM_TYPES) - 1};
    text[0] = 0;
    if (dice_chance(dice, 40)) {
        ret->types = (uint32_t)dice_roll(dice) & ((1u << SIM_TYPES) - 1);
        at += (size_t)snprintf(text, room, "\"event_types\":[");
        for (int i = 0; i < SIM_TYPES; i++) {
            if (!(ret->types & 1u << i))
                continue;
            at += (size_t)snprintf(text + at, room - at, "%s\"%s\"", comma, sim_type_names[i]);
            comma = ",";
        }
        at += (size_t)snprintf(text + at, room - at, "]");
        comma = ",";
    }
    if (dice_chance(dice, 30)) {
        ret->has_resources = true;
        choose(dice, ret->resources, &ret->resources_count, 4, resources, ARRAY_COUNT(resources));
        at += (size_t)snprintf(text + at, room - at, "%s\"resources\":[", comma);
        for (unsigned i = 0; i < ret->resources_count; i++)
            at +=
                (size_t)snprintf(text + at, room - at, "%s\"%s\"", i ? "," : "", ret->resources[i]);
        at += (size_t)snprintf(text + at, room - at, "]");
        comma = ",";
    }
    if (dice_chance(dice, 30)) {
        unsigned level = dice_below(dice, ARRAY_COUNT(levels));

        ret->level_min = ranks[level];
        snprintf(text + at, room - at, "%s\"min_security_level\":\"%s\"", comma, levels[level]);
    }
}
