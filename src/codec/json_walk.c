/* SPDX-License-Identifier: Apache-2.0 */
/* json_walk.c: the parts of a checked JSON text where they stand, and what they say. */
#include "codec/json_walk.h"

#include <assert.h>
#include <stdlib.h>

#include "codec/json_plain.h"
#include "mcp_auth/error.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_space(struct json_walk *walk)
{
    while (walk->at < walk->end && is_space(*walk->at))
        walk->at++;
}

/* From its first quote to behind its last. */
static void skip_string(struct json_walk *walk)
{
    walk->at++;
    for (;;) {
        walk->at += json_plain_size(walk->at, (size_t)(walk->end - walk->at));
        assert(walk->at < walk->end); /* it was checked */
        if (*walk->at == '"')
            break;
        walk->at += *walk->at == '\\' ? 2 : 1;
    }
    walk->at++;
}

static void skip_nested(struct json_walk *walk)
{
    unsigned depth = 0;

    do {
        assert(walk->at < walk->end);
        switch (*walk->at) {
        case '"':
            skip_string(walk);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            depth--;
            break;
        default:
            break;
        }
        walk->at++;
    } while (depth > 0);
}

/* The value that begins here; moves behind it and its white space. */
static struct bytes value_take(struct json_walk *walk)
{
    struct bytes value = {walk->at, 0};

    assert(walk->at < walk->end);
    if (*walk->at == '"')
        skip_string(walk);
    else if (*walk->at == '{' || *walk->at == '[')
        skip_nested(walk);
    else
        while (walk->at < walk->end && !is_space(*walk->at) && *walk->at != ',' &&
               *walk->at != '}' && *walk->at != ']')
            walk->at++;
    value.size = (size_t)(walk->at - value.data);
    skip_space(walk);
    return value;
}

struct bytes json_walk_value(struct bytes text)
{
    struct json_walk walk = {text.data, text.data + text.size};

    skip_space(&walk);
    while (walk.end > walk.at && is_space(walk.end[-1]))
        walk.end--;
    return (struct bytes){walk.at, (size_t)(walk.end - walk.at)};
}

struct json_walk json_walk(struct bytes text)
{
    struct json_walk walk = {text.data, text.data + text.size};

    skip_space(&walk);
    assert(walk.at < walk.end && (*walk.at == '{' || *walk.at == '['));
    walk.at++;
    return walk;
}

/* To the next part of what is walked through. False at its end. */
static bool next(struct json_walk *walk)
{
    skip_space(walk);
    assert(walk->at < walk->end);
    if (*walk->at == ',') {
        walk->at++;
        skip_space(walk);
    }
    return *walk->at != '}' && *walk->at != ']';
}

bool json_walk_member(struct json_walk *walk, struct bytes *ret_name, struct bytes *ret_value)
{
    if (!next(walk))
        return false;
    *ret_name = value_take(walk);
    assert(*walk->at == ':');
    walk->at++;
    skip_space(walk);
    *ret_value = value_take(walk);
    return true;
}

bool json_walk_element(struct json_walk *walk, struct bytes *ret_value)
{
    if (!next(walk))
        return false;
    *ret_value = value_take(walk);
    return true;
}

static unsigned hex_take(const char **at)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        char c = ascii_lower(*(*at)++);

        code = code << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return code;
}

static char *utf8_put(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *to++ = (char)(0xe0 | code >> 12);
        } else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* *at is behind a backslash (RFC 8259 section 7). */
static char *unescape(const char **at, char *to)
{
    static const char from[] = "\"\\/bfnrt", says[] = "\"\\/\b\f\n\r\t";
    char c = *(*at)++;
    unsigned code;

    if (c != 'u') {
        *to = says[(const char *)memchr(from, c, sizeof from - 1) - from];
        return to + 1;
    }
    code = hex_take(at);
    if (code >= 0xd800 && code <= 0xdbff) { /* the other half follows: it was checked */
        *at += 2;
        code = 0x10000 + ((code & 0x3ff) << 10 | (hex_take(at) & 0x3ff));
    }
    return utf8_put(to, code);
}

struct bytes json_unquote(struct bytes quoted, char *room)
{
    struct bytes inside = {quoted.data + 1, quoted.size - 2};
    const char *at = inside.data, *end = at + inside.size;
    char *to = room;

    assert(quoted.size >= 2 && quoted.data[0] == '"');
    if (!memchr(inside.data, '\\', inside.size))
        return inside;
    if (!room)
        return (struct bytes){0};
    while (at < end) {
        if (*at == '\\') {
            at++;
            to = unescape(&at, to);
        } else {
            *to++ = *at++;
        }
    }
    assert(at == end && (size_t)(to - room) < inside.size);
    return (struct bytes){room, (size_t)(to - room)};
}

int json_strings_in(struct json_strings *strings, struct bytes quoted, struct bytes *ret)
{
    *ret = json_unquote(quoted, NULL);
    if (bytes_present(*ret))
        return 0;
    if (!strings->unescaped)
        strings->unescaped = malloc(strings->text_size);
    if (!strings->unescaped)
        return MCP_AUTH_E_NOMEM;
    assert(quoted.size <= strings->text_size - strings->unescaped_size);
    *ret = json_unquote(quoted, strings->unescaped + strings->unescaped_size);
    strings->unescaped_size += ret->size;
    return 0;
}

/* What can be written in several ways: jansson reads it and json_put_value writes it. */
static void put_by_value(struct strbuf *out, struct bytes value)
{
    json_t *tree;
    int r = json_read(value, &tree, NULL);

    assert(r == 0 || r == MCP_AUTH_E_NOMEM); /* it was checked */
    if (r < 0) {
        out->error = r;
        return;
    }
    json_put_value(out, tree);
    json_decref(tree);
}

void json_put_scalar(struct strbuf *out, struct bytes value)
{
    bool canonical;

    switch (value.data[0]) {
    case '"':
        canonical = !memchr(value.data, '\\', value.size);
        break;
    case 't':
    case 'f':
    case 'n':
        canonical = true;
        break;
    default:
        canonical = value.size <= 18 && !bytes_equal(value, BYTES("-0"));
        for (size_t i = 0; canonical && i < value.size; i++)
            canonical = value.data[i] == '-' || (value.data[i] >= '0' && value.data[i] <= '9');
    }
    if (canonical)
        strbuf_put_bytes(out, value);
    else
        put_by_value(out, value);
}
