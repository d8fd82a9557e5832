/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_policy.c: any text is a policy that enforces what it does not say it leaves, or told mistakes. */
#include <assert.h>
#include <stdint.h>

#include "codec/json_outline.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "wire/policy_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct told {
    struct bytes text;
    unsigned count;
};

/* The place is in the text, and the words are fit for a terminal. */
static void check_problem(void *owner, const struct document_problem *problem)
{
    struct told *told = owner;
    char text[POLICY_PROBLEM_TEXT_SIZE];
    unsigned lines = 1;

    told->count++;
    for (size_t i = 0; i < told->text.size; i++)
        lines += told->text.data[i] == '\n';
    assert(problem->line <= lines && problem->reason[0]);
    assert(problem->pointer[0] == '\0' || problem->pointer[0] == '/');
    policy_problem_text(problem, text);
    assert(memchr(text, '\0', sizeof text));
    for (const char *c = problem->pointer; *c; c++)
        assert((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_policy(const struct policy *policy, struct bytes text)
{
    bool says =
        memmem(text.data, text.size, "unenforced", 10) || memchr(text.data, '\\', text.size);

    for (int type = 0; type < EVENT_TYPES; type++) {
        const struct policy_rule *rule = &policy->rules[type];

        assert(rule->receivers_count <= POLICY_RECEIVERS_MAX);
        assert(policy_enforces((enum event_type)type, rule->effect) || says);
        for (unsigned i = 0; i < rule->receivers_count; i++) {
            const struct receiver *receiver = &rule->receivers[i];

            if (receiver->kind == RECEIVER_ROLE)
                assert(receiver->name.size > 0 && receiver->name.size <= ROLE_SIZE_MAX);
            else if (receiver->kind == RECEIVER_PERMISSION)
                assert(receiver->name.size > 2 && receiver->name.size <= PERMISSION_SIZE_MAX);
            else
                assert(receiver->name.size == 0);
        }
    }
}

/* The outline has what jansson has; but of doubled members jansson keeps one. */
static void check_outline(struct bytes text)
{
    struct json_outline outline;
    json_t *value;
    int r = json_read(text, &value, NULL);

    if (r < 0)
        return;
    r = json_outline_read(text, &outline, NULL);
    assert(r == 0);
    for (unsigned i = 1; i < outline.count; i++) {
        const struct json_item *item = &outline.items[i];

        assert(item->parent < i && item->next != i);
        assert(!item->name == (outline.items[item->parent].type == JSON_ARRAY));
    }
    assert(outline.items[0].type == json_typeof(value));
    if (outline.items[0].value)
        assert(json_equal(outline.items[0].value, value));
    json_outline_done(&outline);
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct policy *policy = NULL;
    struct told told = {{(const char *)data, size}, 0};
    int r;

    if (size == 0)
        return 0;
    check_outline(told.text);
    r = policy_in(&policy, told.text, check_problem, &told);
    assert(r == 0 ? told.count == 0 : (r == MCP_AUTH_E_INVALID && told.count > 0));
    if (r == 0) {
        check_policy(policy, told.text);
        policy_unref(policy);
    }
    return 0;
}
