/* SPDX-License-Identifier: Apache-2.0 */
/* policy_in.c: a policy file becomes a policy, or a list of all its mistakes and their places. */
#include "wire/policy_in.h"

#include <assert.h>
#include <stdio.h>

#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/nearest.h"
#include "wire/policy_receiver.h"

/* A file on its way in. What the policy borrows is in the outline and in `receivers`. */
struct reading {
    struct document document;
    struct policy policy;
    struct receiver receivers[EVENT_TYPES][POLICY_RECEIVERS_MAX];
};

/* What the members of a rule say, before they are judged together. */
struct rule_reading {
    int type; /* of enum event_type, or negative: not known, but its rule is read all the same */
    unsigned effect_item, unenforced_item;
    enum effect effect;
    bool unenforced;
    bool unclear; /* what was meant cannot be told, and it has been complained about */
};

static bool same_receiver(const struct receiver *a, const struct receiver *b)
{
    return a->kind == b->kind && bytes_equal(a->name, b->name);
}

static void receiver_in(struct reading *reading, unsigned item, struct receiver *list,
                        unsigned *count)
{
    struct receiver receiver;
    char reason[200];

    if (!document_has_type(&reading->document, item, JSON_STRING))
        return;
    if (policy_receiver_read(json_item_text(&reading->document.outline.items[item]), &receiver,
                             reason, sizeof reason) < 0) {
        document_complain(&reading->document, item, "%s", reason);
        return;
    }
    for (unsigned i = 0; i < *count; i++) {
        if (same_receiver(&list[i], &receiver)) {
            document_complain(&reading->document, item, "is in the list already");
            return;
        }
    }
    if (*count == POLICY_RECEIVERS_MAX)
        document_complain(&reading->document, item,
                          "is one too many: an event type has at most %u receivers",
                          POLICY_RECEIVERS_MAX);
    else
        list[(*count)++] = receiver;
}

static void receivers_in(struct reading *reading, unsigned item, int type)
{
    struct receiver scratch[POLICY_RECEIVERS_MAX];
    struct receiver *list = type < 0 ? scratch : reading->receivers[type];
    const struct json_item *items = reading->document.outline.items;
    unsigned count = 0;

    if (!document_has_type(&reading->document, item, JSON_ARRAY))
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
    int effect = document_word(&reading->document, item, words, ARRAY_COUNT(words),
                               "none, everything, role or permission");

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
    struct bytes name = json_item_name(&reading->document.outline.items[item]);

    document_check_double(&reading->document, item);
    if (bytes_equal(name, words[0])) {
        receivers_in(reading, item, rule->type);
    } else if (bytes_equal(name, words[1])) {
        effect_in(reading, item, rule);
    } else if (bytes_equal(name, words[2])) {
        rule->unenforced_item = item;
        rule->unenforced = reading->document.outline.items[item].type == JSON_TRUE;
        rule->unclear |= !document_has_type(&reading->document, item, JSON_TRUE);
    } else if (bytes_equal(name, words[3])) {
        (void)document_has_type(&reading->document, item, JSON_STRING);
    } else {
        document_complain_unknown(&reading->document, item, words, ARRAY_COUNT(words));
    }
}

/* Authority that an event says is withdrawn, and that nothing withdraws, is what this product is
 * there to prevent: nobody gets it by a slip. */
static void check_enforced(struct reading *reading, const struct rule_reading *rule)
{
    bool enforces = policy_enforces((enum event_type)rule->type, rule->effect);
    struct bytes type = event_type_text((enum event_type)rule->type);

    if (!enforces && !rule->unenforced)
        document_complain(&reading->document, rule->effect_item,
                          "would let what %.*s withdraws stay in force; if that is meant, say "
                          "\"unenforced\": true beside it",
                          (int)type.size, type.data);
    if (enforces && rule->unenforced)
        document_complain(&reading->document, rule->unenforced_item,
                          "is not so: nothing that %.*s withdraws is left in force", (int)type.size,
                          type.data);
}

