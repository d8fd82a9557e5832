/* SPDX-License-Identifier: Apache-2.0 */
/* test_settings.c: every setting is read from wherever it comes, and what is wrong is named in full. */
#include "unit.h"

#include <stdio.h>
#include <unistd.h>

#include "auth/keyring.h"
#include "mcp_auth/error.h"
#include "node/settings.h"

#define SECRET "0123456789abcdef0123456789abcdef"

/* The problems of one test, one a line. */
static char told[16384];

static void tell(void *owner, const char *text)
{
    (void)owner;
    strncat(told, text, sizeof told - strlen(told) - 1);
    strncat(told, "\n", sizeof told - strlen(told) - 1);
}

static struct settings_builder *fresh(void)
{
    struct settings_builder *builder;

    told[0] = '\0';
    CHECK_EQ(settings_builder_new(&builder), 0);
    return builder;
}

static void set(struct settings_builder *builder, const char *name, const char *value)
{
    CHECK_EQ(settings_set(builder, name, bytes_of(value), SOURCE_FLAG, NULL), 0);
}

static struct settings *finish(struct settings_builder *builder)
{
    struct settings *settings = NULL;

    if (settings_finish(builder, tell, NULL, &settings) < 0)
        print_message("%s", told);
    CHECK(settings != NULL);
    settings_builder_free(builder);
    return settings;
}

/* The text that settings_finish says about one wrong value. */
static const char *refusal(const char *name, const char *value)
{
    struct settings_builder *builder = fresh();
    struct settings *settings = NULL;

    set(builder, name, value);
    CHECK_EQ(settings_finish(builder, tell, NULL, &settings), MCP_AUTH_E_INVALID);
    CHECK(settings == NULL);
    settings_builder_free(builder);
    return told;
}

/* A file of this content; the path is static. */
static const char *file_of(const char *content)
{
    static char path[64];
    FILE *file;

    snprintf(path, sizeof path, "/tmp/test_settings.%ld.env", (long)getpid());
    file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK_EQ(fwrite(content, 1, strlen(content), file), strlen(content));
    CHECK_EQ(fclose(file), 0);
    return path;
}

static int load(struct settings_builder *builder, const char *content)
{
    const char *path = file_of(content);
    int r = settings_load_file(builder, path, tell, NULL);

    unlink(path);
    return r;
}

TEST(the_defaults_are_those_of_the_protocol)
{
    struct settings *s = finish(fresh());

    CHECK_EQ(s->heartbeat_ms, 30000);
    CHECK_EQ(s->max_connections, 1000);
    CHECK_EQ(s->rate_messages, 100);
    CHECK_EQ(s->rate_window_ms, 60000);
    CHECK_EQ(s->listen.count, 1);
    CHECK_TEXT(s->listen.items[0], "localhost:8000");
    CHECK(s->workers >= 1 && s->workers <= 256);
    CHECK_EQ(s->history_events, 100000);
    CHECK(s->history_ms == 86400000 && s->dedupe_ms == 600000);
    CHECK(!bytes_present(s->jwt_secret) && !bytes_present(s->api_key));
    CHECK(!bytes_present(s->tokens.issuer) && !bytes_present(s->tokens.audience));
    CHECK_EQ(s->tokens.leeway_ms, 30000);
    CHECK_EQ(s->tokens.age_max_ms, INT64_C(2592000000));
    CHECK_EQ(s->tokens.authority.fence_skew_ms, 5000);
    CHECK_TEXT(s->tokens.claims.user, "sub");
    CHECK_TEXT(s->tokens.claims.tenant, "tenant_id");
    CHECK_EQ(s->tokens.authority.admin_roles_count, 2);
    CHECK_TEXT(s->tokens.authority.admin_roles[1], "rbac_admin");
    CHECK_EQ(s->privacy, PRIVACY_FULL);
    CHECK_EQ(s->auth_timeout_ms, 10000);
    CHECK_EQ(s->log_level, LOG_INFO);
    CHECK(!s->log_json && !s->origins_restricted && !s->dev);
    settings_free(s);
}

