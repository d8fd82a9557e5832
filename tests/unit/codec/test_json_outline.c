/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_outline.c: the outline has every value of a text once, in order, at its place. */
#include "codec/json_outline.h"

#include "mcp_auth/error.h"
#include "unit.h"

static void check_item(const struct json_outline *outline, unsigned i, json_type type,
                       unsigned line, unsigned column, const char *pointer)
{
    char text[64];

    CHECK(i < outline->count);
    CHECK_EQ(outline->items[i].type, type);
    CHECK_EQ(outline->items[i].at.line, line);
    CHECK_EQ(outline->items[i].at.column, column);
    json_outline_pointer(outline, i, text, sizeof text);
    assert_string_equal(text, pointer);
}

TEST(each_value_has_its_place_its_pointer_and_its_neighbours)
{
    static const char text[] = "{\"a\": [1, \"x\\\"]\", {}],\r\n"
                               "\t\"\xc3\xa9\":true , \"a\":\n"
                               "  -1.5e3}\n";
    struct json_outline outline;

    CHECK_EQ(json_outline_read(bytes_of(text), &outline, NULL), 0);
    CHECK_EQ(outline.count, 7);
    check_item(&outline, 0, JSON_OBJECT, 1, 1, "");
    check_item(&outline, 1, JSON_ARRAY, 1, 7, "/a");
    check_item(&outline, 2, JSON_INTEGER, 1, 8, "/a/0");
    check_item(&outline, 3, JSON_STRING, 1, 11, "/a/1");
    check_item(&outline, 4, JSON_OBJECT, 1, 19, "/a/2");
    check_item(&outline, 5, JSON_TRUE, 2, 6, "/\xc3\xa9");
    check_item(&outline, 6, JSON_REAL, 3, 3, "/a"); /* the double is here too */
    CHECK_TEXT(json_item_text(&outline.items[3]), "x\"]");
    CHECK_TEXT(json_item_name(&outline.items[5]), "\xc3\xa9");
    CHECK(!bytes_present(json_item_name(&outline.items[3])));
    CHECK(!bytes_present(json_item_text(&outline.items[1])));
    CHECK_EQ(outline.items[5].name_at.line, 2);
    CHECK_EQ(outline.items[5].name_at.column, 2);
    CHECK_EQ(outline.items[0].first, 1);
    CHECK_EQ(outline.items[1].next, 5);
    CHECK_EQ(outline.items[5].next, 6);
    CHECK_EQ(outline.items[6].next, JSON_OUTLINE_NONE);
    CHECK_EQ(outline.items[4].first, JSON_OUTLINE_NONE);
    CHECK_EQ(outline.items[4].parent, 1);
    json_outline_done(&outline);
}

TEST(a_scalar_alone_is_a_document_and_a_cut_text_is_none)
{
    static const char *const texts[] = {"7", "\"a\"", " null ", "[]", "{}", "[[[]],{}]"};
    struct json_problem problem;
    struct json_outline outline;

    for (unsigned i = 0; i < ARRAY_COUNT(texts); i++) {
        CHECK_EQ(json_outline_read(bytes_of(texts[i]), &outline, &problem), 0);
        CHECK_EQ(outline.items[0].parent, 0);
        json_outline_done(&outline);
    }
    CHECK_EQ(json_outline_read(BYTES("[1,"), &outline, &problem), MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.line, 1);
    CHECK(strstr(problem.text, problem.why));
    CHECK_EQ(json_outline_read(BYTES("[1,\n\n}"), &outline, &problem), MCP_AUTH_E_INVALID);
    CHECK_EQ(problem.line, 3);
}

TEST(thirty_two_levels_are_read_and_their_pointer_is_cut_to_its_room)
{
    char text[2 * JSON_DEPTH_MAX + 1] = "", pointer[10];
    struct json_outline outline;

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CHECK_EQ(json_outline_read(bytes_of(text), &outline, NULL), 0);
    CHECK_EQ(outline.count, JSON_DEPTH_MAX);
    json_outline_pointer(&outline, 4, pointer, sizeof pointer);
    assert_string_equal(pointer, "/0/0/0/0");
    json_outline_pointer(&outline, JSON_DEPTH_MAX - 1, pointer, sizeof pointer);
    assert_string_equal(pointer, "/0/0/0...");
    json_outline_done(&outline);
}

TEST(hundreds_of_values_grow_the_outline)
{
    struct json_outline outline;
    struct strbuf text;

    strbuf_init(&text, 10000);
    strbuf_puts(&text, "[0");
    for (int i = 1; i < 1000; i++)
        strbuf_printf(&text, ",%d", i);
    strbuf_putc(&text, ']');
    CHECK_EQ(json_outline_read(strbuf_bytes(&text), &outline, NULL), 0);
    CHECK_EQ(outline.count, 1001);
    for (unsigned i = outline.items[0].first, n = 0; i; i = outline.items[i].next, n++) {
        CHECK_EQ(json_integer_value(outline.items[i].value), n);
        CHECK_EQ(outline.items[i].index, n);
    }
    json_outline_done(&outline);
    strbuf_done(&text);
}
