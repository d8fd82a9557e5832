/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_in.c: a policy file says who sees what, and every mistake in it is told with its place. */
#include "wire/policy_in.h"

#include <stdio.h>

#include "base/strbuf.h"
#include "codec/json.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "unit.h"

struct told {
    unsigned count;
    struct document_problem items[64];
};

static void remember(void *owner, const struct document_problem *problem)
{
    struct told *told = owner;

    CHECK(told->count < ARRAY_COUNT(told->items));
    CHECK(problem->reason[0]);
    told->items[told->count++] = *problem;
}

/* NULL when it was refused; read in exact memory, so that a byte too far is seen. */
static const struct policy *read_in(struct bytes text, struct told *told)
{
    const struct policy *policy = NULL;
    char *copy = malloc(text.size ? text.size : 1);
    int r;

    memcpy(copy, text.data, text.size);
    memset(told, 0, sizeof *told);
    r = policy_in(&policy, (struct bytes){copy, text.size}, remember, told);
    free(copy); /* the policy borrows nothing */
    CHECK(r == 0 ? told->count == 0 : (r == MCP_AUTH_E_INVALID && told->count > 0 && !policy));
    return policy;
}

static const struct policy *accepted(const char *text)
{
    struct told told;
    const struct policy *policy = read_in(bytes_of(text), &told);

    if (!policy)
        fprintf(stderr, "%s: %s\n", text, told.items[0].reason);
    CHECK(policy);
    return policy;
}

/* One mistake, at this place, whose reason has this word. */
static void check_mistake(const char *text, unsigned line, unsigned column, const char *pointer,
                          const char *word)
{
    struct told told;

    CHECK(!read_in(bytes_of(text), &told));
    if (told.count != 1 || told.items[0].line != line || told.items[0].column != column ||
        strcmp(told.items[0].pointer, pointer) != 0 || !strstr(told.items[0].reason, word))
        fprintf(stderr, "%s: %u, line %u column %u (%s): %s\n", text, told.count,
                told.items[0].line, told.items[0].column, told.items[0].pointer,
                told.items[0].reason);
    CHECK_EQ(told.count, 1);
    CHECK_EQ(told.items[0].line, line);
    CHECK_EQ(told.items[0].column, column);
    assert_string_equal(told.items[0].pointer, pointer);
    CHECK(strstr(told.items[0].reason, word));
}

static void check_same_rules(const struct policy *a, const struct policy *b)
{
    for (int type = 0; type < EVENT_TYPES; type++) {
        CHECK_EQ(a->rules[type].effect, b->rules[type].effect);
        CHECK_EQ(a->rules[type].receivers_count, b->rules[type].receivers_count);
        for (unsigned i = 0; i < a->rules[type].receivers_count; i++) {
            CHECK_EQ(a->rules[type].receivers[i].kind, b->rules[type].receivers[i].kind);
            CHECK(bytes_equal(a->rules[type].receivers[i].name, b->rules[type].receivers[i].name));
        }
    }
}

static void put_default(struct strbuf *out)
{
    static const char *const effects[] = {"none", "everything", "role", "permission"};
    static const char *const words[] = {"subject", "target", "admins"};

    strbuf_puts(out, "{\"version\":1,\"privacy\":\"full\",\"events\":{");
    for (int type = 0; type < EVENT_TYPES; type++) {
        const struct policy_rule *rule = &policy_default.rules[type];

        strbuf_printf(out, "%s\"%s\":{\"receivers\":[", type ? "," : "",
                      event_type_text((enum event_type)type).data);
        for (unsigned i = 0; i < rule->receivers_count; i++)
            strbuf_printf(out, "%s\"%s\"", i ? "," : "", words[rule->receivers[i].kind]);
        strbuf_printf(out, "],\"effect\":\"%s\"}", effects[rule->effect]);
    }
    strbuf_puts(out, "}}");
}

