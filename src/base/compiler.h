/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h: the attributes and small macros of the compiler that every room uses. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define BIT(n) (1u << (n))
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
