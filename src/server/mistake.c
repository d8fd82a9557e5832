/* SPDX-License-Identifier: Apache-2.0 */
/* mistake.c: a mistake of a file, told with its place as compilers tell theirs. */
#include "server/mistake.h"

#include <stdio.h>

void mistake_tell(void *owner, const struct document_problem *found)
{
    const struct mistakes *mistakes = owner;
    char text[4800];

    (void)snprintf(text, sizeof text, "%s:%u:%u: %s%s%s", mistakes->path, found->line,
                   found->column, found->pointer, found->pointer[0] ? ": " : "", found->reason);
    mistakes->problem(mistakes->owner, text);
}

void mistake_place(const struct mistakes *mistakes, const struct document *document, unsigned item,
                   char ret[MISTAKE_PLACE_SIZE])
{
    struct json_place at = document->outline.items[item].at;
    char pointer[256];

    json_outline_pointer(&document->outline, item, pointer, sizeof pointer);
    (void)snprintf(ret, MISTAKE_PLACE_SIZE, "%s:%u:%u: %s", mistakes->path, at.line, at.column,
                   pointer);
}