TEST(the_env_block_of_the_guide_loads)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    CHECK_EQ(load(builder, "# Redis configuration for real-time features\n"
                           "REDIS_URL=redis://localhost:6379/0\n"
                           "REDIS_PASSWORD=your_password_here\n\n"
                           "# WebSocket configuration\n"
                           "WEBSOCKET_HEARTBEAT_INTERVAL=30  # seconds\n"
                           "WEBSOCKET_MAX_CONNECTIONS=1000\n"),
             0);
    s = finish(builder);
    CHECK_EQ(s->heartbeat_ms, 30000);
    CHECK_EQ(s->max_connections, 1000);
    CHECK_TEXT(s->redis_url, "redis://localhost:6379/0");
    settings_free(s);
}

TEST(a_comment_and_spaces_are_tolerated_wherever_the_value_comes_from)
{
    static char line[] = "WEBSOCKET_HEARTBEAT_INTERVAL= 45  # seconds";
    char *environment[] = {line, NULL};
    struct settings_builder *builder = fresh();
    struct settings *s;

    CHECK_EQ(settings_load_environment(builder, environment, tell, NULL), 0);
    set(builder, "--websocket-max-connections", "\t7 # seven");
    set(builder, "MCP_AUTH_AUTH_TIMEOUT", " 1.125 ");
    s = finish(builder);
    CHECK_EQ(s->heartbeat_ms, 45000);
    CHECK_EQ(s->max_connections, 7);
    CHECK_EQ(s->auth_timeout_ms, 1125);
    settings_free(s);
}

TEST(quotes_keep_a_hash_and_spaces_and_lines_may_be_written_in_many_ways)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    CHECK_EQ(load(builder, "\xef\xbb\xbf# made by an editor\r\n"
                           "  export MCP_AUTH_TOKEN_ISSUER = \"a # b\"  # why\r\n"
                           "MCP_AUTH_TOKEN_AUDIENCE='c d'\n"
                           "MCP_AUTH_API_KEY=0123456789#abcdef\n"
                           "SOMETHING_ELSE=1\n"
                           "MCP_AUTH_PRIVACY=\n"
                           "MCP_AUTH_LOG_LEVEL=debug"),
             0);
    s = finish(builder);
    CHECK_TEXT(s->tokens.issuer, "a # b");
    CHECK_TEXT(s->tokens.audience, "c d");
    CHECK_TEXT(s->api_key, "0123456789#abcdef");
    CHECK_EQ(s->privacy, PRIVACY_FULL);
    CHECK_EQ(s->log_level, LOG_DEBUG);
    settings_free(s);
}

TEST(a_stronger_source_wins_in_any_order_of_loading)
{
    static char line[] = "WEBSOCKET_MAX_CONNECTIONS=20";
    char *environment[] = {line, NULL};

    for (int order = 0; order < 2; order++) {
        struct settings_builder *builder = fresh();
        struct setting_info info;
        struct settings *s;

        if (order == 0)
            CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONNECTIONS=10\nMCP_AUTH_WORKERS=3\n"), 0);
        CHECK_EQ(settings_load_environment(builder, environment, tell, NULL), 0);
        if (order == 1)
            CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONNECTIONS=10\nMCP_AUTH_WORKERS=3\n"), 0);
        settings_info(builder, 1, &info);
        CHECK_TEXT(bytes_of(info.name), "WEBSOCKET_MAX_CONNECTIONS");
        CHECK_EQ(info.source, SOURCE_ENVIRONMENT);
        CHECK_TEXT(info.value, "20");
        s = finish(builder);
        CHECK_EQ(s->max_connections, 20);
        CHECK_EQ(s->workers, 3);
        settings_free(s);
    }
}

TEST(a_wrong_value_is_refused_with_name_value_range_and_line)
{
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    CHECK_EQ(load(builder, "\nWEBSOCKET_HEARTBEAT_INTERVAL=soon # seconds\n"), 0);
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "WEBSOCKET_HEARTBEAT_INTERVAL=soon"));
    CHECK(strstr(told, ".env:2)"));
    CHECK(strstr(told, "0.1..3600 seconds"));
    settings_builder_free(builder);
}

TEST(all_that_is_wrong_is_said_at_once)
{
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    set(builder, "MCP_AUTH_WORKERS", "0");
    set(builder, "MCP_AUTH_PRIVACY", "some");
    set(builder, "MCP_AUTH_API_KEY", "short");
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_WORKERS=0 (--workers)"));
    CHECK(strstr(told, "MCP_AUTH_PRIVACY=some"));
    CHECK(strstr(told, "full|id|none"));
    CHECK(strstr(told, "MCP_AUTH_API_KEY (--api-key) has 5 bytes"));
    settings_builder_free(builder);
}

