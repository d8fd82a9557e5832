/* SPDX-License-Identifier: Apache-2.0 */
/* json.c: reads JSON: what is plain at sight, and by jansson what is not. */
#include "codec/json.h"

#include <stdio.h>

#include "codec/json_memory.h"
#include "codec/json_scan.h"
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

static int refuse(struct json_problem *ret_problem, struct json_place place, const char *why)
{
    int size;

    if (ret_problem) {
        size = snprintf(ret_problem->text, sizeof ret_problem->text,
                        "line %u, column %u: ", place.line, place.column);
        ret_problem->line = place.line;
        ret_problem->column = place.column;
        ret_problem->why = ret_problem->text + size;
        snprintf(ret_problem->text + size, sizeof ret_problem->text - (size_t)size, "%.100s", why);
    }
    return MCP_AUTH_E_INVALID;
}

void json_place_move(struct json_place *place, struct bytes passed)
{
    for (size_t i = 0; i < passed.size; i++) {
        if (passed.data[i] == '\n')
            *place = (struct json_place){place->line + 1, 1};
        else if (((unsigned char)passed.data[i] & 0xc0) != 0x80) /* 10xxxxxx goes on (UTF-8) */
            place->column++;
    }
}

static int refuse_at(struct json_problem *ret_problem, struct bytes text, size_t at,
                     const char *why)
{
    struct json_place place = {1, 1};

    if (ret_problem)
        json_place_move(&place, (struct bytes){text.data, at});
    return refuse(ret_problem, place, why);
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
    return refuse(ret_problem,
                  (struct json_place){error->line > 0 ? (unsigned)error->line : 1,
                                      error->column > 0 ? (unsigned)error->column : 0},
                  why);
}

/* Two things jansson is not shown. Its own limit of 2048 nested values is compiled in, and it
 * recurses, to read, to free and to compare. And after a number jansson 2.14 puts the next byte back
 * and takes a NUL there for its own end of buffer, so "[1\0,2]" would pass as "[1,2]". */
static int read_text(struct bytes text, size_t flags, json_t **ret,
                     struct json_problem *ret_problem)
{
    enum json_scanned scanned;
    json_error_t error;
    json_t *value;
    bool no_memory;
    size_t at = 0;

    scanned = json_scan(text, ret, &at);
    if (scanned == JSON_PLAIN)
        return 0;
    if (scanned == JSON_TOO_DEEP)
        return refuse_at(ret_problem, text, at, "arrays and objects nested too deeply");
    if (scanned == JSON_NUL)
        return refuse_at(ret_problem, text, at, "NUL in the text");
    memset(&error, 0, sizeof error);
    value = json_load_watched(text, flags, &error, &no_memory);
    if (!value)
        return no_memory ? MCP_AUTH_E_NOMEM : refuse_as_jansson(ret_problem, &error);
    if (scanned == JSON_UNSURE && ret) {
        *ret = value;
        return 0;
    }
    json_decref(value);
    if (scanned == JSON_BROKEN) /* none is known; but what we cannot walk is not let in */
        return refuse_at(ret_problem, text, at, "not JSON");
    return 0;
}

int json_check(struct bytes text, struct json_problem *ret_problem)
{
    return read_text(text, JSON_REJECT_DUPLICATES, NULL, ret_problem);
}

int json_check_with_doubles(struct bytes text, struct json_problem *ret_problem)
{
    return read_text(text, 0, NULL, ret_problem);
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
