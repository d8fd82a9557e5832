/* SPDX-License-Identifier: Apache-2.0 */
/* settings_parse.c: the text of one setting to its value: numbers, times, lists, words. */
#include "node/settings_table.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "auth/keyring.h"
#include "mcp_auth/error.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trim_spaces(struct bytes text)
{
    while (text.size && is_space(text.data[0]))
        text.data++, text.size--;
    while (text.size && is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* The size of `text` before a comment: a '#' after white space, or one that begins the text and
 * stands alone, so that a value such as "#1" stays whole. */
static size_t size_before_comment(struct bytes text, bool spaced)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != '#')
            continue;
        if (i > 0 ? is_space(text.data[i - 1]) : spaced || text.size == 1 || is_space(text.data[1]))
            return i;
    }
    return text.size;
}

struct bytes setting_trim(struct bytes raw)
{
    struct bytes text = trim_spaces(raw), rest;
    bool spaced = raw.size && is_space(raw.data[0]);
    const char *end;

    if (text.size >= 2 && (text.data[0] == '"' || text.data[0] == '\'')) {
        end = memchr(text.data + 1, text.data[0], text.size - 1);
        if (end) {
            rest = (struct bytes){end + 1, text.size - (size_t)(end + 1 - text.data)};
            if (rest.size == 0 || (is_space(rest.data[0]) && trim_spaces(rest).data[0] == '#'))
                return (struct bytes){text.data + 1, (size_t)(end - text.data) - 1};
        }
    }
    text.size = size_before_comment(text, spaced);
    return trim_spaces(text);
}

int setting_number(struct bytes text, unsigned decimals, int64_t *ret)
{
    int64_t number = 0;
    unsigned digits = 0;
    size_t i = 0;

    /* 15 digits and 3 decimals stay far under 2^63 (9.2e18). */
    assert(decimals <= 3);
    for (; i < text.size && text.data[i] >= '0' && text.data[i] <= '9'; i++) {
        if (++digits > 15)
            return MCP_AUTH_E_INVALID;
        number = number * 10 + (text.data[i] - '0');
    }
    if (digits == 0)
        return MCP_AUTH_E_INVALID;
    if (i < text.size) {
        if (decimals == 0 || text.data[i] != '.' || i + 1 == text.size)
            return MCP_AUTH_E_INVALID;
        i++;
    }
    for (; i < text.size; i++, decimals--) {
        if (decimals == 0 || text.data[i] < '0' || text.data[i] > '9')
            return MCP_AUTH_E_INVALID;
        number = number * 10 + (text.data[i] - '0');
    }
    for (; decimals > 0; decimals--)
        number *= 10;
    *ret = number;
    return 0;
}

