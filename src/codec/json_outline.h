/* SPDX-License-Identifier: Apache-2.0 */
/* json_outline.h: a JSON text with the place of each value, for messages that say where. */
#ifndef CODEC_JSON_OUTLINE_H
#define CODEC_JSON_OUTLINE_H

#include "codec/json.h"

#define JSON_OUTLINE_NONE 0u /* the root is item 0, and is nobody's child or sibling */

struct json_item {
    json_type type;
    struct json_place at, name_at; /* of the value; of its name, the value's where it has none */
    unsigned parent, first, next;  /* items; JSON_OUTLINE_NONE: none */
    unsigned index;                /* among its parent's */
    json_t *name;                  /* a string; NULL when it is no member */
    json_t *value;                 /* NULL for an object and an array */
};

/* A document of a person's making, a few hundred values: every member stands here, doubled ones
 * too. */
struct json_outline {
    struct json_item *items;
    unsigned count, room;
};

/* Reads like json_read, but doubled members are let by. Yours: json_outline_done. MCP_AUTH_E_INVALID
 * (with *ret_problem, may be NULL) or MCP_AUTH_E_NOMEM; *ret is written only on success. */
MUST_CHECK int json_outline_read(struct bytes text, struct json_outline *ret,
                                 struct json_problem *ret_problem);
void json_outline_done(struct json_outline *outline);

struct bytes json_item_name(const struct json_item *item); /* absent when it has none */
struct bytes json_item_text(const struct json_item *item); /* absent when it is no string */

/* The JSON Pointer (RFC 6901) of an item, terminated; "" for the root. Control characters show as
 * '?'; what does not fit is left out from the end, which then is "...". ret_size is at least 4. */
void json_outline_pointer(const struct json_outline *outline, unsigned item, char *ret,
                          size_t ret_size);

#endif
