/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c: JSON is read strictly, and what is written reads back as the same value. */
#include "codec/json_walk.h"

#include <locale.h>

#include "mcp_auth/error.h"
#include "unit.h"

/* json_check takes what json_read takes, and refuses in the same words. */
static void check_agrees(struct bytes text, int error, const char *words)
{
    struct json_problem problem;

    CHECK_EQ(json_check(text, &problem), error);
    CHECK_EQ(json_check(text, NULL), error);
    if (error < 0 && words)
        assert_string_equal(problem.text, words);
}

static json_t *read_in_exact_memory(struct bytes text, int *ret_error, struct json_problem *problem)
{
    char *copy = malloc(text.size ? text.size : 1);
    json_t *value = NULL;

    assert_non_null(copy);
    memcpy(copy, text.data, text.size);
    *ret_error = json_read((struct bytes){copy, text.size}, &value, problem);
    check_agrees((struct bytes){copy, text.size}, *ret_error, problem ? problem->text : NULL);
    free(copy);
    if (*ret_error < 0)
        assert_null(value);
    return value;
}

/* Reads, writes compactly, compares with the text, reads again, compares the values. */
static void check_written(struct bytes text, const char *expected)
{
    struct json_problem problem;
    struct strbuf out;
    int error;
    json_t *value = read_in_exact_memory(text, &error, &problem), *again;

    CHECK_EQ(error, 0);
    strbuf_init(&out, 100000);
    json_put_value(&out, value);
    CHECK_EQ(strbuf_terminate(&out), 0);
    assert_string_equal(out.data, expected);
    again = read_in_exact_memory(strbuf_bytes(&out), &error, &problem);
    CHECK_EQ(error, 0);
    CHECK(json_equal(value, again));
    json_decref(again);
    json_decref(value);
    strbuf_done(&out);
}

static void check_refused(struct bytes text, const char *words)
{
    struct json_problem problem = {.why = ""};
    int error;

    assert_null(read_in_exact_memory(text, &error, &problem));
    CHECK_EQ(error, MCP_AUTH_E_INVALID);
    if (!strstr(problem.text, words))
        fail_msg("\"%s\" does not say \"%s\"", problem.text, words);
    read_in_exact_memory(text, &error, NULL);
    CHECK_EQ(error, MCP_AUTH_E_INVALID);
}

#define CHECK_WRITTEN(text, expected) check_written(BYTES(text), expected)
#define CHECK_REFUSED(text, words) check_refused(BYTES(text), words)

TEST(any_value_is_a_text)
{
    CHECK_WRITTEN(" null ", "null");
    CHECK_WRITTEN("true", "true");
    CHECK_WRITTEN("\tfalse\r\n", "false");
    CHECK_WRITTEN("\"a\"", "\"a\"");
    CHECK_WRITTEN("0", "0");
    CHECK_WRITTEN("[ ]", "[]");
    CHECK_WRITTEN("{ }", "{}");
}

TEST(members_keep_their_order)
{
    CHECK_WRITTEN("{ \"z\": 1, \"a\": [1, {\"c\": null}], \"m\": \"x\" }",
                  "{\"z\":1,\"a\":[1,{\"c\":null}],\"m\":\"x\"}");
}

TEST(a_doubled_member_is_refused)
{
    CHECK_REFUSED("{\"a\":1,\"a\":1}", "line 1, column 10: the same member twice in an object");
    CHECK_REFUSED("{\"a\":1,\"\\u0061\":2}", "the same member twice");
    CHECK_REFUSED("[{\"b\":{\"a\":1,\"a\":1}}]", "the same member twice");
    CHECK_WRITTEN("{\"a\":1,\"A\":{\"a\":1}}", "{\"a\":1,\"A\":{\"a\":1}}");
}

TEST(nul_is_refused)
{
    CHECK_REFUSED("\"a\\u0000b\"", "NUL (\\u0000) in a string");
    CHECK_REFUSED("{\"a\\u0000b\":1}", "NUL (\\u0000) in a string");
    CHECK_REFUSED("\"a\0b\"", "line 1, column 3: NUL in the text");
    CHECK_REFUSED("\"\\\0\"", "NUL in the text");
    CHECK_REFUSED("{}\0", "NUL in the text");
    CHECK_REFUSED("\0", "NUL in the text");
    CHECK_WRITTEN("\"\\u0001\"", "\"\\u0001\"");
}