TEST(the_default_written_out_is_the_default_and_so_is_a_file_that_says_nothing)
{
    const struct policy *policy = accepted("{}");
    struct strbuf text;
    struct told told;

    check_same_rules(policy, &policy_default);
    CHECK(!policy->privacy_given);
    policy_unref(policy);

    strbuf_init(&text, 8192);
    put_default(&text);
    CHECK(!text.error);
    policy = read_in(strbuf_bytes(&text), &told);
    CHECK(policy);
    check_same_rules(policy, &policy_default);
    CHECK(policy->privacy_given && policy->privacy == PRIVACY_FULL);
    policy_unref(policy);
    strbuf_done(&text);
}

TEST(what_is_said_replaces_and_what_is_not_said_stays)
{
    const struct policy *policy =
        accepted("{\"comment\":\"for the audit\",\"privacy\":\"id\",\"events\":{"
                 "\"access_denied\":{\"receivers\":[\"role:auditor\",\"admins\","
                 "\"permission:{resource}:{action}\",\"permission:docs/{resource}:read\"]},"
                 "\"security_violation\":{\"effect\":\"everything\",\"comment\":\"locks out\"},"
                 "\"role_revoked\":{\"receivers\":[]}}}");
    const struct policy_rule *rule = &policy->rules[EVENT_ACCESS_DENIED];

    CHECK_EQ(policy->privacy, PRIVACY_ID);
    CHECK_EQ(rule->receivers_count, 4);
    CHECK_EQ(rule->receivers[0].kind, RECEIVER_ROLE);
    CHECK_TEXT(rule->receivers[0].name, "auditor");
    CHECK_EQ(rule->receivers[1].kind, RECEIVER_ADMINS);
    CHECK_EQ(rule->receivers[2].kind, RECEIVER_PERMISSION);
    CHECK_TEXT(rule->receivers[2].name, "{resource}:{action}");
    CHECK_TEXT(rule->receivers[3].name, "docs/{resource}:read");
    CHECK_EQ(rule->effect, EFFECT_NONE);
    CHECK_EQ(policy->rules[EVENT_SECURITY_VIOLATION].effect, EFFECT_FENCE_EVERYTHING);
    CHECK_EQ(policy->rules[EVENT_SECURITY_VIOLATION].receivers_count, 3);
    CHECK_EQ(policy->rules[EVENT_ROLE_REVOKED].receivers_count, 0);
    CHECK_EQ(policy->rules[EVENT_ROLE_REVOKED].effect, EFFECT_FENCE_ROLE);
    CHECK_EQ(policy->rules[EVENT_USER_DELETED].effect, EFFECT_FENCE_EVERYTHING);
    policy_unref(policy);
}

TEST(a_file_with_ten_mistakes_gives_ten_problems_each_with_its_place)
{
    static const char text[] = "{\n"
                               "  \"version\": 2,\n"
                               "  \"privcy\": \"full\",\n"
                               "  \"events\": {\n"
                               "    \"role_revokd\": {},\n"
                               "    \"role_assigned\": {\"receivers\": [\"subjct\", 7]},\n"
                               "    \"user_deleted\": {\"effect\": \"none\"},\n"
                               "    \"access_denied\": {\n"
                               "      \"receivers\": [\"permission:{resorce}:read\"],\n"
                               "      \"effect\": \"fence\",\n"
                               "      \"receivers\": \"admins\"\n"
                               "    }\n"
                               "  }\n"
                               "}\n";
    static const struct {
        unsigned line, column;
        const char *pointer, *word;
    } rows[] = {
        {2, 14, "/version", "must be 1"},
        {3, 3, "/privcy", "privacy"},
        {5, 5, "/events/role_revokd", "role_revoked"},
        {6, 37, "/events/role_assigned/receivers/0", "subject"},
        {6, 47, "/events/role_assigned/receivers/1", "a string; it is a number"},
        {7, 32, "/events/user_deleted/effect", "unenforced"},
        {9, 21, "/events/access_denied/receivers/0", "{resource}"},
        {10, 17, "/events/access_denied/effect", "none, everything"},
        {11, 7, "/events/access_denied/receivers", "twice; the first is on line 9"},
        {11, 20, "/events/access_denied/receivers", "an array; it is a string"},
    };
    struct told told;

    CHECK(!read_in(bytes_of(text), &told));
    CHECK_EQ(told.count, ARRAY_COUNT(rows));
    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        CHECK_EQ(told.items[i].line, rows[i].line);
        CHECK_EQ(told.items[i].column, rows[i].column);
        assert_string_equal(told.items[i].pointer, rows[i].pointer);
        CHECK(strstr(told.items[i].reason, rows[i].word));
    }
}

