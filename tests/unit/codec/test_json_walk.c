/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_walk.c: a checked text gives its parts where they stand, and strings say what they do. */
#include "codec/json_walk.h"

#include "codec/json_plain.h"
#include "mcp_auth/error.h"
#include "unit.h"

/* In memory of just its size, so that a step too far is seen. */
static struct bytes checked(struct bytes text)
{
    char *copy = malloc(text.size);

    CHECK(copy != NULL);
    memcpy(copy, text.data, text.size);
    CHECK_EQ(json_check((struct bytes){copy, text.size}, NULL), 0);
    return (struct bytes){copy, text.size};
}

TEST(members_come_in_their_order_with_all_that_is_theirs)
{
    struct bytes text =
        checked(BYTES(" { \"a\" : 1 ,\"b\\\"\":[1,{\"}\":\"]\"}] , \"c\":\"x\\\\\" } "));
    struct bytes object = json_walk_value(text), name, value;
    struct json_walk walk = json_walk(object);

    CHECK_EQ(object.data[0], '{');
    CHECK_EQ(object.data[object.size - 1], '}');
    CHECK(json_walk_member(&walk, &name, &value));
    CHECK_TEXT(name, "\"a\"");
    CHECK_TEXT(value, "1");
    CHECK(json_walk_member(&walk, &name, &value));
    CHECK_TEXT(name, "\"b\\\"\"");
    CHECK_TEXT(value, "[1,{\"}\":\"]\"}]");
    CHECK(json_walk_member(&walk, &name, &value));
    CHECK_TEXT(value, "\"x\\\\\"");
    CHECK(!json_walk_member(&walk, &name, &value));
    free((char *)(uintptr_t)text.data);
}

TEST(elements_come_in_their_order)
{
    struct bytes text = checked(BYTES("[ null , [ ] ,{}, -1.5e3 ]")), element;
    static const char *const expected[] = {"null", "[ ]", "{}", "-1.5e3"};
    struct json_walk walk = json_walk(text);

    for (size_t i = 0; i < ARRAY_COUNT(expected); i++) {
        CHECK(json_walk_element(&walk, &element));
        CHECK(bytes_equal(element, bytes_of(expected[i])));
    }
    CHECK(!json_walk_element(&walk, &element));
    free((char *)(uintptr_t)text.data);
}

TEST(nothing_is_in_what_is_empty)
{
    struct bytes name, value;
    struct json_walk object = json_walk(BYTES("{ }")), array = json_walk(BYTES("[]"));

    CHECK(!json_walk_member(&object, &name, &value));
    CHECK(!json_walk_element(&array, &value));
}

TEST(a_string_says_what_its_escapes_mean)
{
    static const struct {
        struct bytes quoted, says;
    } rows[] = {
        {BYTES("\"\""), BYTES("")},
        {BYTES("\"plain\""), BYTES("plain")},
        {BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), BYTES("\"\\/\b\f\n\r\t")},
        {BYTES("\"\\u0041\\u00e9\\u20AC\\uFFFF\""), BYTES("A\xc3\xa9\xe2\x82\xac\xef\xbf\xbf")},
        {BYTES("\"a\\ud83d\\uDE00b\""), BYTES("a\xf0\x9f\x98\x80"
                                              "b")},
        {BYTES("\"\\udbff\\udfff\""), BYTES("\xf4\x8f\xbf\xbf")},
    };

    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct bytes quoted = checked(rows[i].quoted);
        char *room = malloc(quoted.size);
        json_t *value = NULL;

        CHECK(room != NULL);
        CHECK(bytes_equal(json_unquote(quoted, room), rows[i].says));
        CHECK_EQ(bytes_present(json_unquote(quoted, NULL)), i < 2);
        CHECK_EQ(json_read(quoted, &value, NULL), 0);
        CHECK(bytes_equal(json_text(value), rows[i].says));
        json_decref(value);
        free(room);
        free((char *)(uintptr_t)quoted.data);
    }
}

TEST(the_strings_of_one_text_stay_as_they_are_beside_each_other)
{
    struct bytes text = checked(BYTES("[\"\\t1\",\"plain\",\"\\u00e9\",\"\\\\\"]")), quoted,
                 said[4];
    struct json_strings strings = {.text_size = text.size};
    struct json_walk walk = json_walk(text);

    for (size_t i = 0; i < ARRAY_COUNT(said); i++) {
        CHECK(json_walk_element(&walk, &quoted));
        CHECK_EQ(json_strings_in(&strings, quoted, &said[i]), 0);
    }
    CHECK_TEXT(said[0], "\t1");
    CHECK_TEXT(said[1], "plain");
    CHECK_TEXT(said[2], "\xc3\xa9");
    CHECK_TEXT(said[3], "\\");
    free(strings.unescaped);
    free((char *)(uintptr_t)text.data);
}

TEST(a_scalar_is_written_as_its_value_is)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "7",
        "-12",
        "123456789012345678",
        "9223372036854775807",
        "1.50",
        "-0.0",
        "1e2",
        "true",
        "false",
        "null",
        "\"\"",
        "\"a\"",
        "\"\\/\"",
        "\"\\u00e9\"",
        "-9223372036854775808",
        "1E400",
    };

    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        struct strbuf scalar, value;
        json_t *tree = NULL;
        int r = json_read(bytes_of(texts[i]), &tree, NULL);

        CHECK_EQ(json_check(bytes_of(texts[i]), NULL), r);
        if (r < 0)
            continue;
        strbuf_init(&scalar, 100);
        strbuf_init(&value, 100);
        json_put_scalar(&scalar, bytes_of(texts[i]));
        json_put_value(&value, tree);
        CHECK(!scalar.error && bytes_equal(strbuf_bytes(&scalar), strbuf_bytes(&value)));
        json_decref(tree);
        strbuf_done(&scalar);
        strbuf_done(&value);
    }
}

TEST(plain_text_ends_before_what_needs_a_look)
{
    static const char stops[] = "\"\\\x1f\x80\xff\n";

    for (size_t size = 0; size < 40; size++) {
        char text[40];

        memset(text, 0x7f, sizeof text); /* DEL stands as it is; so do ' ' and '~' */
        CHECK_EQ(json_plain_size(text, size), size);
        for (size_t at = 0; at < size; at++)
            for (size_t i = 0; i < sizeof stops; i++) { /* with the NUL */
                text[at] = stops[i];
                CHECK_EQ(json_plain_size(text, size), at);
                text[at] = at & 1 ? ' ' : '!';
            }
    }
}

TEST(many_members_are_compared_too)
{
    struct strbuf text;

    strbuf_init(&text, 10000);
    strbuf_putc(&text, '{');
    for (int i = 0; i < 40; i++)
        strbuf_printf(&text, "\"m%d\":%d,", i, i);
    strbuf_puts(&text, "\"x\":0}");
    CHECK_EQ(json_check(strbuf_bytes(&text), NULL), 0);
    text.size -= strlen("\"x\":0}");
    strbuf_puts(&text, "\"m30\":0}");
    CHECK_EQ(json_check(strbuf_bytes(&text), NULL), MCP_AUTH_E_INVALID);
    strbuf_done(&text);
}