TEST(numbers_are_taken_at_the_ends_of_their_range_and_refused_beyond)
{
    static const struct {
        const char *name, *good[3], *bad[9];
    } rows[] = {
        {"WEBSOCKET_HEARTBEAT_INTERVAL",
         {"0.1", "0.5", "3600"},
         {"0", "0.09", "3600.001", "-1", "1e3", "30s", ".5", "1.", "99999999999999999999"}},
        {"WEBSOCKET_MAX_CONNECTIONS",
         {"1", "2", "10000000"},
         {"0", "10000001", "-1", "1.5", "+1", "0x10", "1 000", "1,000", "4294967297"}},
        {"MCP_AUTH_WORKERS",
         {"1", "2", "256"},
         {"0", "257", "-1", "1.0", "two", "99999999999999999999", "2 3", "/", "1_0"}},
        {"MCP_AUTH_AUTH_TIMEOUT",
         {"0.1", "0.25", "300"},
         {"0.0999", "301", "-1", "1..2", "1.2.3", "nan", "inf", "0", "0.05"}},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        for (size_t j = 0; j < ARRAY_COUNT(rows[i].good); j++) {
            struct settings_builder *builder = fresh();

            set(builder, rows[i].name, rows[i].good[j]);
            settings_free(finish(builder));
        }
        for (size_t j = 0; j < ARRAY_COUNT(rows[i].bad); j++)
            CHECK(strstr(refusal(rows[i].name, rows[i].bad[j]), rows[i].name));
    }
}

TEST(addresses_are_taken_in_every_form_and_refused_with_the_reason)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    set(builder, "--listen", "127.0.0.1:0, [::1]:8001 ,,unix:/tmp/a b.sock,example.org:65535");
    s = finish(builder);
    CHECK_EQ(s->listen.count, 4);
    CHECK_TEXT(s->listen.items[1], "[::1]:8001");
    CHECK_TEXT(s->listen.items[2], "unix:/tmp/a b.sock");
    settings_free(s);

    CHECK(strstr(refusal("MCP_AUTH_LISTEN", "8000"), "HOST:PORT"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", ":8000"), "names no host"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", "localhost:65536"), "65535"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", "::1:8000"), "brackets"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", "unix:"), "path"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", "http://localhost:8000"), "MCP_AUTH_LISTEN=http"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", ","), "empty"));
    CHECK(strstr(refusal("MCP_AUTH_LISTEN", ""), "HOST:PORT"));
}

TEST(a_secret_may_come_from_a_file_and_is_never_shown)
{
    struct settings_builder *builder = fresh();
    const char *path = file_of(SECRET "\n");
    struct setting_info info;
    struct settings *s;

    set(builder, "MCP_AUTH_JWT_SECRET_FILE", path);
    set(builder, "--api-key", "a-key-of-16-byte");
    for (unsigned i = 0; i < settings_count(); i++) {
        settings_info(builder, i, &info);
        if (strcmp(info.name, "MCP_AUTH_API_KEY") == 0)
            CHECK_TEXT(info.value, "(set)");
        if (strcmp(info.name, "MCP_AUTH_JWT_SECRET") == 0)
            CHECK_TEXT(info.value, "(set)");
    }
    s = finish(builder);
    unlink(path);
    CHECK_TEXT(s->jwt_secret, SECRET);
    settings_free(s);

    CHECK(!strstr(refusal("MCP_AUTH_JWT_SECRET", "hunter2hunter2"), "hunter2"));
    CHECK(strstr(told, "14 bytes"));
    CHECK(strstr(told, "at least 32 bytes"));
    CHECK(strstr(refusal("MCP_AUTH_JWT_SECRET_FILE", "/nowhere/at/all"), "No such file"));
}

TEST(a_secret_given_twice_by_one_source_is_refused_and_by_two_the_stronger_wins)
{
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    set(builder, "MCP_AUTH_JWT_SECRET", SECRET);
    set(builder, "MCP_AUTH_JWT_SECRET_FILE", "/nowhere/at/all");
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "both set"));
    settings_builder_free(builder);

    builder = fresh();
    CHECK_EQ(load(builder, "MCP_AUTH_JWT_SECRET_FILE=/nowhere/at/all\n"), 0);
    set(builder, "MCP_AUTH_JWT_SECRET", SECRET);
    s = finish(builder);
    CHECK_TEXT(s->jwt_secret, SECRET);
    settings_free(s);
}

