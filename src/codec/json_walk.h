/* SPDX-License-Identifier: Apache-2.0 */
/* json_walk.h: the parts of a checked JSON text where they stand, and what they say. */
#ifndef CODEC_JSON_WALK_H
#define CODEC_JSON_WALK_H

#include "codec/json.h"

/* For a text, or a value in a text, that json_check has found good. On the road of events building
 * jansson's values of a text and freeing them again was half of all our own work (45,000 of 107,000
 * instructions for an event of 300 bytes). */

/* One value as it is written. Its first character tells what it is: one of "{[\"-0..9tfn". */
struct json_walk {
    const char *at, *end;
};

struct json_walk json_walk(struct bytes text);   /* through an object or an array */
struct bytes json_walk_value(struct bytes text); /* the text without white space around it */
/* The next member; the name is still quoted. False at the end. */
bool json_walk_member(struct json_walk *walk, struct bytes *ret_name, struct bytes *ret_value);
bool json_walk_element(struct json_walk *walk, struct bytes *ret_value);

/* What a quoted string says. Borrowed from `quoted`, or when there are escapes from `room`, which
 * has quoted.size bytes; NULL room: absent then. */
struct bytes json_unquote(struct bytes quoted, char *room);
static inline bool json_is_quoted(struct bytes value)
{
    return value.data[0] == '"';
}

/* Strings of one text that have escapes, as they say. Before: the text's size, and the rest zero;
 * free(unescaped) in the end. */
struct json_strings {
    size_t text_size; /* which is room for all: no string grows by being read */
    char *unescaped;  /* NULL: none has come */
    size_t unescaped_size;
};

/* What a quoted string of that text says. *ret is borrowed from it or from `strings`.
 * MCP_AUTH_E_NOMEM. */
MUST_CHECK int json_strings_in(struct json_strings *strings, struct bytes quoted,
                               struct bytes *ret);

/* Appends a string, number or word as json_put_value would. */
void json_put_scalar(struct strbuf *out, struct bytes value);

#endif