static void rule_in(struct reading *reading, unsigned item, int type)
{
    const struct json_item *items = reading->document.outline.items;
    struct rule_reading rule = {.type = type};

    if (type >= 0)
        rule.effect = policy_default.rules[type].effect;
    if (!document_has_type(&reading->document, item, JSON_OBJECT))
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
    const struct json_item *items = reading->document.outline.items;

    if (!document_has_type(&reading->document, item, JSON_OBJECT))
        return;
    for (unsigned i = items[item].first; i != JSON_OUTLINE_NONE; i = items[i].next) {
        struct bytes name = json_item_name(&items[i]), near;
        int type = event_type_find(name);

        document_check_double(&reading->document, i);
        near = type < 0 ? nearest_event_type(name) : (struct bytes){0};
        if (bytes_present(near))
            document_complain_of_name(&reading->document, i, "is no event type; did you mean %.*s?",
                                      (int)near.size, near.data);
        else if (type < 0)
            document_complain_of_name(&reading->document, i, "is no event type");
        rule_in(reading, i, type);
    }
}

static void privacy_in(struct reading *reading, unsigned item)
{
    static const struct bytes words[] = {
        [PRIVACY_FULL] = {"full", 4}, [PRIVACY_ID] = {"id", 2}, [PRIVACY_NONE] = {"none", 4}};
    int privacy =
        document_word(&reading->document, item, words, ARRAY_COUNT(words), "full, id or none");

    if (privacy < 0)
        return;
    reading->policy.privacy_given = true;
    reading->policy.privacy = (enum privacy)privacy;
}

static void version_in(struct reading *reading, unsigned item)
{
    const struct json_item *found = &reading->document.outline.items[item];

    if (found->type != JSON_REAL && !document_has_type(&reading->document, item, JSON_INTEGER))
        return;
    if (found->type == JSON_REAL || json_integer_value(found->value) != 1)
        document_complain(&reading->document, item,
                          "must be 1, the only version that this server knows");
}

static void top_member_in(struct reading *reading, unsigned item)
{
    static const struct bytes words[] = {{"version", 7},
                                         {"comment", 7},
                                         {"privacy", 7},
                                         {"events", 6}};
    struct bytes name = json_item_name(&reading->document.outline.items[item]);

    document_check_double(&reading->document, item);
    if (bytes_equal(name, words[0]))
        version_in(reading, item);
    else if (bytes_equal(name, words[1]))
        (void)document_has_type(&reading->document, item, JSON_STRING);
    else if (bytes_equal(name, words[2]))
        privacy_in(reading, item);
    else if (bytes_equal(name, words[3]))
        events_in(reading, item);
    else
        document_complain_unknown(&reading->document, item, words, ARRAY_COUNT(words));
}

int policy_in(const struct policy **ret, struct bytes text, document_told told, void *owner)
{
    struct reading reading;
    const struct json_item *items;
    int r;

    memset(&reading, 0, sizeof reading);
    memcpy(reading.policy.rules, policy_default.rules, sizeof reading.policy.rules);
    r = document_read(&reading.document, text, POLICY_FILE_SIZE_MAX, told, owner);
    if (r < 0)
        goto end;
    items = reading.document.outline.items;
    if (document_has_type(&reading.document, 0, JSON_OBJECT))
        for (unsigned i = items[0].first; i != JSON_OUTLINE_NONE; i = items[i].next)
            top_member_in(&reading, i);
    r = reading.document.mistakes ? MCP_AUTH_E_INVALID : policy_new(ret, &reading.policy);
end:
    document_done(&reading.document);
    return r;
}

void policy_problem_text(const struct document_problem *problem, char ret[POLICY_PROBLEM_TEXT_SIZE])
{
    int size = 0;

    if (problem->line > 0)
        size = snprintf(ret, POLICY_PROBLEM_TEXT_SIZE, "line %u, column %u%s%s%s: ", problem->line,
                        problem->column, problem->pointer[0] ? " (" : "", problem->pointer,
                        problem->pointer[0] ? ")" : "");
    assert(size >= 0 && (unsigned)size < POLICY_PROBLEM_TEXT_SIZE);
    snprintf(ret + size, POLICY_PROBLEM_TEXT_SIZE - (size_t)size, "%s", problem->reason);
}
