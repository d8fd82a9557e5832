/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.c: the grammar of JSON, the only one here: tells of most texts what jansson would. */
#include "codec/json_scan.h"

#include "base/utf8.h"
#include "codec/json_plain.h"

/* jansson takes about a hundred instructions for each byte of a string: it reads byte by byte
 * through two buffers. That was half of what a sign-in cost, and building values that are only
 * checked half of what an event cost. So this walk tells what is plain to see and builds it if
 * asked. The rest is jansson's: what is rare (doubled, long or escaped names, exponents, large
 * numbers), finds no memory, or is wrong. What is plain here must be what jansson accepts, with the
 * same value; a test and a fuzz target compare the two. */

/* Names of one object are compared with each other up to here; an object with more is jansson's,
 * whose tables make it linear. */
#define NAMES_MAX 16u
#define NAME_ROOM 64u /* jansson 2.13 takes names only with a NUL behind them */
/* Fewer digits than make 2^63, and too few to overflow a double without an exponent. */
#define INTEGER_DIGITS_MAX 18u
#define REAL_SIZE_MAX 300u

struct scan {
    const char *at, *end; /* at <= end */
    unsigned depth;       /* arrays and objects around what is at `at` */
    bool too_deep;
    bool unsure; /* it is JSON so far, but jansson is to say the rest */
    bool builds; /* never when unsure */
    json_t *root;
    json_t *around[JSON_DEPTH_MAX + 1]; /* when building: by depth, borrowed from the root */
    struct bytes name;                  /* of the member whose value is next */
};

static bool scan_value(struct scan *s);

static char peek(const struct scan *s)
{
    return s->at < s->end ? *s->at : '\0'; /* NUL is nowhere allowed */
}

