/* SPDX-License-Identifier: Apache-2.0 */
/* test_load.c: settings, keys and policy are taken together, or all that is wrong is told. */
#include "server/load.h"

#include <stdio.h>
#include <unistd.h>

#include "mcp_auth/error.h"
#include "server/keys.h"
#include "unit.h"

#define SECRET "0123456789abcdef0123456789abcdef"
#define SECRET_IN_BASE64URL "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"

static char told[8192];
static char path[64];

static void tell(void *owner, const char *text)
{
    (void)owner;
    strncat(told, text, sizeof told - strlen(told) - 1);
    strncat(told, "\n", sizeof told - strlen(told) - 1);
}

static void put_file(const char *content)
{
    FILE *file;

    (void)snprintf(path, sizeof path, "/tmp/test_load.%ld", (long)getpid());
    file = fopen(path, "w");
    CHECK(file != NULL);
    CHECK(fputs(content, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

/* With the file as this setting, and one more when it is not NULL. */
static int load_with(const char *setting, const char *content, const char *more, const char *value,
                     struct load *ret)
{
    struct settings_builder *builder;
    int r;

    told[0] = '\0';
    put_file(content);
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, setting, bytes_of(path), SOURCE_FLAG, NULL), 0);
    if (more)
        CHECK_EQ(settings_set(builder, more, bytes_of(value), SOURCE_FLAG, NULL), 0);
    r = load_read(ret, builder, true, tell, NULL);
    settings_builder_free(builder);
    CHECK_EQ(unlink(path), 0);
    return r;
}

static int load_key_set(const char *content, struct load *ret)
{
    return load_with("MCP_AUTH_JWKS_FILE", content, NULL, NULL, ret);
}

static int load_policy(const char *content, const char *more, const char *value, struct load *ret)
{
    return load_with("MCP_AUTH_POLICY_FILE", content, more, value, ret);
}

TEST(a_set_of_one_shared_secret_is_enough_and_needs_no_issuer)
{
    struct bytes rest, line;
    struct load load;
    bool refused;

    CHECK_EQ(load_key_set("{\"keys\":[{\"kty\":\"oct\",\"k\":\"short\",\"kid\":\"one\"},"
                          "{\"kty\":\"oct\",\"k\":\"" SECRET_IN_BASE64URL "\"}]}",
                          &load),
             0);
    CHECK_EQ(load.issuers->rest.keys->keys_count, 1);
    CHECK(load.policy == &policy_default);
    rest = strbuf_bytes(&load.notices);
    CHECK(keys_next_notice(&rest, &line, &refused) && refused);
    CHECK(bytes_starts_with(line, BYTES("MCP_AUTH_JWKS_FILE: keys[0] kid one: ")));
    CHECK(!keys_next_notice(&rest, &line, &refused));
    load_done(&load);
    load_done(&load); /* again: fine */
}

TEST(a_set_without_a_usable_key_is_a_mistake_when_there_is_no_other)
{
    static const char *const sets[] = {
        "{\"keys\":[]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"short\"}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"" SECRET_IN_BASE64URL "\"}]}",
        "{\"keys\":7}",
        "",
    };
    struct load load;

    for (size_t i = 0; i < ARRAY_COUNT(sets); i++) {
        CHECK_EQ(load_key_set(sets[i], &load), MCP_AUTH_E_INVALID);
        CHECK(strstr(told, "MCP_AUTH_JWKS_FILE") && strstr(told, path));
    }
    CHECK_EQ(load_with("MCP_AUTH_JWKS_FILE", sets[0], "MCP_AUTH_JWT_SECRET", SECRET, &load), 0);
    CHECK_EQ(load.issuers->rest.keys->keys_count, 1);
    load_done(&load);
}

TEST(a_public_key_of_a_set_asks_for_issuer_and_audience)
{
    /* RFC 8037 appendix A.2 */
    static const char set[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    struct load load;

    CHECK_EQ(load_key_set(set, &load), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_TOKEN_ISSUER") && strstr(told, "MCP_AUTH_TOKEN_AUDIENCE"));
    CHECK_EQ(load_with("MCP_AUTH_JWKS_FILE", set, "MCP_AUTH_TOKEN_ISSUER", "*", &load),
             MCP_AUTH_E_INVALID);
    CHECK(!strstr(told, "MCP_AUTH_TOKEN_ISSUER") && strstr(told, "MCP_AUTH_TOKEN_AUDIENCE"));
}

TEST(what_is_wrong_with_keys_and_policy_is_told_at_once)
{
    struct load load;

    CHECK_EQ(load_policy("{\n  \"version\": 9\n}", NULL, NULL, &load), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "no key is set"));
    CHECK(strstr(told, ":2:14: /version: "));
}

/* It used to need two rounds: files were looked at only when the settings were right. */
TEST(what_is_wrong_with_settings_keys_issuers_and_policy_is_told_in_one_round)
{
    static const char *const wrong[][2] = {
        {"MCP_AUTH_WORKERS", "0"},
        {"MCP_AUTH_JWT_PUBLIC_KEY_FILE", "/nowhere/k.pem"},
        {"MCP_AUTH_JWKS_FILE", "/nowhere/set.json"},
        {"MCP_AUTH_ISSUERS_FILE", "/nowhere/issuers.json"},
    };
    struct settings_builder *builder;
    struct load load;

    told[0] = '\0';
    put_file("{\"version\":9}");
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_POLICY_FILE", bytes_of(path), SOURCE_FLAG, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        CHECK_EQ(settings_set(builder, wrong[i][0], bytes_of(wrong[i][1]), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(load_read(&load, builder, true, tell, NULL), MCP_AUTH_E_INVALID);
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        CHECK(strstr(told, wrong[i][0]));
    CHECK(strstr(told, "/version: "));
    settings_builder_free(builder);
    CHECK_EQ(unlink(path), 0);
}

TEST(what_is_wrong_is_not_asked_for_as_well_and_nothing_is_told_twice)
{
    static const char set[] = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
                              "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
    struct load load;
    const char *first;

    CHECK_EQ(load_policy("{}", "MCP_AUTH_JWT_SECRET", "short", &load), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_JWT_SECRET (") && !strstr(told, "no key is set"));
    CHECK_EQ(load_policy("{\"privacy\":\"id\"}", "MCP_AUTH_PRIVACY", "some", &load),
             MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_PRIVACY=some") && !strstr(told, "keep one"));
    CHECK_EQ(load_with("MCP_AUTH_JWKS_FILE", set, "MCP_AUTH_TOKEN_ISSUER", "\x01", &load),
             MCP_AUTH_E_INVALID);
    CHECK(!strstr(told, "MCP_AUTH_TOKEN_ISSUER is needed"));
    CHECK(strstr(told, "MCP_AUTH_TOKEN_AUDIENCE is needed"));
    CHECK_EQ(load_with("MCP_AUTH_JWKS_FILE", set, "MCP_AUTH_JWKS_URL", "https://127.0.0.1/set",
                       &load),
             MCP_AUTH_E_INVALID);
    first = strstr(told, "MCP_AUTH_TOKEN_ISSUER is needed");
    CHECK(first && !strstr(first + 1, "MCP_AUTH_TOKEN_ISSUER is needed"));
}

TEST(privacy_in_two_places_is_the_same_or_a_mistake)
{
    static const char file[] = "{\"privacy\":\"full\"}";
    struct settings_builder *builder;
    struct load load;

    CHECK_EQ(load_policy(file, "MCP_AUTH_PRIVACY", "id", &load), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "MCP_AUTH_PRIVACY and the privacy"));
    CHECK_EQ(load_policy(file, "MCP_AUTH_PRIVACY", "full", &load), MCP_AUTH_E_INVALID);
    CHECK(!strstr(told, "MCP_AUTH_PRIVACY")); /* but a key is missing */
    CHECK_EQ(load_policy("{\"privacy\":\"id\"}", "MCP_AUTH_JWT_SECRET", SECRET, &load), 0);
    CHECK(load.policy->privacy_given && load.policy->privacy == PRIVACY_ID);
    load_done(&load);

    told[0] = '\0'; /* without keys being asked for */
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(load_read(&load, builder, false, tell, NULL), 0);
    CHECK(load.issuers == NULL && told[0] == '\0');
    load_done(&load);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_POLICY_FILE", bytes_of("/nowhere/at.all"), SOURCE_FLAG,
                          NULL),
             0);
    CHECK_EQ(load_read(&load, builder, false, tell, NULL), MCP_AUTH_E_IO);
    CHECK(strstr(told, "MCP_AUTH_POLICY_FILE: /nowhere/at.all cannot be read: No such file"));
    CHECK_EQ(settings_set(builder, "MCP_AUTH_POLICY_FILE", bytes_of("/dev/zero"), SOURCE_FLAG,
                          NULL),
             0);
    CHECK_EQ(load_read(&load, builder, false, tell, NULL), MCP_AUTH_E_IO);
    CHECK(strstr(told, "MCP_AUTH_POLICY_FILE: /dev/zero is larger than 65536 bytes"));
    settings_builder_free(builder);
}
