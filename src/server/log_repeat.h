/* SPDX-License-Identifier: Apache-2.0 */
/* log_repeat.h: lines that are the same again and again are written a few times, then counted. */
#ifndef SERVER_LOG_REPEAT_H
#define SERVER_LOG_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define LOG_REPEAT_MAX 10u /* equal lines within one window */
#define LOG_REPEAT_WINDOW_MS 10000
#define LOG_REPEAT_CELLS 64u /* lines remembered; another line in the same cell takes it */

struct log_repeat {
    struct log_repeat_cell {
        uint64_t hash;
        int64_t since_ms;
        unsigned count; /* 0: free */
    } cells[LOG_REPEAT_CELLS];
};

/* May this line (without its time) be written? *ret_left_out: how many equal ones were not, since
 * this line was last written: to be told first. One thread's own; zeroed at first. */
bool log_repeat_allows(struct log_repeat *repeat, struct bytes line, int64_t mono_ms,
                       unsigned *ret_left_out);

#endif
