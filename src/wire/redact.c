/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c: takes members with secret names out of a JSON value, at any depth. */
#include "wire/redact.h"

static unsigned object_redact(json_t *object, const struct redaction *redaction)
{
    unsigned removed = 0;
    const char *name;
    json_t *member;
    void *next;

    json_object_foreach_safe(object, next, name, member)
    {
        if (redaction_matches(redaction, bytes_of(name))) {
            json_object_del(object, name);
            removed++;
        } else {
            removed += redact_value(member, redaction);
        }
    }
    return removed;
}

/* Recurses as deep as the value, which json_read has bounded by JSON_DEPTH_MAX. */
unsigned redact_value(json_t *value, const struct redaction *redaction)
{
    unsigned removed = 0;
    size_t index;
    json_t *element;

    if (json_is_object(value))
        return object_redact(value, redaction);
    if (json_is_array(value)) {
        json_array_foreach(value, index, element) removed += redact_value(element, redaction);
    }
    return removed;
}
