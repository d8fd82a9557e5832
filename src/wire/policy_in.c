/* SPDX-License-Identifier: Apache-2.0 */
/* policy_in.c: a policy file becomes a policy, or a list of all its mistakes and their places. */
#include "wire/policy_in.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "codec/json_outline.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/nearest.h"
#include "wire/policy_receiver.h"

/* A file on its way in. What the policy borrows is in the outline and in `receivers`. */
struct reading {
    struct json_outline outline;
    struct policy policy;
    struct receiver receivers[EVENT_TYPES][POLICY_RECEIVERS_MAX];
    policy_problem_told told;
    void *owner;
    unsigned mistakes;
};

/* What the members of a rule say, before they are judged together. */
struct rule_reading {
    int type; /* of enum event_type, or negative: not known, but its rule is read all the same */
    unsigned effect_item, unenforced_item;
    enum effect effect;
    bool unenforced;
    bool unclear; /* what was meant cannot be told, and it has been complained about */
};

static void tell(struct reading *reading, const struct policy_problem *problem)
{
    reading->mistakes++;
    if (reading->told)
        reading->told(reading->owner, problem);
}

PRINTF_LIKE(4, 0)
static void complain_at(struct reading *reading, unsigned item, struct json_place place,
                        const char *format, va_list list)
{
    struct policy_problem problem = {.line = place.line, .column = place.column};

    json_outline_pointer(&reading->outline, item, problem.pointer, sizeof problem.pointer);
    vsnprintf(problem.reason, sizeof problem.reason, format, list);
    tell(reading, &problem);
}

/* About the value of an item. */
PRINTF_LIKE(3, 4)
static void complain(struct reading *reading, unsigned item, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    complain_at(reading, item, reading->outline.items[item].at, format, list);
    va_end(list);
}

/* About its name. */
PRINTF_LIKE(3, 4)
static void complain_of_name(struct reading *reading, unsigned item, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    complain_at(reading, item, reading->outline.items[item].name_at, format, list);
    va_end(list);
}

