/* SPDX-License-Identifier: Apache-2.0 */
/* test_json_memory.c: brief values share a block that is empty again when the last of them goes. */
#include "codec/json_memory.h"

#include "codec/json.h"
#include "unit.h"

static json_t *read_brief(struct bytes text)
{
    json_t *value = NULL;

    CHECK_EQ(json_read_brief(text, &value, NULL), 0);
    return value;
}

TEST(a_brief_value_stands_where_the_last_one_stood)
{
    json_t *first = read_brief(BYTES("{\"a\":[1,2]}")), *second;

    json_decref(first);
    second = read_brief(BYTES("{\"b\":\"c\"}"));
    CHECK(first == second); /* only the address: the value is gone */
    CHECK_TEXT(json_member_text(second, "b"), "c");
    json_decref(second);
}

TEST(brief_values_that_live_together_are_apart_and_go_in_any_order)
{
    for (int order = 0; order < 2; order++) {
        json_t *first = read_brief(BYTES("{\"a\":\"one\"}"));
        json_t *second = read_brief(BYTES("{\"a\":\"two\"}"));

        CHECK_TEXT(json_member_text(first, "a"), "one");
        CHECK_TEXT(json_member_text(second, "a"), "two");
        json_decref(order ? first : second);
        CHECK(bytes_equal(json_member_text(order ? second : first, "a"),
                          order ? BYTES("two") : BYTES("one")));
        json_decref(order ? second : first);
    }
}

TEST(a_brief_value_may_be_larger_than_the_block)
{
    size_t size = 20000;
    char *text = malloc(size);
    json_t *value;

    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "[[],\"", 5);
    memcpy(text + size - 2, "\"]", 2);
    value = read_brief((struct bytes){text, size});
    CHECK_EQ(json_string_length(json_array_get(value, 1)), size - 7);
    json_decref(value);
    free(text);
}

TEST(what_grows_later_and_what_is_refused_leave_nothing_in_the_block)
{
    json_t *first = read_brief(BYTES("[]")), *second, *value;

    for (int i = 0; i < 1000; i++) /* by the host's allocator, for the reading is over */
        CHECK_EQ(json_array_append_new(first, json_integer(i)), 0);
    CHECK(json_read_brief(BYTES("[1,{\"a\":2,\"a\":3}]"), &value, NULL) < 0);
    json_decref(first);
    second = read_brief(BYTES("[]"));
    CHECK(first == second);
    json_decref(second);
}