TEST(the_place_is_told_in_one_line)
{
    char text[POLICY_PROBLEM_TEXT_SIZE];
    struct told told;

    CHECK(!read_in(BYTES("{\"privacy\":\n \"non\"}"), &told));
    policy_problem_text(&told.items[0], text);
    assert_string_equal(text, "line 2, column 2 (/privacy): must be full, id or none; did you "
                              "mean none?");
    CHECK(!read_in(BYTES("{\"privacy\":\n  nun}"), &told));
    policy_problem_text(&told.items[0], text);
    CHECK(strncmp(text, "line 2, column ", 15) == 0);
}

TEST(what_is_no_json_is_one_mistake_with_line_and_column)
{
    static const char *const texts[] = {
        "",        "{",        "{\"events\":}",  "{} {}", "{\"a\":1,}",
        "{'a':1}", "// c\n{}", "\xef\xbb\xbf{}", "\xff",  "{\"\\u0000\":1}"};
    struct told told;

    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        CHECK(!read_in(bytes_of(texts[i]), &told));
        CHECK_EQ(told.count, 1);
        CHECK(told.items[0].line >= 1);
    }
    CHECK(!read_in(BYTES("{\"a\0b\":1}"), &told));
    check_mistake("[]", 1, 1, "", "must be an object; it is an array");
    check_mistake(" \n\t7", 2, 2, "", "must be an object; it is a number");
    check_mistake("null", 1, 1, "", "null");
}

TEST(authority_that_is_withdrawn_goes_unenforced_only_when_that_is_said)
{
    const struct policy *policy;

    check_mistake("{\"events\":{\"role_revoked\":{\"effect\":\"none\"}}}", 1, 37,
                  "/events/role_revoked/effect", "\"unenforced\": true");
    check_mistake("{\"events\":{\"role_revoked\":{\"effect\":\"permission\"}}}", 1, 37,
                  "/events/role_revoked/effect", "unenforced");
    check_mistake("{\"events\":{\"permission_revoked\":{\"effect\":\"role\"}}}", 1, 43,
                  "/events/permission_revoked/effect", "unenforced");
    check_mistake("{\"events\":{\"user_deleted\":{\"effect\":\"role\"}}}", 1, 37,
                  "/events/user_deleted/effect", "unenforced");
    check_mistake("{\"events\":{\"user_deleted\":{\"effect\":\"none\",\"unenforced\":false}}}", 1,
                  37, "/events/user_deleted/effect", "unenforced");
    check_mistake("{\"events\":{\"user_deleted\":{\"effect\":\"none\",\"unenforced\":1}}}", 1, 57,
                  "/events/user_deleted/unenforced", "true or false");
    /* Saying it where it is not so hides that somebody thought it was. */
    check_mistake("{\"events\":{\"user_deleted\":{\"unenforced\":true}}}", 1, 41,
                  "/events/user_deleted/unenforced", "not so");
    check_mistake("{\"events\":{\"user_created\":{\"effect\":\"none\",\"unenforced\":true}}}", 1,
                  57, "/events/user_created/unenforced", "not so");

    policy = accepted("{\"events\":{\"role_revoked\":{\"unenforced\":true,\"effect\":\"none\"}}}");
    CHECK_EQ(policy->rules[EVENT_ROLE_REVOKED].effect, EFFECT_NONE);
    policy_unref(policy);
    /* More than the type withdraws by default is no less. */
    policy = accepted("{\"events\":{\"role_revoked\":{\"effect\":\"everything\"},"
                      "\"role_modified\":{\"effect\":\"role\",\"unenforced\":false}}}");
    CHECK_EQ(policy->rules[EVENT_ROLE_REVOKED].effect, EFFECT_FENCE_EVERYTHING);
    CHECK_EQ(policy->rules[EVENT_ROLE_MODIFIED].effect, EFFECT_FENCE_ROLE);
    policy_unref(policy);
}

