/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_rules.c: who may see what, what is taken from whom, and which members are left out. */
#include "oracle_rules.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const sim_type_names[SIM_TYPES] = {
    "permission_granted", "permission_denied",     "permission_revoked",  "role_assigned",
    "role_revoked",       "role_modified",         "user_created",        "user_updated",
    "user_deleted",       "security_violation",    "suspicious_activity", "access_denied",
    "policy_updated",     "configuration_changed",
};

#define PEOPLE                              \
    {                                       \
        "subject", "target", "admins", NULL \
    }

/* protocol.md, "Who may see an event" and "Effects and fences". */
static const struct plain_rule default_rules[SIM_TYPES] = {
    {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_PERMISSION},
    {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_ROLE},           {PEOPLE, PLAIN_NONE},
    {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_EVERYTHING},
    {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_NONE},           {PEOPLE, PLAIN_NONE},
    {{"admins", NULL}, PLAIN_NONE}, {{"admins", NULL}, PLAIN_NONE},
};

static const char *const admin_roles[SIM_ADMIN_ROLES] = {"admin", "rbac_admin"};

static const struct plain_rule *rule_of(const struct plain_config *config, unsigned type)
{
    return config->rules ? &config->rules[type] : &default_rules[type];
}

static bool given(const char *text)
{
    return text && *text;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

/* Exact, or all that begins with what stands before a '*' at the end. */
static bool covers(const char *wide, const char *narrow)
{
    size_t size = strlen(wide);

    if (same(wide, narrow))
        return true;
    return size > 0 && wide[size - 1] == '*' && strncmp(wide, narrow, size - 1) == 0;
}

bool rule_fence_of(const struct plain_config *config, const struct plain_event *event,
                   struct rule_fence *ret)
{
    char *const *m = event->members;
    const char *user = given(m[P_TARGET]) ? m[P_TARGET] : m[P_USER_ID];

    *ret = (struct rule_fence){.scope = rule_of(config, event->type)->effect};
    if (ret->scope == PLAIN_NONE || !given(user))
        return false;
    snprintf(ret->tenant, sizeof ret->tenant, "%s", event->tenant);
    snprintf(ret->user, sizeof ret->user, "%s", user);
    ret->not_before_ms = event->time_ms;
    if (ret->scope == PLAIN_ROLE && given(m[P_ROLE]))
        snprintf(ret->name, sizeof ret->name, "%s", m[P_ROLE]);
    else if (ret->scope == PLAIN_PERMISSION && given(m[P_PERMISSION]))
        snprintf(ret->name, sizeof ret->name, "%s", m[P_PERMISSION]);
    else if (ret->scope == PLAIN_PERMISSION && given(m[P_RESOURCE]) && given(m[P_ACTION]))
        snprintf(ret->name, sizeof ret->name, "%s:%s", m[P_RESOURCE], m[P_ACTION]);
    return ret->scope == PLAIN_EVERYTHING || ret->name[0];
}

bool rule_fence_covers(const struct plain_config *config, const struct rule_fence *fence,
                       const struct plain_token *token)
{
    return same(fence->tenant, token->tenant) && same(fence->user, token->user) &&
           (!token->has_iat || token->iat_ms <= fence->not_before_ms + config->skew_ms);
}

static bool taken(const struct plain_config *config, const struct plain_token *token,
                  const struct rule_fence *fences, unsigned count, enum plain_effect scope,
                  const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (fences[i].scope == scope && rule_fence_covers(config, &fences[i], token) &&
            (scope == PLAIN_ROLE ? same(fences[i].name, name) : covers(fences[i].name, name)))
            return true;
    return false;
}

static bool listed(char names[][SIM_NAME_SIZE], unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (same(names[i], name))
            return true;
    return false;
}

void rule_identity(const struct plain_config *config, const struct plain_token *token,
                   const struct rule_fence *fences, unsigned count, struct rule_identity *ret)
{
    *ret = (struct rule_identity){0};
    strcpy(ret->tenant, token->tenant);
    strcpy(ret->user, token->user);
    for (unsigned i = 0; i < count; i++)
        if (fences[i].scope == PLAIN_EVERYTHING && rule_fence_covers(config, &fences[i], token))
            ret->everything_gone = true;
    for (unsigned i = 0; i < token->roles_count; i++)
        if (!listed(ret->roles, ret->roles_count, token->roles[i]) &&
            !taken(config, token, fences, count, PLAIN_ROLE, token->roles[i]))
            strcpy(ret->roles[ret->roles_count++], token->roles[i]);
    for (unsigned i = 0; i < token->permissions_count; i++)
        if (!listed(ret->permissions, ret->permissions_count, token->permissions[i]) &&
            !taken(config, token, fences, count, PLAIN_PERMISSION, token->permissions[i]))
            strcpy(ret->permissions[ret->permissions_count++], token->permissions[i]);
    for (unsigned i = 0; i < SIM_ADMIN_ROLES; i++)
        if (listed(ret->roles, ret->roles_count, admin_roles[i]))
            ret->admin = true;
}

/* "permission:{resource}:{action}" for this event. False: it names none. */
static bool filled(const char *template, const struct plain_event *event, char *ret, size_t room)
{
    size_t at = 0;

    while (*template) {
        const char *part = NULL;

        if (strncmp(template, "{resource}", 10) == 0) {
            part = event->members[P_RESOURCE];
            template += 10;
        } else if (strncmp(template, "{action}", 8) == 0) {
            part = event->members[P_ACTION];
            template += 8;
        } else {
            ret[at++] = *template ++;
            continue;
        }
        if (!given(part))
            return false;
        at += (size_t)snprintf(ret + at, room - at, "%s", part);
    }
    ret[at] = 0;
    return at > 0;
}

static bool watches(const struct rule_identity *who, const char *receiver,
                    const struct plain_event *event)
{
    char permission[4 * SIM_NAME_SIZE];

    if (strncmp(receiver, "role:", 5) == 0)
        return listed((char(*)[SIM_NAME_SIZE])(uintptr_t)who->roles, who->roles_count,
                      receiver + 5);
    if (strncmp(receiver, "permission:", 11) != 0 ||
        !filled(receiver + 11, event, permission, sizeof permission))
        return false;
    for (unsigned i = 0; i < who->permissions_count; i++)
        if (covers(who->permissions[i], permission))
            return true;
    return false;
}

static bool is_named(const struct rule_identity *who, const char *user)
{
    return given(user) && same(who->user, user);
}

enum rule_view rule_view(const struct plain_config *config, const struct rule_identity *who,
                         const struct plain_event *event)
{
    const struct plain_rule *rule = rule_of(config, event->type);
    enum rule_view best = RULE_NOT;

    if (!same(who->tenant, event->tenant))
        return RULE_NOT;
    for (unsigned i = 0; rule->receivers[i]; i++) {
        const char *receiver = rule->receivers[i];
        enum rule_view view = RULE_NOT;

        if (same(receiver, "admins"))
            view = who->admin ? RULE_FULL : RULE_NOT;
        else if (same(receiver, "subject"))
            view = is_named(who, event->members[P_USER_ID]) ? RULE_SUBJECT : RULE_NOT;
        else if (same(receiver, "target"))
            view = is_named(who, event->members[P_TARGET]) ? RULE_TARGET : RULE_NOT;
        else if (watches(who, receiver, event))
            view = RULE_WATCHER;
        if (view != RULE_NOT && (best == RULE_NOT || view < best))
            best = view;
    }
    return best != RULE_NOT && who->admin ? RULE_FULL : best;
}

/* protocol.md, "Views": other people's user_name and id, for who is no administrator. */
unsigned rule_cut(const struct plain_config *config, enum rule_view view,
                  const struct plain_event *event)
{
    const char *subject = event->members[P_USER_ID], *target = event->members[P_TARGET];
    bool one_person = given(subject) && given(target) && same(subject, target);
    bool is_subject = view == RULE_SUBJECT || (view == RULE_TARGET && one_person);
    bool is_target = view == RULE_TARGET || (view == RULE_SUBJECT && one_person);
    unsigned cut = 0;

    if (view == RULE_FULL || config->privacy == 0)
        return 0;
    if (!is_subject)
        cut |= RULE_CUT_NAME | (config->privacy == 2 ? RULE_CUT_USER : 0);
    if (!is_target && config->privacy == 2)
        cut |= RULE_CUT_TARGET;
    return cut;
}

int rule_level(const char *text)
{
    static const struct {
        const char *text;
        int rank;
    } levels[] = {{"LOW", 0},     {"INFO", 0}, {"MEDIUM", 1},
                  {"WARNING", 1}, {"HIGH", 2}, {"CRITICAL", 3}};

    for (unsigned i = 0; text && i < sizeof levels / sizeof levels[0]; i++)
        if (strcasecmp(levels[i].text, text) == 0)
            return levels[i].rank;
    return 0;
}

bool rule_filter(const struct plain_filter *filter, const struct plain_event *event)
{
    if (!(filter->types & 1u << event->type) ||
        rule_level(event->members[P_LEVEL]) < filter->level_min)
        return false;
    if (!filter->has_resources)
        return true;
    for (unsigned i = 0; i < filter->resources_count && event->members[P_RESOURCE]; i++)
        if (covers(filter->resources[i], event->members[P_RESOURCE]))
            return true;
    return false;
}