TEST(an_unknown_name_of_ours_is_an_error_with_a_suggestion)
{
    struct settings_builder *builder = fresh();

    CHECK_EQ(load(builder, "MCP_AUTH_LISTN=localhost:1\n"), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, ".env:1: MCP_AUTH_LISTN is not a setting; did you mean MCP_AUTH_LISTEN?"));
    told[0] = '\0';
    CHECK_EQ(load(builder, "WEBSOCKET_MAX_CONECTIONS=1\n"), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "WEBSOCKET_MAX_CONNECTIONS?"));
    told[0] = '\0';
    CHECK_EQ(load(builder, "MCP_AUTH_FLUX_COMPENSATION=1\n"), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "config --names"));
    CHECK_EQ(settings_set(builder, "--listn", BYTES("x"), SOURCE_FLAG, NULL), MCP_AUTH_E_NOT_FOUND);
    CHECK_TEXT(bytes_of(settings_suggestion("--listn")), "--listen");
    settings_builder_free(builder);
}

TEST(a_name_of_a_later_version_is_refused_and_one_for_clients_is_left_alone)
{
    static char later[] = "MCP_AUTH_DATA_DIR=/var/lib",
                empty[] = "MCP_AUTH_TLS_KEY_FILE=", url[] = "MCP_AUTH_URL=http://x",
                other[] = "HOME=/root", token[] = "MCP_AUTH_TOKEN=t";
    char *environment[] = {empty, url, other, token, later, NULL};
    struct settings_builder *builder = fresh();

    CHECK_EQ(settings_load_environment(builder, environment, tell, NULL), MCP_AUTH_E_INVALID);
    CHECK_TEXT(bytes_of(told), "MCP_AUTH_DATA_DIR is not in this version yet; remove it\n");
    CHECK_EQ(settings_set(builder, "--data-dir", BYTES("x"), SOURCE_FLAG, NULL),
             MCP_AUTH_E_UNSUPPORTED);
    CHECK_EQ(settings_set(builder, "--DATA-DIR", BYTES("x"), SOURCE_FLAG, NULL),
             MCP_AUTH_E_NOT_FOUND);
    settings_builder_free(builder);
}

TEST(a_line_that_is_no_setting_is_refused_without_being_shown)
{
    struct settings_builder *builder = fresh();

    CHECK_EQ(load(builder, "hunter2\n"), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, ".env:1: this line is not NAME=value"));
    CHECK(!strstr(told, "hunter2"));
    CHECK_EQ(settings_load_file(builder, "/nowhere/at/all", tell, NULL), MCP_AUTH_E_IO);
    CHECK(strstr(told, "/nowhere/at/all cannot be read: No such file"));
    settings_builder_free(builder);
}

TEST(public_keys_need_an_issuer_and_an_audience_said_explicitly)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    CHECK(strstr(refusal("MCP_AUTH_JWT_PUBLIC_KEY_FILE", "/k.pem"), "MCP_AUTH_TOKEN_ISSUER"));
    CHECK(strstr(told, "MCP_AUTH_TOKEN_AUDIENCE"));
    told[0] = '\0';
    set(builder, "MCP_AUTH_JWT_PUBLIC_KEY_FILE", "/k.pem");
    set(builder, "MCP_AUTH_TOKEN_ISSUER", "*");
    set(builder, "MCP_AUTH_TOKEN_AUDIENCE", "*");
    s = finish(builder);
    CHECK_TEXT(s->jwt_public_key_file, "/k.pem");
    settings_free(s);
}

TEST(algorithms_are_those_that_the_keys_can_serve)
{
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    set(builder, "MCP_AUTH_JWT_SECRET", SECRET);
    set(builder, "MCP_AUTH_JWT_ALGORITHMS", "HS256,RS256");
    s = finish(builder);
    CHECK_EQ(s->jwt_algorithms, BIT(JWT_HS256) | BIT(JWT_RS256));
    settings_free(s);

    builder = fresh();
    set(builder, "MCP_AUTH_JWT_SECRET", SECRET);
    set(builder, "MCP_AUTH_JWT_ALGORITHMS", "HS512");
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "HS512, which needs a secret of 64 bytes"));
    set(builder, "MCP_AUTH_JWT_ALGORITHMS", "RS256");
    told[0] = '\0';
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "no algorithm"));
    settings_builder_free(builder);

    CHECK(strstr(refusal("MCP_AUTH_JWT_ALGORITHMS", "none"), "never accepted"));
    CHECK(strstr(refusal("MCP_AUTH_JWT_ALGORITHMS", "HS257"), "HS256 HS384"));
}

