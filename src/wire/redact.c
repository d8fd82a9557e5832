/* SPDX-License-Identifier: Apache-2.0 */
/* redact.c: writes a JSON value again without the members that have secret names, at any depth. */
#include "wire/redact.h"

#include <stdlib.h>

static bool is_secret(struct strbuf *out, struct bytes quoted, const struct redaction *redaction)
{
    struct json_strings strings = {.text_size = quoted.size};
    struct bytes name;
    bool secret = true;
    int r = json_strings_in(&strings, quoted, &name);

    if (r < 0)
        out->error = r;
    else
        secret = redaction_matches(redaction, name);
    free(strings.unescaped);
    return secret;
}

static unsigned object_put(struct strbuf *out, struct bytes object,
                           const struct redaction *redaction)
{
    struct json_walk walk = json_walk(object);
    struct bytes name, value;
    unsigned removed = 0;
    bool first = true;

    strbuf_putc(out, '{');
    while (json_walk_member(&walk, &name, &value)) {
        if (is_secret(out, name, redaction)) {
            removed++;
            continue;
        }
        if (!first)
            strbuf_putc(out, ',');
        first = false;
        json_put_scalar(out, name);
        strbuf_putc(out, ':');
        removed += redact_put(out, value, redaction);
    }
    strbuf_putc(out, '}');
    return removed;
}

static unsigned array_put(struct strbuf *out, struct bytes array, const struct redaction *redaction)
{
    struct json_walk walk = json_walk(array);
    struct bytes element;
    unsigned removed = 0;
    bool first = true;

    strbuf_putc(out, '[');
    while (json_walk_element(&walk, &element)) {
        if (!first)
            strbuf_putc(out, ',');
        first = false;
        removed += redact_put(out, element, redaction);
    }
    strbuf_putc(out, ']');
    return removed;
}

/* Recurses as deep as the value, which json_check has bounded by JSON_DEPTH_MAX. */
unsigned redact_put(struct strbuf *out, struct bytes value, const struct redaction *redaction)
{
    switch (value.data[0]) {
    case '{':
        return object_put(out, value, redaction);
    case '[':
        return array_put(out, value, redaction);
    default:
        json_put_scalar(out, value);
        return 0;
    }
}
