/* SPDX-License-Identifier: Apache-2.0 */
/* document.c: a JSON file that a person wrote: its members, and each mistake with its place. */
#include "wire/document.h"

#include <stdarg.h>
#include <stdio.h>

#include "mcp_auth/error.h"
#include "wire/nearest.h"

static void tell(struct document *document, const struct document_problem *problem)
{
    document->mistakes++;
    if (document->told)
        document->told(document->owner, problem);
}

PRINTF_LIKE(4, 0)
static void complain_at(struct document *document, unsigned item, struct json_place place,
                        const char *format, va_list list)
{
    struct document_problem problem = {.line = place.line, .column = place.column};

    json_outline_pointer(&document->outline, item, problem.pointer, sizeof problem.pointer);
    vsnprintf(problem.reason, sizeof problem.reason, format, list);
    tell(document, &problem);
}

/* About the value of an item. */
void document_complain(struct document *document, unsigned item, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    complain_at(document, item, document->outline.items[item].at, format, list);
    va_end(list);
}

/* About its name. */
void document_complain_of_name(struct document *document, unsigned item, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    complain_at(document, item, document->outline.items[item].name_at, format, list);
    va_end(list);
}

static const char *type_word(json_type type)
{
    switch (type) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    case JSON_NULL:
        break;
    }
    return "null";
}

bool document_has_type(struct document *document, unsigned item, json_type type)
{
    json_type found = document->outline.items[item].type;

    if (found == JSON_FALSE)
        found = JSON_TRUE;
    if (found == type)
        return true;
    document_complain(document, item, "must be %s; it is %s", type_word(type),
                      type_word(document->outline.items[item].type));
    return false;
}

/* A second member of one name: which of them counts would be anybody's guess. */
void document_check_double(struct document *document, unsigned item)
{
    const struct json_item *items = document->outline.items;
    struct bytes name = json_item_name(&items[item]);

    for (unsigned i = items[items[item].parent].first; i != item; i = items[i].next) {
        if (bytes_equal(json_item_name(&items[i]), name)) {
            document_complain_of_name(document, item, "is here twice; the first is on line %u",
                                      items[i].name_at.line);
            return;
        }
    }
}

void document_complain_unknown(struct document *document, unsigned item, const struct bytes *words,
                               unsigned count)
{
    struct bytes near = nearest_word(json_item_name(&document->outline.items[item]), words, count);

    if (bytes_present(near))
        document_complain_of_name(document, item, "is not known here; did you mean %.*s?",
                                  (int)near.size, near.data);
    else
        document_complain_of_name(document, item, "is not known here");
}

/* One of the words, or -1 after complaining. */
int document_word(struct document *document, unsigned item, const struct bytes *words,
                  unsigned count, const char *all)
{
    struct bytes text, near;

    if (!document_has_type(document, item, JSON_STRING))
        return -1;
    text = json_item_text(&document->outline.items[item]);
    for (unsigned i = 0; i < count; i++)
        if (bytes_equal(text, words[i]))
            return (int)i;
    near = nearest_word(text, words, count);
    if (bytes_present(near))
        document_complain(document, item, "must be %s; did you mean %.*s?", all, (int)near.size,
                          near.data);
    else
        document_complain(document, item, "must be %s", all);
    return -1;
}

int document_read(struct document *ret, struct bytes text, size_t size_max, document_told told,
                  void *owner)
{
    struct document_problem problem = {0};
    struct json_problem found = {.why = ""};
    int r;

    *ret = (struct document){.told = told, .owner = owner};
    if (text.size > size_max) {
        snprintf(problem.reason, sizeof problem.reason, "is larger than %zu KiB", size_max / 1024);
        tell(ret, &problem);
        return MCP_AUTH_E_INVALID;
    }
    r = json_outline_read(text, &ret->outline, &found);
    if (r == MCP_AUTH_E_INVALID) {
        problem.line = found.line;
        problem.column = found.column;
        snprintf(problem.reason, sizeof problem.reason, "%s", found.why);
        tell(ret, &problem);
    }
    return r;
}

void document_done(struct document *document)
{
    json_outline_done(&document->outline);
}