/* Found by fuzz_json: jansson drops a NUL that follows a number. */
TEST(nul_after_a_number_is_refused)
{
    CHECK_REFUSED("9\0", "line 1, column 2: NUL in the text");
    CHECK_REFUSED("[1\0,2]", "NUL in the text");
    CHECK_REFUSED("[1.5\0]", "NUL in the text");
}

TEST(invalid_utf8_is_refused)
{
    CHECK_REFUSED("\"\xff\"", "invalid UTF-8");
    CHECK_REFUSED("\"\xc0\x80\"", "invalid UTF-8");
    CHECK_REFUSED("\"\xed\xa0\x80\"", "invalid UTF-8");
    CHECK_REFUSED("\"\xc3", "invalid UTF-8");
    CHECK_REFUSED("\xef\xbb\xbf{}", "invalid token"); /* a byte order mark is none of ours */
    CHECK_WRITTEN("\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
}

TEST(a_lone_surrogate_is_refused)
{
    CHECK_REFUSED("\"\\ud800\"", "invalid Unicode");
    CHECK_REFUSED("\"\\udc00\"", "invalid Unicode");
    CHECK_REFUSED("\"\\ud800\\u0041\"", "invalid Unicode");
    CHECK_REFUSED("\"\\ud800\\ud800\"", "invalid Unicode");
    CHECK_REFUSED("\"\\udc00\\ud800\"", "invalid Unicode");
    CHECK_WRITTEN("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
}

TEST(depth_ends_at_32)
{
    char text[2 * (JSON_DEPTH_MAX + 1)];
    struct json_problem problem;
    json_t *value;

    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    CHECK_EQ(json_read((struct bytes){text, 2 * JSON_DEPTH_MAX}, &value, &problem), 0);
    json_decref(value);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    CHECK_EQ(json_read((struct bytes){text, sizeof text}, &value, &problem), MCP_AUTH_E_INVALID);
    assert_string_equal(problem.text, "line 1, column 33: arrays and objects nested too deeply");
}

TEST(depth_counts_objects_and_arrays_together_and_nothing_in_strings)
{
    CHECK_REFUSED("{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":["
                  "{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[[",
                  "nested too deeply");
    /* A quoted backslash does not hide the end of a string. */
    CHECK_REFUSED("[\"\\\\\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "nested too deeply");
    CHECK_WRITTEN("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"",
                  "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[\"");
    CHECK_WRITTEN("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                  "[],[],[],[],[],[],[],[],[],[]]",
                  "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
                  "[],[],[],[],[],[],[],[],[],[]]");
}

TEST(an_unclosed_text_of_a_megabyte_of_brackets_is_refused_without_recursion)
{
    size_t size = 1u << 20;
    char *text = malloc(size);

    assert_non_null(text);
    memset(text, '[', size);
    check_refused((struct bytes){text, size}, "nested too deeply");
    memset(text, ']', size);
    check_refused((struct bytes){text, size}, "line 1");
    free(text);
}

TEST(what_is_not_json_is_refused)
{
    CHECK_REFUSED("", "line 1, column 0: the text ends too early");
    CHECK_REFUSED("{\"a\":", "the text ends too early");
    CHECK_REFUSED("[1,\n2,]", "line 2, column 3: unexpected token");
    CHECK_REFUSED("{} {}", "something follows the value");
    CHECK_REFUSED("1 2", "something follows the value");
    CHECK_REFUSED("01", "line 1");
    CHECK_REFUSED("+1", "invalid token");
    CHECK_REFUSED("1.", "line 1");
    CHECK_REFUSED("NaN", "invalid token");
    CHECK_REFUSED("'a'", "invalid token");
    CHECK_REFUSED("{a:1}", "line 1");
    CHECK_REFUSED("\"a\tb\"", "control character");
    CHECK_REFUSED("\"\\x41\"", "invalid escape");
    CHECK_REFUSED("// a\n1", "invalid token");
}

TEST(a_problem_does_not_repeat_the_input)
{
    struct json_problem problem;
    json_t *value;

    CHECK_EQ(json_read(BYTES("{\"k\": hunter2}"), &value, &problem), MCP_AUTH_E_INVALID);
    assert_null(strstr(problem.text, "hunter"));
}

TEST(an_integer_has_64_bits)
{
    CHECK_WRITTEN("9223372036854775807", "9223372036854775807");
    CHECK_WRITTEN("-9223372036854775808", "-9223372036854775808");
    CHECK_WRITTEN("-0", "0");
    CHECK_REFUSED("9223372036854775808", "an integer that does not fit into 64 bits");
    CHECK_REFUSED("-9223372036854775809", "an integer that does not fit into 64 bits");
    CHECK_REFUSED("{\"a\":123456789012345678901234567890}",
                  "an integer that does not fit into 64 bits");
}

TEST(a_real_prints_short_and_looks_like_one)
{
    CHECK_WRITTEN("1.0", "1.0");
    CHECK_WRITTEN("-0.0", "-0.0");
    CHECK_WRITTEN("0.1", "0.1");
    CHECK_WRITTEN("0.30000000000000004", "0.30000000000000004");
    CHECK_WRITTEN("1e300", "1e300");
    CHECK_WRITTEN("1E+2", "100.0");
    CHECK_WRITTEN("1.5e-7", "1.5e-7");
    CHECK_WRITTEN("1e20", "1e20");
    CHECK_WRITTEN("1234567890123456.0", "1234567890123456.0");
    CHECK_WRITTEN("5e-324", "4.94065645841247e-324"); /* fifteen digits already read back */
    CHECK_WRITTEN("1.7976931348623157e308", "1.7976931348623157e308");
    CHECK_REFUSED("1e400", "a number too large");
    CHECK_REFUSED("-1e400", "a number too large");
}

TEST(a_real_has_a_point_in_every_locale)
{
    static const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"};

    for (size_t i = 0; i < ARRAY_COUNT(commas); i++)
        if (setlocale(LC_NUMERIC, commas[i]))
            break;
    CHECK_WRITTEN("[1.5,1e300,2.0]", "[1.5,1e300,2.0]");
    setlocale(LC_NUMERIC, "C");
}

TEST(a_string_gets_the_shortest_escapes)
{
    CHECK_WRITTEN("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f\\u0041\"",
                  "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\x7f"
                  "A\"");
}

TEST(a_string_that_is_not_utf8_is_repaired_on_the_way_out)
{
    struct strbuf out;

    strbuf_init(&out, 100);
    json_put_string(&out, BYTES("a\xff\"\xc3\xa9\xc3"));
    CHECK_TEXT(strbuf_bytes(&out), "\"a\xef\xbf\xbd\\\"\xc3\xa9\xef\xbf\xbd\"");
    strbuf_reset(&out);
    json_put_string(&out, (struct bytes){0});
    CHECK_TEXT(strbuf_bytes(&out), "\"\"");
    strbuf_done(&out);
}

TEST(integers_are_written_to_their_ends)
{
    struct strbuf out;

    strbuf_init(&out, 100);
    json_put_int(&out, INT64_MIN);
    strbuf_putc(&out, ' ');
    json_put_int(&out, INT64_MAX);
    strbuf_putc(&out, ' ');
    json_put_int(&out, 0);
    strbuf_putc(&out, ' ');
    json_put_int(&out, -10);
    CHECK_TEXT(strbuf_bytes(&out), "-9223372036854775808 9223372036854775807 0 -10");
    strbuf_done(&out);
}

TEST(a_name_brings_its_comma)
{
    struct strbuf out;

    strbuf_init(&out, 100);
    strbuf_putc(&out, '{');
    json_put_name(&out, "a");
    json_put_string(&out, BYTES("{"));
    json_put_name(&out, "b");
    strbuf_putc(&out, '{');
    json_put_name(&out, "c");
    json_put_int(&out, 1);
    strbuf_puts(&out, "}}");
    CHECK_TEXT(strbuf_bytes(&out), "{\"a\":\"{\",\"b\":{\"c\":1}}");
    strbuf_done(&out);
}

TEST(text_of_what_is_no_string_is_absent)
{
    json_t *value;

    CHECK_EQ(json_read(BYTES("{\"a\":\"b\",\"n\":1,\"e\":\"\"}"), &value, NULL), 0);
    CHECK_TEXT(json_member_text(value, "a"), "b");
    CHECK(!bytes_present(json_member_text(value, "n")));
    CHECK(!bytes_present(json_member_text(value, "none")));
    CHECK(bytes_present(json_member_text(value, "e")));
    CHECK(!bytes_present(json_member_text(NULL, "a")));
    CHECK(!bytes_present(json_text(value)));
    CHECK(!bytes_present(json_text(NULL)));
    json_decref(value);
}

TEST(a_writer_over_its_ceiling_fails_once)
{
    struct strbuf out;
    json_t *value;

    CHECK_EQ(json_read(BYTES("[1.5,\"abcdef\",{\"a\":[]}]"), &value, NULL), 0);
    strbuf_init(&out, 8);
    json_put_value(&out, value);
    CHECK_EQ(out.error, MCP_AUTH_E_TOO_BIG);
    strbuf_done(&out);
    json_decref(value);
}