TEST(wrong_types_are_told_wherever_they_stand)
{
    check_mistake("{\"version\":1.0}", 1, 12, "/version", "must be 1"); /* a number, and not that */
    check_mistake("{\"version\":\"1\"}", 1, 12, "/version", "a number; it is a string");
    check_mistake("{\"comment\":[]}", 1, 12, "/comment", "a string; it is an array");
    check_mistake("{\"privacy\":null}", 1, 12, "/privacy", "null");
    check_mistake("{\"privacy\":\"ID\"}", 1, 12, "/privacy", "did you mean id?");
    check_mistake("{\"events\":[]}", 1, 11, "/events", "an object; it is an array");
    check_mistake("{\"events\":{\"role_revoked\":\"admins\"}}", 1, 27, "/events/role_revoked",
                  "an object");
    check_mistake("{\"events\":{\"role_revoked\":{\"effect\":true}}}", 1, 37,
                  "/events/role_revoked/effect", "a string; it is true or false");
    check_mistake("{\"events\":{\"role_revoked\":{\"recievers\":[]}}}", 1, 28,
                  "/events/role_revoked/recievers", "did you mean receivers?");
    check_mistake("{\"a/b~c\":1}", 1, 2, "/a~1b~0c", "not known");
    check_mistake("{\"\":1}", 1, 2, "/", "not known");
    check_mistake("{\"events\":{},\"events\":{}}", 1, 14, "/events", "twice");
    check_mistake("{\"events\":{\"user_created\":{},\"user_created\":{}}}", 1, 30,
                  "/events/user_created", "twice; the first is on line 1");
}

TEST(a_column_counts_characters_and_a_long_name_is_cut_between_two)
{
    struct told told;
    struct strbuf text;

    check_mistake("{\"comment\":\"\xc3\xa9\xe2\x82\xac\",\"x\":1}", 1, 17, "/x", "not known");
    strbuf_init(&text, 4096);
    strbuf_puts(&text, "{\"\\u0001");
    for (int i = 0; i < 300; i++)
        strbuf_puts(&text, "\xe2\x82\xac");
    strbuf_puts(&text, "\":1}");
    CHECK(!read_in(strbuf_bytes(&text), &told));
    CHECK_EQ(told.count, 1);
    CHECK(strncmp(told.items[0].pointer, "/?\xe2\x82\xac", 5) == 0);
    CHECK((strlen(told.items[0].pointer) - 2 - 3) % 3 == 0);
    strbuf_done(&text);
}

static void check_receiver(const char *receiver, const char *word)
{
    char text[2048];
    struct told told;

    snprintf(text, sizeof text, "{\"events\":{\"user_created\":{\"receivers\":[\"%s\"]}}}",
             receiver);
    if (!word) {
        policy_unref(accepted(text));
        return;
    }
    CHECK(!read_in(bytes_of(text), &told));
    CHECK_EQ(told.count, 1);
    if (!strstr(told.items[0].reason, word))
        fprintf(stderr, "%s: %s\n", receiver, told.items[0].reason);
    CHECK(strstr(told.items[0].reason, word));
    assert_string_equal(told.items[0].pointer, "/events/user_created/receivers/0");
}

