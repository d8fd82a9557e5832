/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: reads JSON by jansson, after a look at what jansson does not bound. */
#include "codec/json.h"

#include <stdio.h>

#include "codec/json_memory.h"
#include "codec/json_quick.h"
#include "mcp_auth/error.h"

json_t *json_load_watched(struct bytes text, size_t flags, json_error_t *ret_error,
                          bool *ret_starved)
{
    json_t *value;

    json_memory_watch();
    value = json_loadb(text.size ? text.data : "", text.size, flags | JSON_DECODE_ANY, ret_error);
    *ret_starved = json_memory_watch_end();
    if (value && *ret_starved) {
        json_decref(value);
        value = NULL;
    }
    return value;
}

static int refuse(struct json_problem *ret_problem, size_t line, size_t column, const char *why)
{
    int place;

    if (ret_problem) {
        place = snprintf(ret_problem->text, sizeof ret_problem->text,
                         "line %zu, column %zu: ", line, column);
        ret_problem->line = (unsigned)line;
        ret_problem->column = (unsigned)column;
        ret_problem->why = ret_problem->text + place;
        snprintf(ret_problem->text + place, sizeof ret_problem->text - (size_t)place, "%.100s",
                 why);
    }
    return MCP_AUTH_E_INVALID;
}

/* jansson's own limit of 2048 nested values is compiled in, and it recurses, to read, to free and
 * to compare. Up to the first error this walk and jansson agree on where strings begin and end,
 * so jansson never goes deeper than what is counted here.
 *
 * NUL is refused here too: after a number jansson 2.14 puts the next byte back and takes a NUL
 * there for its own end of buffer, so "[1\0,2]" would pass as "[1,2]". */
static int text_check(struct bytes text, struct json_problem *ret_problem)
{
    size_t line = 1, line_start = 0;
    unsigned depth = 0;
    bool in_string = false, escaped = false;

    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];

        if (c == '\0')
            return refuse(ret_problem, line, i - line_start + 1, "NUL in the text");
        if (escaped) {
            escaped = false;
        } else if (in_string) {
            if (c == '\\')
                escaped = true;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH_MAX)
                return refuse(ret_problem, line, i - line_start + 1,
                              "arrays and objects nested too deeply");
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        } else if (c == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    return 0;
}

/* jansson's words, without the piece of input it quotes: that may be a secret, or not be text. */
static int refuse_as_jansson(struct json_problem *ret_problem, json_error_t *error)
{
    char *near = strstr(error->text, " near ");
    const char *why = error->text;

    if (near)
        *near = '\0';
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return MCP_AUTH_E_NOMEM;
    case json_error_numeric_overflow:
        why = strstr(why, "real") ? "a number too large for 64-bit floating point"
                                  : "an integer that does not fit into 64 bits";
        break;
    case json_error_duplicate_key:
        why = "the same member twice in an object";
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        why = "NUL (\\u0000) in a string";
        break;
    case json_error_invalid_utf8:
        why = "invalid UTF-8";
        break;
    case json_error_premature_end_of_input:
        why = "the text ends too early";
        break;
    case json_error_end_of_input_expected:
        why = "something follows the value";
        break;
    default:
        break;
    }
    return refuse(ret_problem, error->line > 0 ? (size_t)error->line : 1,
                  error->column > 0 ? (size_t)error->column : 0, why);
}

static int read_text(struct bytes text, size_t flags, json_t **ret,
                     struct json_problem *ret_problem)
{
    json_error_t error;
    json_t *value;
    bool no_memory;
    int r;

    value = json_quick_read(text); /* most texts; what it does not read, jansson judges */
    if (value) {
        *ret = value;
        return 0;
    }
    r = text_check(text, ret_problem);
    if (r < 0)
        return r;
    memset(&error, 0, sizeof error);
    value = json_load_watched(text, flags, &error, &no_memory);
    if (!value)
        return no_memory ? MCP_AUTH_E_NOMEM : refuse_as_jansson(ret_problem, &error);
    *ret = value;
    return 0;
}

int json_read(struct bytes text, json_t **ret, struct json_problem *ret_problem)
{
    return read_text(text, JSON_REJECT_DUPLICATES, ret, ret_problem);
}

int json_read_brief(struct bytes text, json_t **ret, struct json_problem *ret_problem)
{
    int r;

    json_memory_brief();
    r = json_read(text, ret, ret_problem);
    json_memory_brief_end();
    return r;
}

int json_read_with_doubles(struct bytes text, json_t **ret, struct json_problem *ret_problem)
{
    return read_text(text, 0, ret, ret_problem);
}

struct bytes json_text(const json_t *value)
{
    if (!json_is_string(value))
        return (struct bytes){0};
    return (struct bytes){json_string_value(value), json_string_length(value)};
}

struct bytes json_member_text(const json_t *object, const char *name)
{
    return json_text(json_object_get(object, name));
}
