/* SPDX-License-Identifier: Apache-2.0 */
/* json_quick.c: reads the plain shapes of JSON by whole strings; what is not plain is not read. */
#include "codec/json_quick.h"

#include "base/utf8.h"

/* jansson takes about a hundred instructions for each byte of a string: it reads byte by byte
 * through two buffers. A sign-in is two texts of some 200 bytes, and half of what it cost was that.
 *
 * Everything here says no rather than judge: whatever is not plainly JSON, is rare (an escape, a
 * real number, a large one, a long name), or finds no memory, is read again by jansson, whose
 * answer and whose words about an error then stand. So what is accepted here must be what jansson
 * accepts, with the same value; a test and a fuzz target compare the two. */

#define NAME_ROOM 64u /* jansson 2.13 takes names only with a NUL behind them */
#define DIGITS_MAX 18 /* any such number fits in 64 bits */

struct walk {
    const char *at, *end; /* at <= end */
    unsigned depth;       /* arrays and objects around what is at `at` */
};

/* The next byte that is not white space; 0 at the end. */
static char peek(struct walk *walk)
{
    while (walk->at < walk->end &&
           (*walk->at == ' ' || *walk->at == '\n' || *walk->at == '\r' || *walk->at == '\t'))
        walk->at++;
    return walk->at < walk->end ? *walk->at : '\0';
}

/* Do all of these bytes stand for themselves in a string? The loop has no exit, so that the
 * compiler can take many at a time. */
static bool is_plain(struct bytes text)
{
    unsigned char odd = 0, high = 0;

    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];

        odd |= (unsigned char)((c < 0x20) | (c == '\\'));
        high |= c;
    }
    return !odd && (high < 0x80 || utf8_valid(text.data, text.size));
}

/* The string that begins at `at`, without its quotes. */
static bool read_string(struct walk *walk, struct bytes *ret)
{
    const char *start = walk->at + 1;
    const char *close = memchr(start, '"', (size_t)(walk->end - start));

    if (!close) /* and an escaped one makes what is before it not plain */
        return false;
    *ret = (struct bytes){start, (size_t)(close - start)};
    walk->at = close + 1;
    return is_plain(*ret);
}

static json_t *read_integer(struct walk *walk)
{
    bool negative = *walk->at == '-';
    const char *start = walk->at + negative, *at = start;
    json_int_t number = 0;

    while (at < walk->end && *at >= '0' && *at <= '9' && at - start < DIGITS_MAX)
        number = number * 10 + (*at++ - '0');
    if (at == start || (*start == '0' && at - start > 1))
        return NULL;
    if (at < walk->end && ((*at >= '0' && *at <= '9') || strchr(".eE", *at)))
        return NULL; /* strchr finds a NUL, too, which is no JSON either */
    walk->at = at;
    return json_integer(negative ? -number : number);
}

static json_t *read_word(struct walk *walk)
{
    struct bytes rest = {walk->at, (size_t)(walk->end - walk->at)};

    if (bytes_starts_with(rest, BYTES("true"))) {
        walk->at += 4;
        return json_true();
    }
    if (bytes_starts_with(rest, BYTES("false"))) {
        walk->at += 5;
        return json_false();
    }
    if (bytes_starts_with(rest, BYTES("null"))) {
        walk->at += 4;
        return json_null();
    }
    return NULL;
}

static json_t *read_value(struct walk *walk);

/* One member into `object`, which has `count` of them; a doubled one does not make it larger. */
static bool read_member(struct walk *walk, json_t *object, size_t count)
{
    char name[NAME_ROOM];
    struct bytes text;

    if (peek(walk) != '"' || !read_string(walk, &text) || text.size >= sizeof name ||
        peek(walk) != ':')
        return false;
    walk->at++;
    memcpy(name, text.data, text.size);
    name[text.size] = '\0'; /* the only one: a plain string has none */
    return json_object_set_new_nocheck(object, name, read_value(walk)) == 0 &&
           json_object_size(object) == count + 1;
}

/* An array or object, whose bracket is at `at`. Recurses up to JSON_DEPTH_MAX. */
static json_t *read_container(struct walk *walk)
{
    bool is_object = *walk->at == '{';
    char close = is_object ? '}' : ']', next = ',';
    json_t *value = NULL;

    if (walk->depth < JSON_DEPTH_MAX)
        value = is_object ? json_object() : json_array();
    if (!value)
        return NULL;
    walk->depth++;
    walk->at++;
    if (peek(walk) == close)
        next = close;
    for (size_t count = 0; next == ','; count++) {
        if (is_object ? !read_member(walk, value, count)
                      : json_array_append_new(value, read_value(walk)) < 0)
            break;
        next = peek(walk);
        if (next == ',')
            walk->at++;
    }
    if (next != close) {
        json_decref(value);
        return NULL;
    }
    walk->at++;
    walk->depth--;
    return value;
}

static json_t *read_value(struct walk *walk)
{
    struct bytes text;
    char first = peek(walk);

    if (first == '"')
        return read_string(walk, &text) ? json_stringn_nocheck(text.data, text.size) : NULL;
    if (first == '{' || first == '[')
        return read_container(walk);
    if (first == '-' || (first >= '0' && first <= '9'))
        return read_integer(walk);
    return read_word(walk);
}

json_t *json_quick_read(struct bytes text)
{
    struct walk walk = {.at = text.data, .end = text.data + text.size};
    json_t *value;

    if (text.size == 0)
        return NULL;
    value = read_value(&walk);
    (void)peek(&walk);
    if (value && walk.at < walk.end) {
        json_decref(value);
        return NULL;
    }
    return value;
}
