/* SPDX-License-Identifier: Apache-2.0 */
/* json.h: JSON (RFC 8259) in, by jansson under stricter rules; and out, by appending. */
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/strbuf.h"

#define JSON_DEPTH_MAX 32

/* Lines and columns count from 1; a column is a character, not a byte. */
struct json_place {
    unsigned line, column;
};

struct json_problem {
    char text[160];        /* "line 3, column 7: unexpected token", for people */
    unsigned line, column; /* the same place */
    const char *why;       /* what follows it, within text */
};

/* Parses one whole JSON text. Refuses doubled members, NUL in strings, invalid UTF-8, more than
 * JSON_DEPTH_MAX nested arrays and objects, anything after the value. The caller bounds the size
 * and releases the result with json_decref. MCP_AUTH_E_INVALID (with *ret_problem, may be NULL)
 * or MCP_AUTH_E_NOMEM. */
MUST_CHECK int json_read(struct bytes text, json_t **ret, struct json_problem *ret_problem);

/* The same for a value that this very thread releases, before long: it may stand in a block that is
 * free again when all of them are gone. */
MUST_CHECK int json_read_brief(struct bytes text, json_t **ret, struct json_problem *ret_problem);

/* Is the text what json_read would read? The same answers, and the same words in *ret_problem (may
 * be NULL); but most texts build no value. Its parts: codec/json_walk.h. */
MUST_CHECK int json_check(struct bytes text, struct json_problem *ret_problem);

/* Private to codec: the same, but doubled members are let by. */
MUST_CHECK int json_check_with_doubles(struct bytes text, struct json_problem *ret_problem);

/* Private to codec. Moves a place over some text. */
void json_place_move(struct json_place *place, struct bytes passed);

/* Private to codec: jansson's json_loadb of any value, which is NULL too when memory was missing
 * and jansson went on without. */
json_t *json_load_watched(struct bytes text, size_t flags, json_error_t *ret_error,
                          bool *ret_starved);

/* A string value's bytes (borrowed from the value); absent when it is not a string or NULL. */
struct bytes json_text(const json_t *value);
struct bytes json_member_text(const json_t *object, const char *name);

void json_put_string(struct strbuf *out, struct bytes text); /* quoted, shortest valid escapes */
void json_put_int(struct strbuf *out, int64_t number);
/* Compact, members in their order. Reals print with the fewest of 15, 16 or 17 digits that read
 * back the same, and always look like a real where they were one (1.0, 1e300). */
void json_put_value(struct strbuf *out, const json_t *value);
/* `,"name":` or `"name":` when out ends in '{'; name is trusted text. */
void json_put_name(struct strbuf *out, const char *name);

#endif
