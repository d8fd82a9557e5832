/* SPDX-License-Identifier: Apache-2.0 */
/* json_put.c: writes JSON by appending; what it writes, json_read reads as the same value. */
#include <assert.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "codec/json.h"
#include "codec/json_plain.h"

static bool needs_escape(char c)
{
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

/* RFC 8259 section 7: the two-character escape where there is one, else \u00XX. */
static void escape_put(struct strbuf *out, char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *found = memchr(from, c, sizeof from - 1);
    char escape[6] = {'\\', 'u', '0', '0', hex[(unsigned char)c >> 4], hex[c & 15]};

    if (found) {
        escape[1] = to[found - from];
        strbuf_put(out, escape, 2);
    } else {
        strbuf_put(out, escape, sizeof escape);
    }
}

/* Valid UTF-8, in runs between the characters that need an escape. */
static void text_put(struct strbuf *out, struct bytes text)
{
    size_t start = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (!needs_escape(text.data[i]))
            continue;
        strbuf_put(out, text.data + start, i - start);
        escape_put(out, text.data[i]);
        start = i + 1;
    }
    if (start < text.size)
        strbuf_put(out, text.data + start, text.size - start);
}

/* Size of the UTF-8 character at the front, 0 if there is none. */
static size_t character_size(struct bytes text)
{
    for (size_t size = 1; size <= 4 && size <= text.size; size++)
        if (utf8_valid(text.data, size))
            return size;
    return 0;
}

/* Text that is not UTF-8 would make the whole frame unreadable for its receiver, who is not to
 * blame: each bad byte becomes U+FFFD. */
static void broken_text_put(struct strbuf *out, struct bytes text)
{
    while (text.size > 0) {
        size_t size = character_size(text);

        if (size > 0)
            text_put(out, (struct bytes){text.data, size});
        else
            strbuf_puts(out, "\xef\xbf\xbd");
        size = size ? size : 1;
        text = (struct bytes){text.data + size, text.size - size};
    }
}

void json_put_string(struct strbuf *out, struct bytes text)
{
    char *to;

    if (text.size > 0 && json_plain_size(text.data, text.size) < text.size) {
        strbuf_putc(out, '"');
        if (utf8_valid(text.data, text.size))
            text_put(out, text);
        else
            broken_text_put(out, text);
        strbuf_putc(out, '"');
        return;
    }
    /* Nearly all of our text. */
    to = strbuf_reserve(out, text.size + 2);
    if (!to)
        return;
    to[0] = to[text.size + 1] = '"';
    if (text.size > 0)
        memcpy(to + 1, text.data, text.size);
    strbuf_added(out, text.size + 2);
}

void json_put_int(struct strbuf *out, int64_t number)
{
    char digits[20], *end = digits + sizeof digits, *at = end;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number; /* INT64_MIN too */

    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (number < 0)
        *--at = '-';
    strbuf_put(out, at, (size_t)(end - at));
}

/* From what printf wrote in the host's locale to JSON's shortest form: a point whatever the
 * locale's is, "1e300" for "1e+300", "1.0" for "1". Returns the size. */
static size_t real_tidy(const char *from, char *to)
{
    bool real = false;
    size_t size = 0;

    while (*from) {
        if (*from == 'e') {
            real = true;
            to[size++] = *from++;
            if (*from == '-')
                to[size++] = *from++;
            while (*from == '+' || *from == '0')
                from++;
        } else if (*from == '-' || (*from >= '0' && *from <= '9')) {
            to[size++] = *from++;
        } else {
            real = true;
            to[size++] = '.';
            while (*from && !(*from >= '0' && *from <= '9')) /* may be several bytes */
                from++;
        }
    }
    if (!real) {
        to[size++] = '.';
        to[size++] = '0';
    }
    return size;
}

static void real_put(struct strbuf *out, double number)
{
    char printed[40], tidy[40];

    assert(isfinite(number));                       /* jansson makes no others */
    for (int digits = 15; digits <= 17; digits++) { /* 17 are always enough for a double */
        snprintf(printed, sizeof printed, "%.*g", digits, number);
        if (strtod(printed, NULL) == number)
            break;
    }
    strbuf_put(out, tidy, real_tidy(printed, tidy));
}

static void object_put(struct strbuf *out, json_t *object)
{
    const char *name;
    json_t *member;
    bool first = true;

    strbuf_putc(out, '{');
    json_object_foreach(object, name, member)
    { /* in the order of insertion */
        if (!first)
            strbuf_putc(out, ',');
        first = false;
        json_put_string(out, bytes_of(name));
        strbuf_putc(out, ':');
        json_put_value(out, member);
    }
    strbuf_putc(out, '}');
}

static void array_put(struct strbuf *out, const json_t *array)
{
    size_t index;
    json_t *element;

    strbuf_putc(out, '[');
    json_array_foreach(array, index, element)
    {
        if (index > 0)
            strbuf_putc(out, ',');
        json_put_value(out, element);
    }
    strbuf_putc(out, ']');
}

/* Recurses as deep as the value: JSON_DEPTH_MAX for what was read, a few for our own. */
void json_put_value(struct strbuf *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        object_put(out, (json_t *)(uintptr_t)value); /* jansson's iterators are not const */
        break;
    case JSON_ARRAY:
        array_put(out, value);
        break;
    case JSON_STRING:
        json_put_string(out, json_text(value));
        break;
    case JSON_INTEGER:
        json_put_int(out, json_integer_value(value));
        break;
    case JSON_REAL:
        real_put(out, json_real_value(value));
        break;
    case JSON_TRUE:
        strbuf_puts(out, "true");
        break;
    case JSON_FALSE:
        strbuf_puts(out, "false");
        break;
    case JSON_NULL:
        strbuf_puts(out, "null");
        break;
    }
}

void json_put_name(struct strbuf *out, const char *name)
{
    size_t size = strlen(name);
    char *to = strbuf_reserve(out, size + 4), *at = to; /* a value follows: no byte is too many */

    if (!to)
        return;
    if (out->size == 0 || out->data[out->size - 1] != '{')
        *at++ = ',';
    *at++ = '"';
    memcpy(at, name, size);
    at += size;
    *at++ = '"';
    *at++ = ':';
    strbuf_added(out, (size_t)(at - to));
}