/* "0.1" of 100, "3600" of 3600000. */
static const char *seconds_text(int64_t ms, char ret[32])
{
    int size;

    if (ms % 1000 == 0)
        size = snprintf(ret, 32, "%" PRId64, ms / 1000);
    else
        size = snprintf(ret, 32, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
    assert(size > 0 && size < 32);
    if (ms % 1000 != 0)
        while (ret[size - 1] == '0')
            ret[--size] = '\0';
    return ret;
}

void setting_range(const struct setting_rule *rule, char ret[SETTING_RANGE_SIZE])
{
    char low[32], high[32];
    int size = 0;

    switch (rule->type) {
    case SETTING_NUMBER:
        size = snprintf(ret, SETTING_RANGE_SIZE, "%" PRId64 "..%" PRId64 " %s", rule->min,
                        rule->max, rule->unit);
        break;
    case SETTING_SECONDS:
        size = snprintf(ret, SETTING_RANGE_SIZE, "%s..%s %s", seconds_text(rule->min, low),
                        seconds_text(rule->max, high), rule->unit);
        break;
    case SETTING_TEXT:
        if (rule->min > 1)
            size =
                snprintf(ret, SETTING_RANGE_SIZE, "at least %" PRId64 " %s", rule->min, rule->unit);
        else if (strcmp(rule->unit, "bytes") == 0)
            size = snprintf(ret, SETTING_RANGE_SIZE, "1..%" PRId64 " bytes", rule->max);
        else
            size = snprintf(ret, SETTING_RANGE_SIZE, "%s", rule->unit);
        break;
    case SETTING_CHOICE:
        size = snprintf(ret, SETTING_RANGE_SIZE, "%s", rule->choices);
        break;
    case SETTING_LIST:
    case SETTING_ALGORITHMS:
    case SETTING_URL:
        size = snprintf(ret, SETTING_RANGE_SIZE, "%s", rule->unit);
        break;
    }
    assert(size > 0 && (size_t)size < SETTING_RANGE_SIZE);
}

static void store_number(const struct setting_rule *rule, struct settings *settings, int64_t number)
{
    char *place = (char *)settings + rule->offset;
    uint32_t word = (uint32_t)number;

    if (rule->size == sizeof(bool)) {
        bool truth = number != 0;

        memcpy(place, &truth, sizeof truth);
    } else if (rule->size == sizeof word) {
        assert(number >= 0 && number <= UINT32_MAX);
        memcpy(place, &word, sizeof word);
    } else {
        assert(rule->size == sizeof number);
        memcpy(place, &number, sizeof number);
    }
}

/* The place of `text` among "a|b|c", or -1. */
static int choice_find(const char *choices, struct bytes text)
{
    for (int index = 0;; index++) {
        size_t size = strcspn(choices, "|");

        if (bytes_equal(text, (struct bytes){choices, size}))
            return index;
        if (!choices[size])
            return -1;
        choices += size + 1;
    }
}

static int text_fits(const struct setting_rule *rule, struct bytes text, const char **ret_why)
{
    if ((int64_t)text.size < rule->min)
        return MCP_AUTH_E_INVALID;
    if ((int64_t)text.size > rule->max) {
        *ret_why = "is too long";
        return MCP_AUTH_E_INVALID;
    }
    if (rule->check)
        *ret_why = rule->check(text);
    return *ret_why ? MCP_AUTH_E_INVALID : 0;
}

static int store_text(const struct setting_rule *rule, struct bytes text, struct settings *settings,
                      const char **ret_why)
{
    struct bytes copy;
    int r = text_fits(rule, text, ret_why);

    if (r == 0)
        r = text_copy(text, &copy);
    if (r < 0)
        return r;
    assert(rule->size == sizeof copy);
    memcpy((char *)settings + rule->offset, &copy, sizeof copy);
    return 0;
}

static int store_list(const struct setting_rule *rule, struct bytes text, struct settings *settings,
                      const char **ret_why)
{
    struct text_list list;
    int r = text_list_split(text, &list);

    if (r < 0)
        return r;
    if (list.count == 0) {
        *ret_why = "is empty: name what is allowed, or leave the setting out";
        r = MCP_AUTH_E_INVALID;
    }
    for (unsigned i = 0; r == 0 && i < list.count; i++)
        r = text_fits(rule, list.items[i], ret_why);
    if (r < 0) {
        text_list_done(&list);
        return r;
    }
    assert(rule->size == sizeof list);
    memcpy((char *)settings + rule->offset, &list, sizeof list);
    return 0;
}

static int store_algorithms(struct bytes text, const struct setting_rule *rule,
                            struct settings *settings, const char **ret_why)
{
    struct text_list list;
    unsigned bits = 0;
    int r = text_list_split(text, &list);

    if (r < 0)
        return r;
    if (list.count == 0)
        r = MCP_AUTH_E_INVALID;
    for (unsigned i = 0; r == 0 && i < list.count; i++) {
        int algorithm = jwt_algorithm_find(list.items[i]);

        if (algorithm >= 0) {
            bits |= BIT(algorithm);
            continue;
        }
        if (bytes_equal_nocase(list.items[i], BYTES("none")))
            *ret_why = "names none: unsigned tokens are never accepted";
        r = MCP_AUTH_E_INVALID;
    }
    text_list_done(&list);
    if (r == 0)
        store_number(rule, settings, bits);
    return r;
}

int setting_store(const struct setting_rule *rule, struct bytes text, struct settings *settings,
                  const char **ret_why)
{
    int64_t number = 0;
    int r;

    *ret_why = NULL;
    switch (rule->type) {
    case SETTING_NUMBER:
    case SETTING_SECONDS:
        r = setting_number(text, rule->type == SETTING_SECONDS ? 3 : 0, &number);
        if (r == 0 && (number < rule->min || number > rule->max))
            r = MCP_AUTH_E_INVALID;
        if (r == 0)
            store_number(rule, settings, number);
        return r;
    case SETTING_CHOICE:
        number = choice_find(rule->choices, text);
        if (number < 0)
            return MCP_AUTH_E_INVALID;
        store_number(rule, settings, number);
        return 0;
    case SETTING_TEXT:
    case SETTING_URL:
        return store_text(rule, text, settings, ret_why);
    case SETTING_LIST:
        return store_list(rule, text, settings, ret_why);
    case SETTING_ALGORITHMS:
        return store_algorithms(text, rule, settings, ret_why);
    }
    assert(!"every type is handled");
    return MCP_AUTH_E_INVALID;
}
