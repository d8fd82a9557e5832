/* SPDX-License-Identifier: Apache-2.0 */
/* log.h: one record of the log: level, words, fields as key=value; where it goes is set once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log_field {
    const char *key;
    struct bytes value; /* any bytes; the sink escapes */
};

/* Takes one finished record. Thread any; must not wait. The words and fields are borrowed. */
typedef void (*log_sink)(void *owner, enum log_level level, struct bytes words,
                         const struct log_field *fields, unsigned fields_count);

/* Before threads start. Until then, and with a NULL sink, nothing is wanted. */
void log_to(log_sink sink, void *owner, enum log_level at_least);
void log_level_set(enum log_level at_least); /* thread any */
bool log_wanted(enum log_level level);

#define LOG_FIELDS_MAX 16u

/* log_write(LOG_INFO, "listening", LOG_TEXT("address", address), LOG_INT("port", port));
 * At most LOG_FIELDS_MAX fields. Never pass a token, an API key or an event's data. */
#define log_write(level, words, ...)                                                         \
    do {                                                                                     \
        if (log_wanted(level)) {                                                             \
            const struct log_arg log_args_[] = {{0}, ##__VA_ARGS__};                         \
            _Static_assert(ARRAY_COUNT(log_args_) - 1 <= LOG_FIELDS_MAX, "too many fields"); \
            log_args(level, words, log_args_ + 1, ARRAY_COUNT(log_args_) - 1);               \
        }                                                                                    \
    } while (0)

struct log_arg {
    const char *key;
    struct bytes text;
    long long number;
    bool is_number; /* else text, which may be absent: shown as empty */
};
/* clang-format off */
#define LOG_TEXT(key, bytes_value) {(key), (bytes_value), 0, false}
#define LOG_INT(key, number_value) {(key), {0}, (number_value), true}
/* clang-format on */

/* What log_write calls; fields beyond LOG_FIELDS_MAX are left out. */
void log_args(enum log_level level, const char *words, const struct log_arg *args, unsigned count);

#endif
