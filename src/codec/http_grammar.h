/* SPDX-License-Identifier: Apache-2.0 */
/* http_grammar.h: the few character classes of RFC 9110 that the HTTP parsers share. */
#ifndef CODEC_HTTP_GRAMMAR_H
#define CODEC_HTTP_GRAMMAR_H

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"

static inline bool http_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool http_is_space(char c) /* OWS, RFC 9110 section 5.6.3 */
{
    return c == ' ' || c == '\t';
}

/* CTL of RFC 5234 appendix B.1, HTAB, CR and LF included. Bytes from 0x80 on are obs-text. */
static inline bool http_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

static inline bool http_is_token_char(char c) /* tchar, RFC 9110 section 5.6.2 */
{
    static const char marks[] = "!#$%&'*+-.^_`|~";

    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || http_is_digit(c))
        return true;
    return memchr(marks, c, sizeof marks - 1) != NULL;
}

static inline bool http_is_token(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!http_is_token_char(text.data[i]))
            return false;
    return text.size > 0;
}

static inline struct bytes http_trim(struct bytes text)
{
    while (text.size > 0 && http_is_space(text.data[0])) {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && http_is_space(text.data[text.size - 1]))
        text.size--;
    return text;
}

/* Takes the next member off the front of a comma separated list (RFC 9110 section 5.6.1),
 * trimmed, perhaps empty. A list with n commas has n + 1 members; `rest` is absent after the
 * last, so start with a present one. */
static inline bool http_list_next(struct bytes *rest, struct bytes *ret_member)
{
    const char *comma;
    size_t size;

    if (!bytes_present(*rest))
        return false;
    comma = memchr(rest->data, ',', rest->size);
    size = comma ? (size_t)(comma - rest->data) : rest->size;
    *ret_member = http_trim((struct bytes){rest->data, size});
    *rest = comma ? (struct bytes){comma + 1, rest->size - size - 1} : (struct bytes){0};
    return true;
}

#endif
