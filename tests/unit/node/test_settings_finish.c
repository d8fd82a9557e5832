/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings_finish.c: the addresses of clients and of metrics are checked against each other. */
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