static void skip_space(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* What was built is dropped in the end; whether it is JSON is still told. */
static void leave_to_jansson(struct scan *s)
{
    s->unsure = true;
    s->builds = false;
}

/* A doubled name does not make the object larger. Takes `value`, as jansson's calls do. */
static bool build_member(json_t *object, struct bytes name, json_t *value)
{
    size_t count = json_object_size(object);
    char text[NAME_ROOM];

    if (name.size >= sizeof text) {
        json_decref(value);
        return false;
    }
    memcpy(text, name.data, name.size);
    text[name.size] = '\0'; /* the only one: a plain string has none */
    return json_object_set_new_nocheck(object, text, value) == 0 &&
           json_object_size(object) == count + 1;
}

/* Puts a value into what is around it; a container is put there before what is in it, so that the
 * root owns all there is. NULL: no memory. */
static void build(struct scan *s, json_t *value)
{
    json_t *around = s->around[s->depth];
    bool built = value != NULL;

    if (!around)
        s->root = value;
    else if (json_is_array(around))
        built = json_array_append_new(around, value) == 0;
    else
        built = build_member(around, s->name, value);
    if (!built)
        leave_to_jansson(s);
}

static bool skip(struct scan *s, char c)
{
    if (peek(s) != c)
        return false;
    s->at++;
    return true;
}

static bool scan_digits(struct scan *s)
{
    const char *start = s->at;

    while (peek(s) >= '0' && peek(s) <= '9')
        s->at++;
    return s->at > start;
}

/* Digits alone, and few enough. */
static json_t *integer(const char *at, const char *end)
{
    bool negative = *at == '-';
    json_int_t number = 0;

    for (at += negative; at < end; at++)
        number = number * 10 + (*at - '0');
    return json_integer(negative ? -number : number);
}

/* RFC 8259 section 6. */
static bool scan_number(struct scan *s)
{
    const char *start = s->at, *digits, *whole;

    (void)skip(s, '-');
    digits = s->at;
    if (!skip(s, '0') && !scan_digits(s))
        return false;
    whole = s->at;
    if ((size_t)(whole - digits) > INTEGER_DIGITS_MAX)
        leave_to_jansson(s);
    if (skip(s, '.') && !scan_digits(s))
        return false;
    if (skip(s, 'e') || skip(s, 'E')) {
        leave_to_jansson(s);
        if (!skip(s, '+'))
            (void)skip(s, '-');
        if (!scan_digits(s))
            return false;
    }
    if ((size_t)(s->at - start) > REAL_SIZE_MAX || (s->builds && s->at > whole))
        leave_to_jansson(s);
    if (s->builds)
        build(s, integer(start, whole));
    return true;
}

static bool scan_word(struct scan *s, struct bytes word, json_t *value)
{
    if (!bytes_starts_with((struct bytes){s->at, (size_t)(s->end - s->at)}, word))
        return false;
    s->at += word.size;
    if (s->builds)
        build(s, value);
    return true;
}

/* RFC 8259 section 7. \u is left to jansson where it needs a second one or is refused. */
static bool scan_escape(struct scan *s)
{
    unsigned code = 0;

    s->at++;
    if (peek(s) != 'u') {
        if (s->at == s->end || !memchr("\"\\/bfnrt", *s->at, 8))
            return false;
        s->at++;
        return true;
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++) {
        char c = ascii_lower(peek(s));

        if (c >= '0' && c <= '9')
            code = code << 4 | (unsigned)(c - '0');
        else if (c >= 'a' && c <= 'f')
            code = code << 4 | (unsigned)(c - 'a' + 10);
        else
            return false;
    }
    if (code == 0 || (code >= 0xd800 && code <= 0xdfff))
        leave_to_jansson(s);
    return true;
}

/* *ret is what stands between the quotes. */
static bool scan_string(struct scan *s, struct bytes *ret, bool *ret_escaped)
{
    const char *start;
    bool ascii = true;

    *ret_escaped = false;
    if (!skip(s, '"'))
        return false;
    start = s->at;
    for (;;) {
        s->at += json_plain_size(s->at, (size_t)(s->end - s->at));
        if (peek(s) == '"')
            break;
        if (peek(s) == '\\') {
            *ret_escaped = true;
            if (!scan_escape(s))
                return false;
        } else if ((unsigned char)peek(s) >= 0x80) {
            ascii = false;
            s->at++;
        } else {
            return false; /* a control character, or the end */
        }
    }
    *ret = (struct bytes){start, (size_t)(s->at - start)};
    s->at++;
    return ascii || utf8_valid(ret->data, ret->size);
}

static bool scan_member(struct scan *s, struct bytes names[NAMES_MAX], unsigned *count)
{
    struct bytes name;
    bool escaped;

    if (!scan_string(s, &name, &escaped))
        return false;
    if (escaped || (*count == NAMES_MAX && !s->builds))
        leave_to_jansson(s);
    s->name = name;
    if (!s->unsure && !s->builds) {
        for (unsigned i = 0; i < *count; i++)
            if (bytes_equal(names[i], name))
                leave_to_jansson(s);
        names[(*count)++] = name;
    }
    skip_space(s);
    return skip(s, ':') && scan_value(s);
}

static bool scan_object(struct scan *s)
{
    struct bytes names[NAMES_MAX];
    unsigned count = 0;

    s->at++;
    skip_space(s);
    if (skip(s, '}'))
        return true;
    do {
        skip_space(s);
        if (!scan_member(s, names, &count))
            return false;
    } while (skip(s, ','));
    return skip(s, '}');
}

static bool scan_array(struct scan *s)
{
    s->at++;
    skip_space(s);
    if (skip(s, ']'))
        return true;
    do
        if (!scan_value(s))
            return false;
    while (skip(s, ','));
    return skip(s, ']');
}

static bool scan_nested(struct scan *s, bool object)
{
    json_t *value;
    bool good;

    s->too_deep = s->depth == JSON_DEPTH_MAX;
    if (s->too_deep)
        return false;
    if (s->builds) {
        value = object ? json_object() : json_array();
        build(s, value);
        s->around[s->depth + 1] = value;
    }
    s->depth++;
    good = object ? scan_object(s) : scan_array(s);
    s->depth--;
    return good;
}

/* A value and the white space around it. Recurses JSON_DEPTH_MAX deep. */
static bool scan_value(struct scan *s)
{
    struct bytes text;
    bool good, escaped;

    skip_space(s);
    switch (peek(s)) {
    case '{':
    case '[':
        good = scan_nested(s, *s->at == '{');
        break;
    case '"':
        good = scan_string(s, &text, &escaped);
        if (escaped && s->builds)
            leave_to_jansson(s);
        if (good && s->builds)
            build(s, json_stringn_nocheck(text.data, text.size));
        break;
    case 't':
        good = scan_word(s, BYTES("true"), json_true());
        break;
    case 'f':
        good = scan_word(s, BYTES("false"), json_false());
        break;
    case 'n':
        good = scan_word(s, BYTES("null"), json_null());
        break;
    default:
        good = scan_number(s);
    }
    if (good)
        skip_space(s);
    return good;
}

enum json_scanned json_scan(struct bytes text, json_t **ret, size_t *ret_at)
{
    struct scan s = {.at = text.size ? text.data : "", .builds = ret != NULL};
    const char *start = s.at;
    bool good;

    s.end = start + text.size;
    good = scan_value(&s) && s.at == s.end;
    if (good && s.builds)
        *ret = s.root;
    else
        json_decref(s.root);
    if (good)
        return s.unsure ? JSON_UNSURE : JSON_PLAIN;
    *ret_at = (size_t)(s.at - start);
    if (s.too_deep)
        return JSON_TOO_DEEP;
    return s.at < s.end && *s.at == '\0' ? JSON_NUL : JSON_BROKEN;
}
