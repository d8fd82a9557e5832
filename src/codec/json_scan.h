/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h: JSON checked and walked where it stands in the text, without building values. */
#ifndef CODEC_JSON_SCAN_H
#define CODEC_JSON_SCAN_H

#include "codec/json.h"

/* For the road of events, where building jansson's values of a text and freeing them again was half
 * of all our own work (45,000 of 107,000 instructions for an event of 300 bytes).
 *
 * Is the text what json_read would read? The same answers, and the same words in *ret_problem (may
 * be NULL). What is not plain to see (many members, escaped names, exponents) jansson is asked. */
MUST_CHECK int json_check(struct bytes text, struct json_problem *ret_problem);

/* The rest is for a text, or a value in a text, that json_check has found good. */

/* One value as it is written. Its first character tells what it is: one of "{[\"-0..9tfn". */
struct json_walk {
    const char *at, *end;
};

struct json_walk json_walk(struct bytes text);   /* through an object or an array */
struct bytes json_walk_value(struct bytes text); /* the text without white space around it */
/* The next member; the name is still quoted. False at the end. */
bool json_walk_member(struct json_walk *walk, struct bytes *ret_name, struct bytes *ret_value);
bool json_walk_element(struct json_walk *walk, struct bytes *ret_value);

/* What a quoted string says. Borrowed from `quoted`, or when there are escapes from `room`, which
 * has quoted.size bytes; NULL room: absent then. */
struct bytes json_unquote(struct bytes quoted, char *room);
static inline bool json_is_quoted(struct bytes value)
{
    return value.data[0] == '"';
}

/* Appends a string, number or word as json_put_value would. */
void json_put_scalar(struct strbuf *out, struct bytes value);

/* Of eight bytes: one that is '"', '\\', below ' ' or not ASCII sets its high bit. The lowest bit
 * that is set is right; a borrow may set others above it. */
static inline uint64_t json_not_plain(const char *data)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
    uint64_t word, quote, escape;

    memcpy(&word, data, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    quote = word ^ ones * '"';
    escape = word ^ ones * '\\';
    return ((quote - ones) | (escape - ones) | (word - ones * ' ') | word) & high;
}

/* How many bytes at the front stand in JSON strings as they are, and are ASCII. */
static inline size_t json_plain_size(const char *data, size_t size)
{
    size_t i = 0;

    for (; size - i >= 8; i += 8) {
        uint64_t hit = json_not_plain(data + i);

        if (hit)
            return i + (size_t)__builtin_ctzll(hit) / 8;
    }
    if (i > 0 && i < size) { /* the last eight: some of them again */
        uint64_t hit = json_not_plain(data + size - 8);

        return hit ? size - 8 + (size_t)__builtin_ctzll(hit) / 8 : size;
    }
    while (i < size && (unsigned char)data[i] >= ' ' && (unsigned char)data[i] < 0x80 &&
           data[i] != '"' && data[i] != '\\')
        i++;
    return i;
}

#endif
