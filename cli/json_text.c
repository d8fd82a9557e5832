/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c: the little JSON a client needs: strings written, members of an answer found. */
#include "cli.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

void json_text_put(struct strbuf *out, struct bytes text)
{
    strbuf_putc(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\')
            strbuf_printf(out, "\\%c", c);
        else if (c < 0x20)
            strbuf_printf(out, "\\u%04x", c);
        else
            strbuf_putc(out, (char)c);
    }
    strbuf_putc(out, '"');
}

static void skip_blanks(struct bytes *rest)
{
    while (rest->size && is_blank(rest->data[0]))
        rest->data++, rest->size--;
}

/* The size of the string at the front, both quotes included; 0 when it does not end. */
static size_t string_size(struct bytes rest)
{
    for (size_t i = 1; i < rest.size; i++) {
        if (rest.data[i] == '\\')
            i++;
        else if (rest.data[i] == '"')
            return i + 1;
    }
    return 0;
}

/* The size of the value at the front; 0 when there is none. */
static size_t value_size(struct bytes rest)
{
    unsigned depth = 0;

    for (size_t i = 0; i < rest.size; i++) {
        char c = rest.data[i];

        if (c == '"') {
            size_t size = string_size((struct bytes){rest.data + i, rest.size - i});

            if (size == 0)
                return 0;
            i += size - 1;
            if (depth == 0)
                return i + 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return i;
            if (--depth == 0)
                return i + 1;
        } else if (depth == 0 && (c == ',' || is_blank(c))) {
            return i;
        }
    }
    return depth ? 0 : rest.size;
}

static void take(struct bytes *rest, size_t size)
{
    rest->data += size;
    rest->size -= size;
}

/* The whole text begins with '{' or '['; what is left of it later begins with a comma, or, behind
 * an empty or the last member, with the closing bracket. */
bool json_text_next(struct bytes *rest, struct bytes *ret_key, struct bytes *ret_value)
{
    size_t size;

    skip_blanks(rest);
    if (rest->size == 0 || !strchr("{[,", rest->data[0]))
        return false;
    take(rest, 1);
    skip_blanks(rest);
    *ret_key = (struct bytes){0};
    if (rest->size && rest->data[0] == '"') {
        size = string_size(*rest);
        if (size == 0)
            return false;
        *ret_value = (struct bytes){rest->data, size};
        take(rest, size);
        skip_blanks(rest);
        if (rest->size == 0 || rest->data[0] != ':')
            return true; /* an item of an array */
        *ret_key = (struct bytes){ret_value->data + 1, size - 2};
        take(rest, 1);
        skip_blanks(rest);
    }
    size = value_size(*rest);
    if (size == 0)
        return false;
    *ret_value = (struct bytes){rest->data, size};
    take(rest, size);
    return true;
}

bool json_text_find(struct bytes object, const char *path, struct bytes *ret_value)
{
    struct bytes key, value;

    for (;;) {
        size_t size = strcspn(path, ".");
        bool found = false;

        while (!found && json_text_next(&object, &key, &value))
            found = bytes_present(key) && bytes_equal(key, (struct bytes){path, size});
        if (!found)
            return false;
        if (!path[size]) {
            *ret_value = value;
            return true;
        }
        object = value;
        path += size + 1;
    }
}

/* Four hexadecimal digits, or a negative number. */
static int hex4(struct bytes text)
{
    int number = 0;

    if (text.size < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, ascii_lower(text.data[i]));

        if (!digit || !*digit)
            return -1;
        number = number * 16 + (int)(digit - digits);
    }
    return number;
}

static void put_utf8(struct strbuf *out, unsigned code)
{
    if (code < 0x80) {
        strbuf_putc(out, (char)code);
    } else if (code < 0x800) {
        strbuf_putc(out, (char)(0xc0 | code >> 6));
        strbuf_putc(out, (char)(0x80 | (code & 0x3f)));
    } else {
        strbuf_putc(out, (char)(0xe0 | code >> 12));
        strbuf_putc(out, (char)(0x80 | (code >> 6 & 0x3f)));
        strbuf_putc(out, (char)(0x80 | (code & 0x3f)));
    }
}

void json_text_decode(struct bytes value, struct strbuf *out)
{
    if (value.size < 2 || value.data[0] != '"') {
        strbuf_put_bytes(out, value);
        return;
    }
    for (size_t i = 1; i + 1 < value.size; i++) {
        char c = value.data[i];
        int code;

        if (c != '\\') {
            strbuf_putc(out, c);
            continue;
        }
        c = value.data[++i];
        code = c == 'u' ? hex4((struct bytes){value.data + i + 1, value.size - i - 2}) : -1;
        if (code >= 0) {
            i += 4;
            if (code >= 0xd800 && code < 0xe000)
                strbuf_putc(out, '?'); /* half of a pair: our servers send those as UTF-8 */
            else
                put_utf8(out, (unsigned)code);
        } else {
            strbuf_putc(out, c == 'n' ? '\n' : c == 't' ? '\t' : strchr("bfr", c) ? ' ' : c);
        }
    }
}
