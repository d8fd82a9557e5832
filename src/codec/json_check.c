/* SPDX-License-Identifier: Apache-2.0 */
/* json_check.c: is a text JSON by the rules of json_read? Told in one walk, for what is usual. */
#include <stdio.h>

#include "base/utf8.h"
#include "codec/json_scan.h"
#include "mcp_auth/error.h"

/* Names of one object are compared with each other up to here; an object with more is jansson's,
 * whose tables make it linear. */
#define NAMES_MAX 16u
/* Fewer digits than make 2^63, and too few to overflow a double without an exponent. */
#define INTEGER_DIGITS_MAX 18u
#define REAL_SIZE_MAX 300u

/* `unsure`: so far it is JSON, but whether json_read takes it is for jansson to say. */
struct scan {
    const char *at, *end;
    unsigned depth;
    bool unsure;
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

/* RFC 8259 section 6. */
static bool scan_number(struct scan *s)
{
    const char *start = s->at;

    (void)skip(s, '-');
    if (!skip(s, '0') && !scan_digits(s))
        return false;
    if ((size_t)(s->at - start) > INTEGER_DIGITS_MAX)
        s->unsure = true;
    if (skip(s, '.') && !scan_digits(s))
        return false;
    if (skip(s, 'e') || skip(s, 'E')) {
        s->unsure = true;
        if (!skip(s, '+'))
            (void)skip(s, '-');
        if (!scan_digits(s))
            return false;
    }
    if ((size_t)(s->at - start) > REAL_SIZE_MAX)
        s->unsure = true;
    return true;
}

static bool scan_word(struct scan *s, struct bytes word)
{
    if (!bytes_starts_with((struct bytes){s->at, (size_t)(s->end - s->at)}, word))
        return false;
    s->at += word.size;
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
        s->unsure = true;
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
    if (escaped || *count == NAMES_MAX)
        s->unsure = true;
    if (!s->unsure) {
        for (unsigned i = 0; i < *count; i++)
            if (bytes_equal(names[i], name))
                return false;
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
    bool good;

    if (s->depth == JSON_DEPTH_MAX)
        return false;
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
        break;
    case 't':
        good = scan_word(s, BYTES("true"));
        break;
    case 'f':
        good = scan_word(s, BYTES("false"));
        break;
    case 'n':
        good = scan_word(s, BYTES("null"));
        break;
    default:
        good = scan_number(s);
    }
    skip_space(s);
    return good;
}

int json_check(struct bytes text, struct json_problem *ret_problem)
{
    struct scan s = {.at = text.size ? text.data : ""};
    json_t *value = NULL;
    bool good;
    int r;

    s.end = s.at + text.size;
    good = scan_value(&s) && s.at == s.end;
    if (good && !s.unsure)
        return 0;
    /* jansson has the last word, and the words for a refusal. */
    r = json_read(text, &value, ret_problem);
    json_decref(value);
    if (r == 0 && !good) { /* what we cannot walk is not let in */
        r = MCP_AUTH_E_INVALID;
        if (ret_problem) {
            snprintf(ret_problem->text, sizeof ret_problem->text, "line 1, column 1: not JSON");
            ret_problem->line = ret_problem->column = 1;
            ret_problem->why = ret_problem->text + strlen("line 1, column 1: ");
        }
    }
    return r;
}
