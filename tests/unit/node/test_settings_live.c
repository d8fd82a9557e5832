/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings_live.c: what differs between two settings is named, with whether it may change. */
#include "node/settings.h"
#include "unit.h"

struct differences {
    char text[1024];
};

static void note_difference(void *owner, const char *name, bool live)
{
    struct differences *differences = owner;
    size_t size = strlen(differences->text);

    (void)snprintf(differences->text + size, sizeof differences->text - size, "%s %s\n", name,
                   live ? "live" : "restart");
}

static void no_problem(void *owner, const char *text)
{
    (void)owner;
    fail_msg("%s", text);
}

static struct settings *settings_of(const char *const *pairs)
{
    struct settings_builder *builder;
    struct settings *settings;

    CHECK_EQ(settings_builder_new(&builder), 0);
    for (; *pairs; pairs += 2)
        CHECK_EQ(settings_set(builder, pairs[0], bytes_of(pairs[1]), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_finish(builder, no_problem, NULL, &settings), 0);
    settings_builder_free(builder);
    return settings;
}

TEST(what_differs_is_named_with_whether_it_can_change_while_a_server_runs)
{
    static const char *const before[] = {"MCP_AUTH_ADMIN_ROLES",
                                         "one,two",
                                         "MCP_AUTH_JWT_SECRET",
                                         "0123456789abcdef0123456789abcdef",
                                         "MCP_AUTH_TOKEN_ISSUER",
                                         "same",
                                         NULL};
    static const char *const after[] = {"MCP_AUTH_ADMIN_ROLES",
                                        "one,too",
                                        "MCP_AUTH_TOKEN_ISSUER",
                                        "same",
                                        "MCP_AUTH_PUBLISH_RATE",
                                        "7",
                                        "MCP_AUTH_LOG_FORMAT",
                                        "json",
                                        "REDIS_URL",
                                        "redis://elsewhere",
                                        NULL};
    struct settings *a = settings_of(before), *b = settings_of(after);
    struct differences differences = {""};

    settings_compare(a, b, note_difference, &differences);
    assert_string_equal(
        differences.text,
        "REDIS_URL restart\nMCP_AUTH_JWT_SECRET live\nMCP_AUTH_ADMIN_ROLES restart\n"
        "MCP_AUTH_PUBLISH_RATE live\nMCP_AUTH_LOG_FORMAT restart\n");
    differences.text[0] = '\0';
    settings_compare(b, b, note_difference, &differences);
    assert_string_equal(differences.text, "");
    settings_free(a);
    settings_free(b);
}

TEST(a_list_that_is_longer_or_gone_differs)
{
    static const char *const none[] = {NULL};
    static const char *const one[] = {"MCP_AUTH_REDACT_KEYS", "a", NULL};
    static const char *const two[] = {"MCP_AUTH_REDACT_KEYS", "a,b", NULL};
    static const char *const *const all[] = {none, one, two};

    for (size_t i = 0; i < ARRAY_COUNT(all); i++)
        for (size_t j = 0; j < ARRAY_COUNT(all); j++) {
            struct settings *a = settings_of(all[i]), *b = settings_of(all[j]);
            struct differences differences = {""};

            settings_compare(a, b, note_difference, &differences);
            assert_string_equal(differences.text, i == j ? "" : "MCP_AUTH_REDACT_KEYS restart\n");
            settings_free(a);
            settings_free(b);
        }
}