static const char *type_word(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool has_type(struct reading *reading, unsigned item, json_type type)
{
    json_type found = reading->outline.items[item].type;

    if (found == JSON_FALSE)
        found = JSON_TRUE;
    if (found == type)
        return true;
    complain(reading, item, "must be %s; it is %s", type_word(type),
             type_word(reading->outline.items[item].type));
    return false;
}

/* A second member of one name: which of them counts would be anybody's guess. */
static void check_double(struct reading *reading, unsigned item)
{
    const struct json_item *items = reading->outline.items;
    struct bytes name = json_item_name(&items[item]);

    for (unsigned i = items[items[item].parent].first; i != item; i = items[i].next) {
        if (bytes_equal(json_item_name(&items[i]), name)) {
            complain_of_name(reading, item, "is here twice; the first is on line %u",
                             items[i].name_at.line);
            return;
        }
    }
}

static void complain_unknown(struct reading *reading, unsigned item, const struct bytes *words,
                             unsigned count)
{
    struct bytes near = nearest_word(json_item_name(&reading->outline.items[item]), words, count);

    if (bytes_present(near))
        complain_of_name(reading, item, "is not known here; did you mean %.*s?", (int)near.size,
                         near.data);
    else
        complain_of_name(reading, item, "is not known here");
}

/* One of the words, or -1 after complaining. */
static int word_in(struct reading *reading, unsigned item, const struct bytes *words,
                   unsigned count, const char *all)
{
    struct bytes text, near;

    if (!has_type(reading, item, JSON_STRING))
        return -1;
    text = json_item_text(&reading->outline.items[item]);
    for (unsigned i = 0; i < count; i++)
        if (bytes_equal(text, words[i]))
            return (int)i;
    near = nearest_word(text, words, count);
    if (bytes_present(near))
        complain(reading, item, "must be %s; did you mean %.*s?", all, (int)near.size, near.data);
    else
        complain(reading, item, "must be %s", all);
    return -1;
}

static bool same_receiver(const struct receiver *a, const struct receiver *b)
{
    return a->kind == b->kind && bytes_equal(a->name, b->name);
}

static void receiver_in(struct reading *reading, unsigned item, struct receiver *list,
                        unsigned *count)
{
    struct receiver receiver;
    char reason[200];

    if (!has_type(reading, item, JSON_STRING))
        return;
    if (policy_receiver_read(json_item_text(&reading->outline.items[item]), &receiver, reason,
                             sizeof reason) < 0) {
        complain(reading, item, "%s", reason);
        return;
    }
    for (unsigned i = 0; i < *count; i++) {
        if (same_receiver(&list[i], &receiver)) {
            complain(reading, item, "is in the list already");
            return;
        }
    }
    if (*count == POLICY_RECEIVERS_MAX)
        complain(reading, item, "is one too many: an event type has at most %u receivers",
                 POLICY_RECEIVERS_MAX);
    else
        list[(*count)++] = receiver;
}

static void receivers_in(struct reading *reading, unsigned item, int type)
{
    struct receiver scratch[POLICY_RECEIVERS_MAX];
    struct receiver *list = type < 0 ? scratch : reading->receivers[type];
    const struct json_item *items = reading->outline.items;
    unsigned count = 0;

    if (!has_type(reading, item, JSON_ARRAY))
        return;
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        receiver_in(reading, i, list, &count);
    if (type < 0)
        return;
    reading->policy.rules[type].receivers = list;
    reading->policy.rules[type].receivers_count = count;
}

static void effect_in(struct reading *reading, unsigned item, struct rule_reading *rule)
{
    static const struct bytes words[] = {
        [EFFECT_NONE] = {"none", 4},
        [EFFECT_FENCE_EVERYTHING] = {"everything", 10},
        [EFFECT_FENCE_ROLE] = {"role", 4},
        [EFFECT_FENCE_PERMISSION] = {"permission", 10},
    };
    int effect =
        word_in(reading, item, words, ARRAY_COUNT(words), "none, everything, role or permission");

    rule->effect_item = item;
    if (effect < 0)
        rule->unclear = true;
    else
        rule->effect = (enum effect)effect;
}

static void rule_member_in(struct reading *reading, unsigned item, struct rule_reading *rule)
{
    static const struct bytes words[] = {{"receivers", 9},
                                         {"effect", 6},
                                         {"unenforced", 10},
                                         {"comment", 7}};
    struct bytes name = json_item_name(&reading->outline.items[item]);

    check_double(reading, item);
    if (bytes_equal(name, words[0])) {
        receivers_in(reading, item, rule->type);
    } else if (bytes_equal(name, words[1])) {
        effect_in(reading, item, rule);
    } else if (bytes_equal(name, words[2])) {
        rule->unenforced_item = item;
        rule->unenforced = reading->outline.items[item].type == JSON_TRUE;
        rule->unclear |= !has_type(reading, item, JSON_TRUE);
    } else if (bytes_equal(name, words[3])) {
        (void)has_type(reading, item, JSON_STRING);
    } else {
        complain_unknown(reading, item, words, ARRAY_COUNT(words));
    }
}

/* Authority that an event says is withdrawn, and that nothing withdraws, is what this product is
 * there to prevent: nobody gets it by a slip. */
static void check_enforced(struct reading *reading, const struct rule_reading *rule)
{
    bool enforces = policy_enforces((enum event_type)rule->type, rule->effect);
    struct bytes type = event_type_text((enum event_type)rule->type);

    if (!enforces && !rule->unenforced)
        complain(reading, rule->effect_item,
                 "would let what %.*s withdraws stay in force; if that is meant, say "
                 "\"unenforced\": true beside it",
                 (int)type.size, type.data);
    if (enforces && rule->unenforced)
        complain(reading, rule->unenforced_item,
                 "is not so: nothing that %.*s withdraws is left in force", (int)type.size,
                 type.data);
}

static void rule_in(struct reading *reading, unsigned item, int type)
{
    const struct json_item *items = reading->outline.items;
    struct rule_reading rule = {.type = type};

    if (type >= 0)
        rule.effect = policy_default.rules[type].effect;
    if (!has_type(reading, item, JSON_OBJECT))
        return;
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next)
        rule_member_in(reading, i, &rule);
    if (type < 0 || rule.unclear)
        return;
    reading->policy.rules[type].effect = rule.effect;
    check_enforced(reading, &rule);
}