TEST(origins_are_restricted_when_set_and_an_empty_list_is_refused)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    set(builder, "MCP_AUTH_ALLOWED_ORIGINS", "https://App.example.com,http://localhost:3000");
    s = finish(builder);
    CHECK(s->origins_restricted);
    CHECK_EQ(s->allowed_origins.count, 2);
    CHECK_TEXT(s->allowed_origins.items[0], "https://app.example.com");
    settings_free(s);

    builder = fresh();
    set(builder, "MCP_AUTH_ALLOWED_ORIGINS", "*");
    s = finish(builder);
    CHECK(!s->origins_restricted);
    settings_free(s);

    CHECK(strstr(refusal("MCP_AUTH_ALLOWED_ORIGINS", ""), "empty"));
    CHECK(strstr(refusal("MCP_AUTH_ALLOWED_ORIGINS", "https://a.example/"), "path"));
    CHECK(strstr(refusal("MCP_AUTH_ALLOWED_ORIGINS", "a.example"), "scheme"));
    CHECK(strstr(refusal("MCP_AUTH_ALLOWED_ORIGINS", "https://*.example"), "*"));
    CHECK(strstr(refusal("MCP_AUTH_ALLOWED_ORIGINS", "*,https://a.example"), "beside"));
}

TEST(redacted_names_are_folded_and_claims_may_be_pointers)
{
    struct settings_builder *builder = fresh();
    struct settings *s;

    set(builder, "MCP_AUTH_REDACT_KEYS", "Social_Security-Number, pin");
    set(builder, "MCP_AUTH_ROLES_CLAIM", "/realm_access/roles");
    s = finish(builder);
    CHECK_TEXT(s->redact_keys.items[0], "socialsecuritynumber");
    CHECK_TEXT(s->redact_keys.items[1], "pin");
    CHECK_TEXT(s->tokens.claims.roles, "/realm_access/roles");
    settings_free(s);

    CHECK(strstr(refusal("MCP_AUTH_REDACT_KEYS", "_-_"), "nothing left"));
    CHECK(strstr(refusal("MCP_AUTH_ROLES_CLAIM", "/a~2"), "JSON Pointer"));
}

TEST(a_development_server_has_a_throw_away_secret_and_listens_on_loopback_only)
{
    static const char *const fine[] = {"localhost:1,127.0.0.1:2,[::1]:3,unix:/tmp/x,127.9.9.9:4"};
    static const char *const foreign[] = {"0.0.0.0:1", "[::]:1", "127.evil.example:1",
                                          "localhost:1,10.0.0.1:1", "[::1%eth0]:1"};
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    set(builder, "MCP_AUTH_LISTEN", fine[0]);
    CHECK_EQ(settings_set_dev(builder), 0);
    s = finish(builder);
    CHECK(s->dev);
    CHECK_EQ(s->jwt_secret.size, 43);
    settings_free(s);

    for (size_t i = 0; i < ARRAY_COUNT(foreign); i++) {
        builder = fresh();
        set(builder, "MCP_AUTH_LISTEN", foreign[i]);
        CHECK_EQ(settings_set_dev(builder), 0);
        CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
        CHECK(strstr(told, "MCP_AUTH_LISTEN: ") && strstr(told, "not a loopback address"));
        settings_builder_free(builder);
    }

    builder = fresh();
    set(builder, "MCP_AUTH_JWT_SECRET", SECRET);
    CHECK_EQ(settings_set_dev(builder), 0);
    s = finish(builder);
    CHECK_TEXT(s->jwt_secret, SECRET);
    settings_free(s);
}

TEST(odd_bytes_never_reach_the_text_of_a_problem)
{
    struct settings_builder *builder = fresh();
    struct settings *s = NULL;

    set(builder, "MCP_AUTH_PRIVACY", "\x1b[31mred\x7f");
    CHECK_EQ(settings_finish(builder, tell, NULL, &s), MCP_AUTH_E_INVALID);
    CHECK(!strchr(told, 0x1b) && !strchr(told, 0x7f));
    CHECK_EQ(settings_set(builder, "MCP_AUTH_PRIVACY", (struct bytes){"a\0b", 3}, SOURCE_FLAG,
                          NULL),
             MCP_AUTH_E_INVALID);
    settings_builder_free(builder);
}
