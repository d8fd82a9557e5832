/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_texts.c: the frames of protocol.md, member by member, written down a second time. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "oracle_rules.h"

struct text {
    char *bytes;
    size_t size, room;
};

static void put(struct text *text, const char *more)
{
    size_t size = strlen(more);

    if (text->size + size + 1 > text->room) {
        text->room = 2 * (text->size + size) + 256;
        text->bytes = realloc(text->bytes, text->room);
        if (!text->bytes)
            abort();
    }
    memcpy(text->bytes + text->size, more, size + 1);
    text->size += size;
}

/* The sim's texts need no other escapes than these. */
static void put_string(struct text *text, const char *value)
{
    char piece[3] = {0};

    put(text, "\"");
    for (; *value; value++) {
        if (*value == '"' || *value == '\\' || *value == '\n') {
            piece[0] = '\\';
            piece[1] = *value == '\n' ? 'n' : *value;
        } else {
            piece[0] = *value;
            piece[1] = 0;
        }
        put(text, piece);
    }
    put(text, "\"");
}

static void put_member(struct text *text, const char *name, const char *value)
{
    if (!value)
        return;
    put(text, text->size > 1 ? ",\"" : "\"");
    put(text, name);
    put(text, "\":");
    put_string(text, value);
}

static void put_names(struct text *text, const char *name, const char names[][SIM_NAME_SIZE],
                      unsigned count)
{
    put(text, ",\"");
    put(text, name);
    put(text, "\":[");
    for (unsigned i = 0; i < count; i++) {
        put(text, i ? "," : "");
        put_string(text, names[i]);
    }
    put(text, "]");
}

static void put_position(struct text *text)
{
    char place[SIM_POSITION_SIZE + 1];

    memset(place, 1, SIM_POSITION_SIZE);
    place[SIM_POSITION_SIZE] = 0;
    put_member(text, "position", place);
}

static void put_time(struct text *text, const char *name, int64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm parts;
    char date[32], whole[48];

    gmtime_r(&seconds, &parts);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(whole, sizeof whole, "%s.%03dZ", date, (int)(wall_ms % 1000));
    put_member(text, name, whole);
}

static const char *const default_messages[SIM_TYPES] = {
    "A permission was granted",
    "A permission was denied",
    "A permission was revoked",
    "A role was assigned",
    "A role was revoked",
    "A role was modified",
    "A user was created",
    "A user was updated",
    "A user was deleted",
    "A security violation was reported",
    "Suspicious activity was reported",
    "Access was denied",
    "A policy was updated",
    "The configuration was changed",
};

char *rule_event_text(const struct plain_event *event, unsigned cut)
{
    static const char *const names[P_MEMBERS] = {"message",     "security_level", "user_id",
                                                 "user_name",   "target_user_id", "resource",
                                                 "resource_id", "action",         "role_name",
                                                 "permission",  "tenant_id"};
    struct text text = {0};

    put(&text, "{");
    put_member(&text, "type", "event");
    put_member(&text, "id", event->id);
    put_member(&text, "event_type", sim_type_names[event->type]);
    put_time(&text, "timestamp", event->time_ms);
    for (int i = 0; i < P_MEMBERS; i++) {
        const char *value = event->members[i];

        if ((i == P_USER_ID && cut & RULE_CUT_USER) || (i == P_USER_NAME && cut & RULE_CUT_NAME) ||
            (i == P_TARGET && cut & RULE_CUT_TARGET))
            continue;
        if (i == P_MESSAGE && !value)
            value = default_messages[event->type];
        if (i == P_LEVEL && !value)
            value = "LOW";
        put_member(&text, names[i], value);
    }
    if (event->data) {
        put(&text, ",\"data\":");
        put(&text, event->data);
    }
    put_position(&text);
    put(&text, "}");
    return text.bytes;
}

char *rule_auth_ok_text(const struct plain_config *config, int64_t expires_ms,
                        const struct rule_identity *who, bool resumed)
{
    struct text text = {0};
    char tail[64];

    put(&text, "{");
    put_member(&text, "type", "auth_ok");
    put_member(&text, "connection_id", "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2");
    put_member(&text, "user_id", who->user);
    put_member(&text, "tenant_id", who->tenant);
    put_names(&text, "roles", who->roles, who->roles_count);
    put_names(&text, "permissions", who->permissions, who->permissions_count);
    put_time(&text, "expires_at", expires_ms);
    put_position(&text);
    snprintf(tail, sizeof tail, ",\"resumed\":%s,\"heartbeat_interval\":%" PRId64 "}",
             resumed ? "true" : "false", config->heartbeat_ms / 1000);
    put(&text, tail);
    return text.bytes;
}

char *rule_scope_text(const struct rule_identity *who)
{
    struct text text = {0};

    put(&text, "{");
    put_member(&text, "type", "scope_changed");
    put_names(&text, "roles", who->roles, who->roles_count);
    put_names(&text, "permissions", who->permissions, who->permissions_count);
    put(&text, "}");
    return text.bytes;
}

char *rule_heartbeat_text(int64_t wall_ms, int bus)
{
    static const char *const states[] = {"ok", "degraded", "none"};
    struct text text = {0};

    put(&text, "{");
    put_member(&text, "type", "heartbeat");
    put_position(&text);
    put_time(&text, "timestamp", wall_ms);
    put_member(&text, "bus", states[bus]);
    put(&text, "}");
    return text.bytes;
}

char *rule_subscribed_text(const struct plain_filter *filter)
{
    static const char *const levels[] = {"LOW", "MEDIUM", "HIGH", "CRITICAL"};
    struct text text = {0};
    const char *before = "";

    put(&text, "{");
    put_member(&text, "type", "subscribed");
    put(&text, ",\"event_types\":[");
    for (int i = 0; i < SIM_TYPES; i++) {
        if (!(filter->types & 1u << i))
            continue;
        put(&text, before);
        put_string(&text, sim_type_names[i]);
        before = ",";
    }
    put(&text, "]");
    if (filter->has_resources)
        put_names(&text, "resources", filter->resources, filter->resources_count);
    put_member(&text, "min_security_level", levels[filter->level_min]);
    put(&text, "}");
    return text.bytes;
}

char *rule_pong_text(const char *id_json)
{
    struct text text = {0};

    put(&text, "{\"type\":\"pong\"");
    if (id_json) {
        put(&text, ",\"id\":");
        put(&text, id_json);
    }
    put(&text, "}");
    return text.bytes;
}

char *rule_closing_text(int code)
{
    static const struct {
        int code;
        const char *reason;
    } reasons[] = {
        {4001, "Authentication "}, /* required, or failed */
        {4002, "Account removed\""},
        {4003, "Forbidden\""},
        {4005, "Bad message\""},
        {4101, "Token expired\""},
        {4102, "Token no longer accepted\""},
        {4200, "Server is shutting down\""},
        {4201, "Heartbeat timeout\""},
        {4202, "Slow consumer\""},
        {4203, "Rate limit exceeded\""},
        {4204, "Connection limit reached\""},
        {4205, "Authentication required\""},
        {4301, "Position lost\""},
    };
    struct text text = {0};
    char head[64];

    snprintf(head, sizeof head, "{\"type\":\"closing\",\"code\":%d,\"reason\":\"", code);
    put(&text, head);
    for (unsigned i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].code == code)
            put(&text, reasons[i].reason);
    put(&text, "\3");
    return text.bytes;
}