TEST(receivers_are_the_protocols_five_forms)
{
    char name[1100] = "";

    check_receiver("subject", NULL);
    check_receiver("target", NULL);
    check_receiver("admins", NULL);
    check_receiver("role:security team", NULL);
    check_receiver("role:a:b", NULL);
    check_receiver("permission:realtime:watch", NULL);
    check_receiver("permission:urn:doc:{resource}:{action}", NULL);
    check_receiver("", "no receiver");
    check_receiver("admin", "did you mean admins?");
    check_receiver("Subject", "did you mean subject?");
    check_receiver("everybody", "must be subject, target");
    check_receiver("roles:auditor", "did you mean role:");
    check_receiver("permision:a:b", "did you mean permission:");
    check_receiver("role:", "must name a role");
    check_receiver("role:{resource}", "only in");
    check_receiver("role:a\\u0007b", "control");
    check_receiver("permission:", "RESOURCE:ACTION");
    check_receiver("permission:docs", "RESOURCE:ACTION");
    check_receiver("permission::read", "RESOURCE:ACTION");
    check_receiver("permission:docs:", "RESOURCE:ACTION");
    check_receiver("permission:docs:*", "without *");
    check_receiver("permission:{Resource}:read", "did you mean {resource}?");
    check_receiver("permission:{user}:read", "only {resource} and {action}");
    check_receiver("permission:{resource:read", "did you mean {resource}?");
    check_receiver("permission:{:read", "only {resource}");
    check_receiver("permission:resource}:read", "without its {");

    memset(name, 'r', sizeof name - 1);
    memcpy(name, "role:", 5);
    name[5 + ROLE_SIZE_MAX] = '\0';
    check_receiver(name, NULL);
    name[5 + ROLE_SIZE_MAX] = 'r';
    check_receiver(name, "longer than 256");
    memcpy(name, "permission:a:", 13);
    check_receiver(name, "longer than 513");
    name[11 + PERMISSION_SIZE_MAX] = '\0';
    check_receiver(name, NULL);
}

TEST(a_receiver_twice_or_a_33rd_one_is_a_mistake)
{
    struct strbuf text;
    struct told told;

    check_mistake("{\"events\":{\"user_created\":{\"receivers\":[\"admins\",\"admins\"]}}}", 1, 50,
                  "/events/user_created/receivers/1", "already");
    strbuf_init(&text, 8192);
    strbuf_puts(&text, "{\"events\":{\"user_created\":{\"receivers\":[\"role:0\"");
    for (unsigned i = 1; i < POLICY_RECEIVERS_MAX; i++)
        strbuf_printf(&text, ",\"role:%u\"", i);
    strbuf_puts(&text, "]}}}");
    policy_unref(read_in(strbuf_bytes(&text), &told));
    CHECK_EQ(told.count, 0);
    text.size -= 4;
    strbuf_puts(&text, ",\"role:x\"]}}}");
    CHECK(!read_in(strbuf_bytes(&text), &told));
    CHECK_EQ(told.count, 1);
    CHECK(strstr(told.items[0].reason, "one too many"));
    strbuf_done(&text);
}

TEST(a_file_cut_anywhere_is_refused)
{
    struct strbuf text;
    struct told told;

    strbuf_init(&text, 8192);
    put_default(&text);
    for (size_t size = 0; size < text.size; size++)
        CHECK(!read_in((struct bytes){text.data, size}, &told));
    strbuf_done(&text);
}

TEST(a_file_over_64_kib_is_refused_and_one_of_64_is_read)
{
    char *text = malloc(POLICY_FILE_SIZE_MAX + 1);
    struct told told;

    memset(text, ' ', POLICY_FILE_SIZE_MAX + 1);
    memcpy(text, "{}", 2);
    policy_unref(read_in((struct bytes){text, POLICY_FILE_SIZE_MAX}, &told));
    CHECK_EQ(told.count, 0);
    CHECK(!read_in((struct bytes){text, POLICY_FILE_SIZE_MAX + 1}, &told));
    CHECK(strstr(told.items[0].reason, "64 KiB"));
    CHECK_EQ(told.items[0].line, 0);
    free(text);
}
