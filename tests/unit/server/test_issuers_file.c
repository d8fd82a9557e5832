/* SPDX-License-Identifier: Apache-2.0 */
/* test_issuers_file.c: a file of issuers is taken whole, or every mistake is told with its place. */
#include "server/issuers_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "mcp_auth/error.h"
#include "unit.h"

#define SECRET_IN_BASE64URL "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
#define JWKS "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"k\",\"k\":\"" SECRET_IN_BASE64URL "\"}]}"

static char told[65536];
static char folder[64], path[128];

static void tell(void *owner, const char *text)
{
    (void)owner;
    strncat(told, text, sizeof told - strlen(told) - 1);
    strncat(told, "\n", sizeof told - strlen(told) - 1);
}

static void put_file(const char *name, const char *content)
{
    char full[256];
    FILE *file;

    (void)snprintf(full, sizeof full, "%s/%s", folder, name);
    file = fopen(full, "w");
    CHECK(file != NULL);
    CHECK(fputs(content, file) >= 0);
    CHECK_EQ(fclose(file), 0);
}

/* A folder with a key set in it, and these issuers. `more`: another setting, or NULL. */
static int load(const char *content, const char *more, const char *value, struct issuers **ret)
{
    struct strbuf notices;
    const struct keys_told keys_told = {tell, NULL, &notices};
    struct settings_builder *builder;
    struct settings *settings;
    char command[128];
    int r;

    told[0] = '\0';
    (void)snprintf(folder, sizeof folder, "/tmp/test_issuers_file.%ld", (long)getpid());
    (void)snprintf(command, sizeof command, "mkdir -p %s", folder);
    CHECK_EQ(system(command), 0);
    put_file("keys.json", JWKS);
    put_file("issuers.json", content);
    (void)snprintf(path, sizeof path, "%s/issuers.json", folder);
    CHECK_EQ(settings_builder_new(&builder), 0);
    CHECK_EQ(settings_set(builder, "MCP_AUTH_ISSUERS_FILE", bytes_of(path), SOURCE_FLAG, NULL), 0);
    if (more)
        CHECK_EQ(settings_set(builder, more, bytes_of(value), SOURCE_FLAG, NULL), 0);
    CHECK_EQ(settings_finish(builder, tell, NULL, &settings), 0);
    strbuf_init(&notices, KEYS_NOTICES_SIZE_MAX);
    r = issuers_load(settings, &keys_told, ret);
    strbuf_done(&notices);
    settings_free(settings);
    settings_builder_free(builder);
    (void)snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK_EQ(system(command), 0);
    return r;
}

TEST(issuers_have_what_their_file_says_and_its_folder_is_where_paths_begin)
{
    struct issuers *issuers;
    const struct issuer *a, *b;

    CHECK_EQ(load("{\"comment\":\"ours\",\"issuers\":[\n"
                  "{\"issuer\":\"a\",\"audience\":\"me\",\"tenants\":[\"t2\",\"t1\",\"\"],"
                  "\"jwks_file\":\"keys.json\",\"comment\":\"x\"},\n"
                  "{\"issuer\":\"b\",\"audience\":\"*\",\"tenants\":\"*\","
                  "\"jwks_file\":\"keys.json\",\"algorithms\":[\"HS256\"]}]}",
                  NULL, NULL, &issuers),
             0);
    CHECK(told[0] == '\0');
    CHECK_EQ(issuers->count, 2);
    a = issuers_find(issuers, BYTES("a"));
    b = issuers_find(issuers, BYTES("b"));
    CHECK_TEXT(a->audience, "me");
    CHECK(!a->any_tenant && b->any_tenant);
    CHECK(issuer_speaks_for(a, BYTES("")) && issuer_speaks_for(a, BYTES("t2")));
    CHECK(!issuer_speaks_for(a, BYTES("t3")));
    CHECK_EQ(a->keys->keys_count, 1);
    CHECK_EQ(keyring_algorithms(b->keys), BIT(JWT_HS256));
    CHECK_EQ(issuers->rest.keys->keys_count, 0);
    issuers_unref(issuers);
}

#define REST "\"audience\":\"*\",\"tenants\":\"*\",\"jwks_file\":\"keys.json\""

