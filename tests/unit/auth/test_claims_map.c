/* SPDX-License-Identifier: Apache-2.0 */
/* test_claims_map.c: claims are found by name or pointer, and of the wrong type are refused. */
#include <stdio.h>

#include "auth/claims_map.h"
#include "mcp_auth/error.h"
#include "model/limits.h"
#include "unit.h"

static struct claims_map usual(void)
{
    return (struct claims_map){BYTES("sub"), BYTES("name"), BYTES("roles"), BYTES("permissions"),
                               BYTES("tenant_id")};
}

static json_t *parsed(const char *text)
{
    json_t *value;

    CHECK_EQ(json_read(bytes_of(text), &value, NULL), 0);
    return value;
}

static int read_with(const char *text, const struct claims_map *map)
{
    struct claims_room room = {0};
    const char *why = NULL;
    json_t *payload = parsed(text);
    int r = claims_read(payload, map, &room, &why);

    CHECK((r < 0) == (why != NULL));
    CHECK(r == 0 || !room.items);
    free(room.items);
    json_decref(payload);
    return r;
}

static int read_text(const char *text)
{
    struct claims_map map = usual();

    return read_with(text, &map);
}

TEST(all_claims_are_read_by_their_names)
{
    json_t *payload = parsed("{\"sub\":\"u1\",\"name\":\"Ada\",\"roles\":[\"a\",\"b\"],"
                             "\"permissions\":[\"doc:read\"],\"tenant_id\":\"t\",\"jti\":\"id\","
                             "\"iat\":5,\"exp\":6,\"other\":{}}");
    struct claims_map map = usual();
    struct claims_room room;
    const char *why;

    CHECK_EQ(claims_read(payload, &map, &room, &why), 0);
    CHECK_TEXT(room.claims.user, "u1");
    CHECK_TEXT(room.claims.name, "Ada");
    CHECK_TEXT(room.claims.tenant, "t");
    CHECK_TEXT(room.claims.token_id, "id");
    CHECK_EQ(room.claims.roles_count, 2);
    CHECK_TEXT(room.claims.roles[1], "b");
    CHECK_EQ(room.claims.permissions_count, 1);
    CHECK_TEXT(room.claims.permissions[0], "doc:read");
    CHECK(room.claims.issued_at_ms == NO_TIME);
    free(room.items);
    json_decref(payload);
}

TEST(all_but_the_user_may_be_absent)
{
    json_t *payload = parsed("{\"sub\":\"u\"}");
    struct claims_map map = usual();
    struct claims_room room;
    const char *why;

    CHECK_EQ(claims_read(payload, &map, &room, &why), 0);
    CHECK_TEXT(room.claims.tenant, "");
    CHECK(bytes_present(room.claims.tenant));
    CHECK(!bytes_present(room.claims.name));
    CHECK(!bytes_present(room.claims.token_id));
    CHECK_EQ(room.claims.roles_count + room.claims.permissions_count, 0);
    free(room.items);
    json_decref(payload);
    CHECK_EQ(read_text("{}"), MCP_AUTH_E_INVALID);
}

TEST(roles_and_permissions_may_be_one_string_and_empty_ones_are_none)
{
    json_t *payload = parsed("{\"sub\":\"u\",\"roles\":\"a b\",\"permissions\":[\"\",\"p\",\"\"]}");
    struct claims_map map = usual();
    struct claims_room room;
    const char *why;

    CHECK_EQ(claims_read(payload, &map, &room, &why), 0);
    CHECK_EQ(room.claims.roles_count, 1);
    CHECK_TEXT(room.claims.roles[0], "a b"); /* one string is one role */
    CHECK_EQ(room.claims.permissions_count, 1);
    CHECK_TEXT(room.claims.permissions[0], "p");
    free(room.items);
    json_decref(payload);
    CHECK_EQ(read_text("{\"sub\":\"u\",\"roles\":\"\"}"), 0);
    CHECK_EQ(read_text("{\"sub\":\"u\",\"roles\":[]}"), 0);
}

TEST(a_mapped_claim_of_another_type_is_refused)
{
    static const char *const claims[] = {"sub", "name", "roles", "permissions", "tenant_id", "jti"};
    static const char *const values[] = {"null",       "true",          "1",   "1.5",
                                         "{}",         "{\"a\":\"b\"}", "[1]", "[null]",
                                         "[\"a\",[]]", "[[\"a\"]]"};
    char text[128];

    for (unsigned c = 0; c < ARRAY_COUNT(claims); c++)
        for (unsigned v = 0; v < ARRAY_COUNT(values); v++) {
            snprintf(text, sizeof text, "{%s\"%s\":%s}", c ? "\"sub\":\"u\"," : "", claims[c],
                     values[v]);
            CHECK_EQ(read_text(text), MCP_AUTH_E_INVALID);
        }
    CHECK_EQ(read_text("{\"sub\":[\"u\"]}"), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_text("{\"sub\":\"u\",\"tenant_id\":[\"t\"]}"), MCP_AUTH_E_INVALID);
}

TEST(control_characters_are_refused_wherever_a_name_is_compared)
{
    static const char *const claims[] = {"sub", "roles", "permissions", "tenant_id"};
    static const char *const odd[] = {"\\u0001", "\\n",     "\\t",    "\\u001f",
                                      "\\u007f", "\\u0080", "\\u009f"};
    char text[128];

    for (unsigned c = 0; c < ARRAY_COUNT(claims); c++)
        for (unsigned i = 0; i <= ARRAY_COUNT(odd); i++) {
            snprintf(text, sizeof text, "{%s\"%s\":\"a%sb\"}", c ? "\"sub\":\"u\"," : "", claims[c],
                     i < ARRAY_COUNT(odd) ? odd[i] : "\\u00a0\\u00e9");
            CHECK_EQ(read_text(text), i < ARRAY_COUNT(odd) ? MCP_AUTH_E_INVALID : 0);
        }
}

