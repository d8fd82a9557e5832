/* SPDX-License-Identifier: Apache-2.0 */
/* document.h: a JSON file that a person wrote: its members, and each mistake with its place. */
#ifndef WIRE_DOCUMENT_H
#define WIRE_DOCUMENT_H

#include "codec/json_outline.h"

struct document_problem {
    unsigned line, column; /* from 1; 0: the file as a whole */
    char pointer[256];     /* JSON Pointer (RFC 6901) of the value; "" for the whole */
    char reason[256];
};
typedef void (*document_told)(void *owner, const struct document_problem *problem);

/* A file on its way in. Item 0 of the outline is the root. */
struct document {
    struct json_outline outline;
    document_told told; /* may be NULL */
    void *owner;
    unsigned mistakes; /* told so far */
};

/* Tells one mistake when the text is too large or no JSON: MCP_AUTH_E_INVALID. MCP_AUTH_E_NOMEM.
 * Yours in any case: document_done. */
MUST_CHECK int document_read(struct document *ret, struct bytes text, size_t size_max,
                             document_told told, void *owner);
void document_done(struct document *document);

/* About the value of an item, and about its name. */
PRINTF_LIKE(3, 4)
void document_complain(struct document *document, unsigned item, const char *format, ...);
PRINTF_LIKE(3, 4)
void document_complain_of_name(struct document *document, unsigned item, const char *format, ...);

/* The checks complain when they answer no. JSON_TRUE stands for true and false. */
bool document_has_type(struct document *document, unsigned item, json_type type);
void document_check_double(struct document *document, unsigned item); /* of a member's name */
void document_complain_unknown(struct document *document, unsigned item, const struct bytes *words,
                               unsigned count);
/* One of the words, or -1. `all` names them in a sentence. */
int document_word(struct document *document, unsigned item, const struct bytes *words,
                  unsigned count, const char *all);

#endif