TEST(each_mistake_is_told_with_its_place)
{
    static const struct {
        const char *content, *wanted;
    } rows[] = {
        {"[]", ":1:1: must be an object"},
        {"{}", ":1:1: has no issuers"},
        {"{\"issuers\":[]}", ":1:12: /issuers: must name one issuer or more"},
        {"{\"issuers\":{}}", ":1:12: /issuers: must be an array"},
        {"{\"issuers\":[7]}", ":1:13: /issuers/0: must be an object"},
        {"{\"issuers\":[{}],\"issuer\":1}", "/issuer: is not known here; did you mean issuers?"},
        {"{\"issuers\":[{\"issuer\":\"*\"," REST "}]}", "/issuers/0/issuer: must be a name"},
        {"{\"issuers\":[{\"issuer\":\"\"," REST "}]}", "/issuers/0/issuer: must have 1 to 1024"},
        {"{\"issuers\":[{\"issuer\":7," REST "}]}", "/issuers/0/issuer: must be a string"},
        {"{\"issuers\":[{\"issuer\":\"a\\nb\"," REST "}]}", "issuer: holds a control character"},
        {"{\"issuers\":[{" REST "}]}", "/issuers/0: has no issuer"},
        {"{\"issuers\":[{\"issuer\":\"a\"," REST "},\n{\"issuer\":\"a\"," REST "}]}",
         ":2:11: /issuers/1/issuer: is here twice; the first is on line 1"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"issuer\":\"b\"," REST "}]}", "is here twice"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"tenants\":\"*\",\"jwks_file\":\"keys.json\"}]}",
         "/issuers/0: has no audience"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"jwks_file\":\"keys.json\"}]}",
         "/issuers/0: has no tenants"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":\"*\"}]}",
         "/issuers/0: must have one of jwks_file, jwks_url and public_key_file; it has 0"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"public_key_file\":\"p\"," REST "}]}", "it has 2"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":[],\"jwks_file\":\"k\"}]}",
         "/issuers/0/tenants: must have 1 to 1000 tenants"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":\"t\",\"jwks_file\":"
         "\"k\"}]}",
         "/issuers/0/tenants: must be an array"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":[\"t\",\"*\",\"t\",1],"
         "\"jwks_file\":\"k\"}]}",
         "/issuers/0/tenants/1: stands by itself"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":[\"t\",\"*\",\"t\",1],"
         "\"jwks_file\":\"k\"}]}",
         "/issuers/0/tenants/2: is in the list already"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"algorithms\":[]," REST "}]}",
         "must name one algorithm"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"algorithms\":[\"none\"]," REST "}]}",
         "/issuers/0/algorithms/0: must be one of HS256"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"algorithms\":[\"RS256\"]," REST "}]}",
         "/issuers/0/jwks_file: "},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audiense\":\"x\"," REST "}]}",
         "/issuers/0/audiense: is not known here; did you mean audience?"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":\"*\","
         "\"jwks_file\":\"absent.json\"}]}",
         "/issuers/0/jwks_file: /tmp/"},
        {"{\"issuers\":[{\"issuer\":\"a\",\"audience\":\"*\",\"tenants\":\"*\","
         "\"public_key_file\":\"keys.json\"}]}",
         "there is no PEM block in it"},
        {"{\"issuers\":", "issuers.json:1:"},
    };
    struct issuers *issuers;

    for (unsigned i = 0; i < ARRAY_COUNT(rows); i++) {
        CHECK(load(rows[i].content, NULL, NULL, &issuers) < 0);
        if (!strstr(told, rows[i].wanted))
            printf("wanted: %s\ntold: %s", rows[i].wanted, told);
        CHECK(strstr(told, rows[i].wanted) != NULL);
        CHECK(strstr(told, path) != NULL);
    }
}

TEST(all_mistakes_are_told_not_the_first)
{
    struct issuers *issuers;

    CHECK(load("{\"issuers\":[{\"issuer\":1},{\"issuer\":\"b\",\"audience\":\"*\",\"tenants\":"
               "\"*\",\"jwks_file\":\"gone\"},{\"issuer\":\"c\",\"audience\":\"*\",\"tenants\":"
               "\"*\",\"public_key_file\":\"gone\"}]}",
               "MCP_AUTH_JWKS_FILE", "/absent", &issuers) < 0);
    CHECK(strstr(told, "/issuers/0/issuer: ") && strstr(told, "/issuers/0: has no tenants"));
    CHECK(strstr(told, "/issuers/1/jwks_file: ") && strstr(told, "/issuers/2/public_key_file: "));
    CHECK(strstr(told, "MCP_AUTH_JWKS_FILE"));
}

TEST(what_the_settings_say_of_all_holds_for_the_file)
{
    static const char file[] = "{\"issuers\":[{\"issuer\":\"a\"," REST "}]}";
    struct issuers *issuers;

    CHECK(load("{\"issuers\":[{\"issuer\":\"a\",\"algorithms\":[\"HS256\"]," REST "}]}",
               "MCP_AUTH_JWT_ALGORITHMS", "RS256", &issuers) < 0);
    CHECK(strstr(told, "is not among MCP_AUTH_JWT_ALGORITHMS"));
    CHECK(load(file, "MCP_AUTH_JWT_ALGORITHMS", "RS256", &issuers) < 0);
    CHECK(strstr(told, "no usable key"));
    CHECK_EQ(load(file, "MCP_AUTH_TOKEN_ISSUER", "a", &issuers), 0); /* there are no other keys */
    issuers_unref(issuers);
}

TEST(a_sixty_fifth_issuer_is_one_too_many)
{
    char *text = malloc(65536);
    struct issuers *issuers;
    size_t size = (size_t)sprintf(text, "{\"issuers\":[");

    for (unsigned i = 0; i <= ISSUERS_MAX + 1; i++)
        size += (size_t)sprintf(text + size, "%s{\"issuer\":\"a%u\"," REST "}", i ? "," : "", i);
    (void)sprintf(text + size, "]}");
    CHECK_EQ(load(text, NULL, NULL, &issuers), MCP_AUTH_E_INVALID);
    CHECK(strstr(told, "/issuers/64: is one too many") && !strstr(told, "/issuers/65"));
    free(text);
}