static void events_in(struct reading *reading, unsigned item)
{
    const struct json_item *items = reading->outline.items;

    if (!has_type(reading, item, JSON_OBJECT))
        return;
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next) {
        struct bytes name = json_item_name(&items[i]), near;
        int type = event_type_find(name);

        check_double(reading, i);
        near = type < 0 ? nearest_event_type(name) : (struct bytes){0};
        if (bytes_present(near))
            complain_of_name(reading, i, "is no event type; did you mean %.*s?", (int)near.size,
                             near.data);
        else if (type < 0)
            complain_of_name(reading, i, "is no event type");
        rule_in(reading, i, type);
    }
}

static void privacy_in(struct reading *reading, unsigned item)
{
    static const struct bytes words[] = {
        [PRIVACY_FULL] = {"full", 4}, [PRIVACY_ID] = {"id", 2}, [PRIVACY_NONE] = {"none", 4}};
    int privacy = word_in(reading, item, words, ARRAY_COUNT(words), "full, id or none");

    if (privacy < 0)
        return;
    reading->policy.privacy_given = true;
    reading->policy.privacy = (enum privacy)privacy;
}

static void version_in(struct reading *reading, unsigned item)
{
    const struct json_item *found = &reading->outline.items[item];

    if (found->type != JSON_REAL && !has_type(reading, item, JSON_INTEGER))
        return;
    if (found->type == JSON_REAL || json_integer_value(found->value) != 1)
        complain(reading, item, "must be 1, the only version that this server knows");
}

static void top_member_in(struct reading *reading, unsigned item)
{
    static const struct bytes words[] = {{"version", 7},
                                         {"comment", 7},
                                         {"privacy", 7},
                                         {"events", 6}};
    struct bytes name = json_item_name(&reading->outline.items[item]);

    check_double(reading, item);
    if (bytes_equal(name, words[0]))
        version_in(reading, item);
    else if (bytes_equal(name, words[1]))
        (void)has_type(reading, item, JSON_STRING);
    else if (bytes_equal(name, words[2]))
        privacy_in(reading, item);
    else if (bytes_equal(name, words[3]))
        events_in(reading, item);
    else
        complain_unknown(reading, item, words, ARRAY_COUNT(words));
}

static int refuse_text(struct reading *reading, const struct json_problem *found)
{
    struct policy_problem problem = {.line = found->line, .column = found->column};

    snprintf(problem.reason, sizeof problem.reason, "%s", found->why);
    tell(reading, &problem);
    return MCP_AUTH_E_INVALID;
}

static int refuse_size(struct reading *reading)
{
    struct policy_problem problem = {0};

    snprintf(problem.reason, sizeof problem.reason, "is larger than %u KiB",
             POLICY_FILE_SIZE_MAX / 1024u);
    tell(reading, &problem);
    return MCP_AUTH_E_INVALID;
}

int policy_in(const struct policy **ret, struct bytes text, policy_problem_told told, void *owner)
{
    struct reading reading = {.told = told, .owner = owner};
    struct json_problem problem = {.why = ""};
    const struct json_item *items;
    int r;

    memcpy(reading.policy.rules, policy_default.rules, sizeof reading.policy.rules);
    if (text.size > POLICY_FILE_SIZE_MAX)
        return refuse_size(&reading);
    r = json_outline_read(text, &reading.outline, &problem);
    if (r == MCP_AUTH_E_INVALID)
        return refuse_text(&reading, &problem);
    if (r < 0)
        return r;

    items = reading.outline.items;
    if (has_type(&reading, 0, JSON_OBJECT))
        for (unsigned i = items[0].first; i != JSON_OUTLINE_NONE; i = items[i].next)
            top_member_in(&reading, i);
    r = reading.mistakes ? MCP_AUTH_E_INVALID : policy_new(ret, &reading.policy);
    json_outline_done(&reading.outline);
    return r;
}

void policy_problem_text(const struct policy_problem *problem, char ret[POLICY_PROBLEM_TEXT_SIZE])
{
    int size = 0;

    if (problem->line > 0)
        size = snprintf(ret, POLICY_PROBLEM_TEXT_SIZE, "line %u, column %u%s%s%s: ", problem->line,
                        problem->column, problem->pointer[0] ? " (" : "", problem->pointer,
                        problem->pointer[0] ? ")" : "");
    assert(size >= 0 && (unsigned)size < POLICY_PROBLEM_TEXT_SIZE);
    snprintf(ret + size, POLICY_PROBLEM_TEXT_SIZE - (size_t)size, "%s", problem->reason);
}
