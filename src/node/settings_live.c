/* SPDX-License-Identifier: Apache-2.0 */
/* settings_live.c: which settings differ, and which of them can change while a server runs. */
#include "node/settings.h"

#include <assert.h>

#include "node/settings_table.h"

static const char *const live[] = {
    "WEBSOCKET_HEARTBEAT_INTERVAL", "WEBSOCKET_MAX_CONNECTIONS", "WEBSOCKET_RATE_LIMIT_MESSAGES",
    "WEBSOCKET_RATE_LIMIT_WINDOW",  "MCP_AUTH_JWT_SECRET",       "MCP_AUTH_JWT_PUBLIC_KEY_FILE",
    "MCP_AUTH_JWKS_FILE",           "MCP_AUTH_JWKS_URL",         "MCP_AUTH_JWKS_CA_FILE",
    "MCP_AUTH_JWKS_RENEW",          "MCP_AUTH_JWT_ALGORITHMS",   "MCP_AUTH_ISSUERS_FILE",
    "MCP_AUTH_POLICY_FILE",         "MCP_AUTH_PRIVACY",          "MCP_AUTH_AUTH_TIMEOUT",
    "MCP_AUTH_PUBLISH_RATE",        "MCP_AUTH_LOG_LEVEL",
};

static bool is_live(const char *name)
{
    for (size_t i = 0; i < ARRAY_COUNT(live); i++)
        if (strcmp(live[i], name) == 0)
            return true;
    return false;
}

static bool same_text(const struct bytes *a, const struct bytes *b)
{
    return bytes_present(*a) == bytes_present(*b) && bytes_equal(*a, *b);
}

static bool same_value(const struct setting_rule *rule, const void *a, const void *b)
{
    const struct text_list *list_a = a, *list_b = b;

    switch (rule->type) {
    case SETTING_TEXT:
    case SETTING_URL:
        return same_text(a, b);
    case SETTING_LIST:
        if (list_a->count != list_b->count)
            return false;
        for (unsigned i = 0; i < list_a->count; i++)
            if (!same_text(&list_a->items[i], &list_b->items[i]))
                return false;
        return true;
    case SETTING_NUMBER:
    case SETTING_SECONDS:
    case SETTING_CHOICE:
    case SETTING_ALGORITHMS:
        return memcmp(a, b, rule->size) == 0;
    }
    assert(!"every type is handled");
    return true;
}

void settings_compare(const struct settings *a, const struct settings *b, setting_differs differs,
                      void *owner)
{
    for (unsigned i = 0; i < SETTINGS_COUNT; i++) {
        const struct setting_rule *rule = &setting_rules[i];

        if (!same_value(rule, (const char *)a + rule->offset, (const char *)b + rule->offset))
            differs(owner, rule->name, is_live(rule->name));
    }
}

bool settings_number_fits(const char *name, int64_t value, char ret_range[SETTINGS_RANGE_SIZE])
{
    int index = setting_find(bytes_of(name));
    const struct setting_rule *rule = &setting_rules[index];

    _Static_assert(SETTINGS_RANGE_SIZE == SETTING_RANGE_SIZE, "one is for those outside");
    assert(index >= 0 && (rule->type == SETTING_NUMBER || rule->type == SETTING_SECONDS));
    setting_range(rule, ret_range);
    return value >= rule->min && value <= rule->max;
}