static int read_sized(const char *claim, size_t size)
{
    char text[1024];
    int used = snprintf(text, sizeof text, "{%s\"%s\":\"",
                        strcmp(claim, "sub") ? "\"sub\":\"u\"," : "", claim);

    memset(text + used, 'x', size);
    strcpy(text + used + size, "\"}");
    return read_text(text);
}

TEST(names_have_their_limits)
{
    CHECK_EQ(read_sized("sub", 0), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_sized("sub", 1), 0);
    CHECK_EQ(read_sized("sub", USER_ID_SIZE_MAX), 0);
    CHECK_EQ(read_sized("sub", USER_ID_SIZE_MAX + 1), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_sized("tenant_id", TENANT_SIZE_MAX), 0);
    CHECK_EQ(read_sized("tenant_id", TENANT_SIZE_MAX + 1), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_sized("roles", ROLE_SIZE_MAX), 0);
    CHECK_EQ(read_sized("roles", ROLE_SIZE_MAX + 1), MCP_AUTH_E_INVALID);
    CHECK_EQ(read_sized("permissions", PERMISSION_SIZE_MAX), 0);
    CHECK_EQ(read_sized("permissions", PERMISSION_SIZE_MAX + 1), MCP_AUTH_E_INVALID);
}

TEST(roles_and_permissions_together_are_at_most_1024)
{
    for (size_t count = CLAIM_ITEMS_MAX - 1; count <= CLAIM_ITEMS_MAX + 1; count++) {
        struct strbuf text;

        strbuf_init(&text, 64 * 1024);
        strbuf_puts(&text, "{\"sub\":\"u\",\"permissions\":\"p\",\"roles\":[\"r\"");
        for (size_t i = 2; i < count; i++)
            strbuf_puts(&text, ",\"r\"");
        strbuf_puts(&text, "]}");
        CHECK_EQ(strbuf_terminate(&text), 0);
        CHECK_EQ(read_text(text.data), count <= CLAIM_ITEMS_MAX ? 0 : MCP_AUTH_E_INVALID);
        strbuf_done(&text);
    }
}

TEST(a_map_that_names_nothing_maps_nothing)
{
    struct claims_map map = {.user = BYTES("sub")};

    CHECK_EQ(read_with("{\"sub\":\"u\",\"roles\":7,\"tenant_id\":null,\"name\":1}", &map), 0);
}

TEST(a_claim_is_found_by_a_pointer_as_keycloak_wants_it)
{
    struct claims_map map = usual();

    map.roles = BYTES("/realm_access/roles");
    CHECK_EQ(read_with("{\"sub\":\"u\",\"realm_access\":{\"roles\":[\"a\"]}}", &map), 0);
    CHECK_EQ(read_with("{\"sub\":\"u\",\"realm_access\":{\"roles\":[1]}}", &map),
             MCP_AUTH_E_INVALID);
    CHECK_EQ(read_with("{\"sub\":\"u\",\"realm_access\":7}", &map), 0); /* leads nowhere: none */
}

/* The document and the pointers of RFC 6901 section 5, and what its grammar does not allow. */
TEST(pointers_follow_rfc_6901)
{
    json_t *document = parsed("{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                              "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"~1\":9,"
                              "\"/x\":10,\"deep\":{\"\":{\"z\":11}}}");
    static const struct {
        const char *pointer;
        int number;
    } good[] = {{"/", 0},     {"/a~1b", 1}, {"/c%d", 2},  {"/e^f", 3},
                {"/g|h", 4},  {"/i\\j", 5}, {"/k\"l", 6}, {"/ ", 7},
                {"/m~0n", 8}, {"/~01", 9},  {"/~1x", 10}, {"", 0},
                {"a/b", 1},   {"m~n", 8},   {"~1", 9},    {"/deep//z", 11}};
    static const char *const bad[] = {"/~",
                                      "/m~n",
                                      "/m~2n",
                                      "/foo/2",
                                      "/foo/-",
                                      "/foo/00",
                                      "/foo/01",
                                      "/foo/",
                                      "/foo/+1",
                                      "/foo/1x",
                                      "/foo/99999999999999999999",
                                      "/foo/0/x",
                                      "/nothing",
                                      "/x",
                                      "nothing",
                                      "/deep/z",
                                      "/deep//z/"};
    char name[600];

    for (unsigned i = 0; i < ARRAY_COUNT(good); i++) {
        const json_t *found = claims_find(document, bytes_of(good[i].pointer));

        CHECK(json_is_integer(found));
        CHECK_EQ(json_integer_value(found), good[i].number);
    }
    CHECK_TEXT(json_text(claims_find(document, BYTES("/foo/0"))), "bar");
    CHECK_TEXT(json_text(claims_find(document, BYTES("/foo/1"))), "baz");
    CHECK(json_is_array(claims_find(document, BYTES("/foo"))));
    for (unsigned i = 0; i < ARRAY_COUNT(bad); i++)
        CHECK(!claims_find(document, bytes_of(bad[i])));
    CHECK(!claims_find(document, (struct bytes){0}));
    CHECK(!claims_find(document, (struct bytes){"foo\0bar", 7}));
    CHECK(!claims_find(document, (struct bytes){"/foo\0", 5}));
    memset(name, 'x', sizeof name);
    CHECK(!claims_find(document, (struct bytes){name, sizeof name}));
    name[0] = '/';
    CHECK(!claims_find(document, (struct bytes){name, sizeof name}));
    json_decref(document);
}
