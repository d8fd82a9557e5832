/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings_finish.c: settings are checked against each other: addresses, and those of Redis. */
#include <stdio.h>

#include "mcp_auth/error.h"
#include "node/settings.h"
#include "unit.h"

static char told[4096];

static void tell(void *owner, const char *text)
{
    size_t size = strlen(told);

    (void)owner;
    (void)snprintf(told + size, sizeof told - size, "%s\n", text);
}

static int finish(const char *clients, const char *metrics, bool dev, struct settings **ret)
{
    struct settings_builder *builder;
    int r;

    told[0] = '\0';
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_LISTEN", bytes_of(clients), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_set(builder, "--metrics-listen", bytes_of(metrics), SOURCE_FLAG, NULL), 0);
    if (dev)
        CHECK_EQ(settings_set_dev(builder), 0);
    r = settings_finish(builder, tell, NULL, ret);
    settings_builder_free(builder);
    return r;
}

TEST(metrics_have_no_address_unless_one_is_set)
{
    struct settings *settings;

    CHECK_EQ(finish("localhost:1", "", false, &settings), 0);
    CHECK_EQ(settings->metrics_listen.count, 0);
    settings_free(settings);
    CHECK_EQ(finish("localhost:1", "[::]:2, unix:/run/m", false, &settings), 0);
    CHECK_EQ(settings->metrics_listen.count, 2);
    CHECK_TEXT(settings->metrics_listen.items[0], "[::]:2");
    CHECK_TEXT(settings->metrics_listen.items[1], "unix:/run/m");
    settings_free(settings);
}

TEST(an_address_is_for_clients_or_for_metrics)
{
    static const char clients[] = "localhost:1,127.0.0.1:2,unix:/run/s,127.0.0.1:0";
    static const char *const own[] = {"127.0.0.1:10", "127.0.0.1:0", "unix:/run/s2", "[::1]:2"};
    static const char *const shared[] = {"127.0.0.1:2", "unix:/run/m,localhost:1", "unix:/run/s"};
    struct settings *settings;

    for (size_t i = 0; i < ARRAY_COUNT(own); i++) {
        CHECK_EQ(finish(clients, own[i], false, &settings), 0);
        settings_free(settings);
    }
    for (size_t i = 0; i < ARRAY_COUNT(shared); i++) {
        CHECK_EQ(finish(clients, shared[i], false, &settings), MCP_AUTH_E_INVALID);
        CHECK(strstr(told, "MCP_AUTH_METRICS_LISTEN: ") && strstr(told, " is in MCP_AUTH_LISTEN"));
    }
}

TEST(in_development_metrics_are_on_loopback_only)
{
    static const char *const foreign[] = {"0.0.0.0:2", "localhost:2,10.0.0.1:2"};
    struct settings *settings;

    CHECK_EQ(finish("localhost:1", "127.0.0.1:2,[::1]:2,unix:/run/m", true, &settings), 0);
    settings_free(settings);
    for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
        CHECK_EQ(finish("localhost:1", foreign[i], true, &settings), MCP_AUTH_E_INVALID);
        CHECK(strstr(told, "MCP_AUTH_METRICS_LISTEN: ") && strstr(told, "not a loopback"));
    }
}

static int finish_redis(const char *url, const char *password, const char *ca,
                        struct setting_info *ret_info, char *shown, struct settings **ret)
{
    struct settings_builder *builder;
    int r;

    told[0] = '\0';
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "REDIS_URL", bytes_of(url), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_set(builder, "REDIS_PASSWORD", bytes_of(password), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_set(builder, "--redis-ca-file", bytes_of(ca), SOURCE_FLAG, NULL), 0);
    for (unsigned i = 0; i < settings_count(); i++) {
        settings_info(builder, i, ret_info);
        if (strcmp(ret_info->name, "REDIS_URL") == 0)
            break;
    }
    (void)snprintf(shown, 256, "%.*s", (int)ret_info->value.size, ret_info->value.data);
    r = settings_finish(builder, tell, NULL, ret);
    settings_builder_free(builder);
    return r;
}

TEST(without_an_address_there_is_no_redis_and_its_settings_are_those_of_the_protocol)
{
    struct settings *s;
    struct setting_info info;
    char shown[256];

    CHECK_EQ(finish_redis("", "apart", "", &info, shown, &s), 0);
    assert_string_equal(shown, "");
    CHECK_TEXT(s->redis_password, "apart");
    CHECK(!bytes_present(s->redis_url));
    CHECK(!bytes_present(s->redis_prefix) && !bytes_present(s->redis_ca_file));
    CHECK(s->bus_deadline_ms == 100 && s->max_isolation_ms == 0);
    CHECK_EQ(s->redis_plain, REDIS_PLAIN_ACCEPT);
    settings_free(s);
}

TEST(the_address_of_redis_is_kept_whole_and_shown_without_its_password)
{
    struct settings *settings;
    struct setting_info info;
    char shown[256];

    CHECK_EQ(finish_redis("rediss://me:hunter2@h/4", "", "/ca.pem", &info, shown, &settings), 0);
    assert_string_equal(shown, "rediss://h:6379/4");
    CHECK(info.secret);
    CHECK_TEXT(settings->redis_url, "rediss://me:hunter2@h/4");
    CHECK_TEXT(settings->redis_ca_file, "/ca.pem");
    settings_free(settings);
    /* The user's password may come by itself; shown before it is known. */
    CHECK_EQ(finish_redis("redis://me@h", "apart", "", &info, shown, &settings), 0);
    assert_string_equal(shown, "redis://h:6379/0");
    CHECK_TEXT(settings->redis_password, "apart");
    settings_free(settings);
}

TEST(a_wrong_address_of_redis_is_refused_with_the_reason_and_nothing_of_it)
{
    struct settings *settings;
    struct setting_info info;
    char shown[256];

    CHECK_EQ(finish_redis("redis://:hunter2@h:0", "", "", &info, shown, &settings),
             MCP_AUTH_E_INVALID);
    assert_string_equal(shown, "(set)");
    CHECK(strstr(told, "REDIS_URL (--redis-url) the port is no number") != NULL);
    CHECK(strstr(told, "hunter2") == NULL);
    CHECK_EQ(finish_redis("redis://me@h", "", "", &info, shown, &settings), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "a user is given and no password") != NULL);
    CHECK_EQ(finish_redis("redis://h", "", "/ca.pem", &info, shown, &settings), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_REDIS_CA_FILE is set, and REDIS_URL has no TLS") != NULL);
}
