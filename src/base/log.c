/* SPDX-License-Identifier: Apache-2.0 */
/* log.c: one record of the log, built on the stack and handed to the sink that was set once. */
#include "base/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>

/* "-9223372036854775808" and its NUL */
#define NUMBER_SIZE 21

static struct {
    log_sink sink;
    void *owner;
    atomic_int at_least; /* enum log_level; changes while threads run */
} destination;

void log_to(log_sink sink, void *owner, enum log_level at_least)
{
    destination.sink = sink;
    destination.owner = owner;
    log_level_set(at_least);
}

void log_level_set(enum log_level at_least)
{
    atomic_store_explicit(&destination.at_least, (int)at_least, memory_order_relaxed);
}

bool log_wanted(enum log_level level)
{
    return destination.sink &&
           (int)level >= atomic_load_explicit(&destination.at_least, memory_order_relaxed);
}

void log_args(enum log_level level, const char *words, const struct log_arg *args, unsigned count)
{
    struct log_field fields[LOG_FIELDS_MAX];
    char numbers[LOG_FIELDS_MAX][NUMBER_SIZE];

    assert(words);
    if (!log_wanted(level))
        return;
    if (count > LOG_FIELDS_MAX)
        count = LOG_FIELDS_MAX;
    for (unsigned i = 0; i < count; i++) {
        fields[i].key = args[i].key;
        if (args[i].is_number) {
            int size = snprintf(numbers[i], NUMBER_SIZE, "%lld", args[i].number);

            assert(size > 0 && size < NUMBER_SIZE);
            fields[i].value = (struct bytes){numbers[i], (size_t)size};
        } else {
            fields[i].value = bytes_present(args[i].text) ? args[i].text : BYTES("");
        }
    }
    destination.sink(destination.owner, level, bytes_of(words), fields, count);
}
