/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h: a view of bytes that it does not own. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Borrowed bytes, not terminated. data may be NULL only when size is 0. A view with
 * data == NULL means "absent", one with data and size 0 means "empty". */
struct bytes {
    const char *data;
    size_t size;
};

/* From a string literal. */
#define BYTES(literal) ((struct bytes){"" literal, sizeof(literal) - 1})

static inline struct bytes bytes_of(const char *string)
{
    return (struct bytes){string, string ? strlen(string) : 0};
}

static inline bool bytes_present(struct bytes b)
{
    return b.data != NULL;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_starts_with(struct bytes whole, struct bytes prefix)
{
    return whole.size >= prefix.size &&
           (prefix.size == 0 || memcmp(whole.data, prefix.data, prefix.size) == 0);
}

/* Writes the bytes at *at, which it moves behind them, and returns where they now are; absent ones
 * stay absent. For structs that keep their texts in one allocation. */
static inline struct bytes bytes_copy(char **at, struct bytes b)
{
    struct bytes copy = {*at, b.size};

    if (!bytes_present(b))
        return b;
    if (b.size > 0)
        memcpy(*at, b.data, b.size);
    *at += b.size;
    return copy;
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Equal when ASCII letters are compared without case. */
static inline bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (a.data[i] != b.data[i] && ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

#endif
